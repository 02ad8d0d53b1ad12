//! One test's database.

use local::postgres::databases::{DatabasePlan, provision};
use store::{MigrationSet, PoolOptions, Store};
use tokio_postgres::NoTls;

use crate::cluster::Cluster;

/// A migrated database of one test; dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    server: Server,
    plan: DatabasePlan,
}

/// Where it is.
#[derive(Debug)]
enum Server {
    /// On the server of this process.
    Shared(&'static Cluster),
    /// On the test's own, which goes with it.
    Own { superuser_url: String },
}

impl Server {
    fn superuser_url(&self, database: &str) -> String {
        match self {
            Self::Shared(cluster) => cluster.superuser_url(database),
            Self::Own { superuser_url } => {
                let (head, _) = superuser_url.rsplit_once('/').expect("a URL with a database");
                format!("{head}/{database}")
            }
        }
    }
}

impl TestDatabase {
    /// The database of service `service` (its name decides the roles), migrated by `migrations` when `template` is new
    /// in this process, else copied.
    pub async fn create(
        template: &'static str,
        service: &str,
        migrations: impl FnOnce() -> Vec<MigrationSet>,
    ) -> Self {
        let cluster = Cluster::get().await;
        let plan = cluster.copy(template, service, migrations).await;
        Self { server: Server::Shared(cluster), plan }
    }

    /// The same on a server, or a primary and its standbys, of the test's own: `superuser_url` names all their hosts, the one
    /// that takes writes first.
    pub async fn create_on(
        superuser_url: &str,
        service: &str,
        migrations: impl FnOnce() -> Vec<MigrationSet>,
    ) -> Self {
        let plan = Cluster::plan(service);
        provision(superuser_url, &plan).await.expect("roles and the database");
        let owner_url = plan.url(superuser_url, &plan.owner).expect("the owner's URL");
        store::migrate(&owner_url, migrations()).await.expect("the migrations apply");
        Self { server: Server::Own { superuser_url: superuser_url.to_owned() }, plan }
    }

    /// A tenant database.
    pub async fn tenant() -> Self {
        Self::create("tenant", "tenant", tenant::migrations).await
    }

    /// An identity database.
    pub async fn identity() -> Self {
        Self::create("identity", "identity", identity::migrations).await
    }

    /// An mfa database.
    pub async fn mfa() -> Self {
        Self::create("mfa", "mfa", mfa::migrations).await
    }

    /// For the owner, who may do anything here.
    #[must_use]
    pub fn owner_url(&self) -> String {
        self.url(&self.plan.owner)
    }

    /// For the service.
    #[must_use]
    pub fn service_url(&self) -> String {
        self.url(&self.plan.service)
    }

    /// For the sequencer.
    #[must_use]
    pub fn sequencer_url(&self) -> String {
        self.url(&self.plan.sequencer)
    }

    /// For the superuser.
    #[must_use]
    pub fn superuser_url(&self) -> String {
        self.server.superuser_url(&self.plan.name)
    }

    /// A store as the service has it.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::connect_lazily(&self.service_url(), PoolOptions::default()).expect("the URL can be read")
    }

    /// A plain connection as the owner, to look at rows.
    pub async fn owner(&self) -> tokio_postgres::Client {
        connect(&self.owner_url()).await
    }

    /// A plain connection as the service.
    pub async fn service(&self) -> tokio_postgres::Client {
        connect(&self.service_url()).await
    }

    /// Ends every connection and admits nobody any more, as if the database were down, until [`Self::let_in`].
    pub async fn shut_out(&self) {
        let superuser = connect(&self.server.superuser_url("postgres")).await;
        let name = &self.plan.name;
        let shut = format!("ALTER DATABASE \"{name}\" WITH ALLOW_CONNECTIONS false");
        superuser.batch_execute(&shut).await.expect("the superuser may shut it");
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        superuser.query(end, &[name]).await.expect("the superuser may end connections");
    }

    /// Admits everybody again.
    pub async fn let_in(&self) {
        let superuser = connect(&self.server.superuser_url("postgres")).await;
        let open = format!("ALTER DATABASE \"{}\" WITH ALLOW_CONNECTIONS true", self.plan.name);
        superuser.batch_execute(&open).await.expect("the superuser may open it");
    }

    fn url(&self, login: &local::postgres::databases::Login) -> String {
        self.plan.url(&self.server.superuser_url("postgres"), login).expect("the server's URL")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Server::Shared(cluster) = self.server {
            cluster.drop_later(self.plan.name.clone());
        }
    }
}

/// A plain connection.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}
