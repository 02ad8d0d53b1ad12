//! Services that fall behind: stopped ones, and followers that are held back by a lock on their cursor's row.

use tokio_postgres::Client;
use types::ServiceName;

use crate::database::connect;
use crate::{TestDatabase, TestSystem};

/// A follower that applies nothing: another connection holds the row of its cursor, as a slow database would. What it was
/// about to apply waits; what it has applied stands. Dropped, it goes on a moment later.
#[derive(Debug)]
pub struct HeldFollower {
    holder: Client,
    superuser_url: String,
}

impl HeldFollower {
    /// Ends the connections that wait for it, as when their process dies: what was about to be applied is lost.
    pub async fn cut_off(&self) {
        let pid = self.holder.query_one("SELECT pg_backend_pid()", &[]).await.expect("a process id");
        let pid: i32 = pid.get(0);
        let superuser = connect(&self.superuser_url).await;
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
        superuser.query(end, &[&pid]).await.expect("the superuser may end connections");
    }

    /// Lets it go on.
    pub async fn release(self) {
        self.holder.batch_execute("ROLLBACK").await.expect("the lock is given back");
    }
}

impl TestSystem {
    /// A service's database.
    #[must_use]
    pub fn database_of(&self, service: ServiceName) -> &TestDatabase {
        match service {
            ServiceName::Tenant => &self.tenant_database,
            ServiceName::Identity => &self.identity_database,
            ServiceName::Mfa => &self.mfa_database,
        }
    }

    /// Holds back what `service` follows of `log`, on all its replicas. The service itself serves on.
    pub async fn hold_follower(&self, service: ServiceName, log: ServiceName) -> HeldFollower {
        let database = self.database_of(service);
        let (holder, superuser_url) = (database.owner().await, database.superuser_url());
        holder.batch_execute("BEGIN").await.expect("a transaction");
        let lock = "SELECT position FROM log_cursor WHERE log = $1 FOR UPDATE";
        holder.query_one(lock, &[&log.as_str()]).await.expect("the service follows this log");
        HeldFollower { holder, superuser_url }
    }

    /// Stops one of a replica's services; its port stays taken by nobody.
    pub async fn stop(&mut self, replica: usize, service: ServiceName) {
        match service {
            ServiceName::Tenant => self.stop_tenant(replica).await,
            ServiceName::Identity => self.stop_identity(replica).await,
            ServiceName::Mfa => self.stop_mfa(replica).await,
        }
    }

    /// Starts it again on the same port.
    pub async fn restart(&mut self, replica: usize, service: ServiceName) {
        match service {
            ServiceName::Tenant => self.restart_tenant(replica).await,
            ServiceName::Identity => self.restart_identity(replica).await,
            ServiceName::Mfa => self.restart_mfa(replica).await,
        }
    }
}
