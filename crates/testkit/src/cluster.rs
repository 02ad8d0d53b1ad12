//! The one PostgreSQL server of this test process.

use std::collections::HashMap;
use std::sync::LazyLock;

use local::postgres::databases::{DatabasePlan, Passwords, create_from_template, drop_database, provision};
use local::postgres::{Options, Postgres};
use store::MigrationSet;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell};

/// Outlives the runtimes of single tests, which start and stop around it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime for the test server")
});
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

/// Waits, on whatever thread, for something that is done on the server's own runtime.
pub(crate) fn wait_for<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let (done, wait) = std::sync::mpsc::channel();
    RUNTIME.spawn(async move { done.send(work.await) });
    wait.recv().expect("the work is not cut off")
}

/// The server, and the templates made so far.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Postgres,
    templates: Mutex<HashMap<&'static str, DatabasePlan>>,
}

impl Cluster {
    /// The server of this process; started by whoever asks first.
    pub(crate) async fn get() -> &'static Self {
        CLUSTER
            .get_or_init(|| async {
                let started = RUNTIME.spawn(Postgres::start(Options::ephemeral()));
                let server = started.await.expect("the start is not cut off").expect("PostgreSQL starts");
                Self { server, templates: Mutex::new(HashMap::new()) }
            })
            .await
    }

    /// The URL of `database` for the superuser.
    pub(crate) fn superuser_url(&self, database: &str) -> String {
        self.server.superuser_url(database)
    }

    /// A new database, copied from the migrated template of this name.
    pub(crate) async fn copy(
        &self,
        name: &'static str,
        service: &str,
        migrations: impl FnOnce() -> Vec<MigrationSet>,
    ) -> DatabasePlan {
        let plan = self.template(name, service, migrations).await;
        let copy = plan.on(&format!("test_{}", uuid::Uuid::now_v7().simple()));
        create_from_template(&self.superuser_url("postgres"), &plan.name, &copy.name)
            .await
            .expect("a copy of the template");
        copy
    }

    async fn template(
        &self,
        name: &'static str,
        service: &str,
        migrations: impl FnOnce() -> Vec<MigrationSet>,
    ) -> DatabasePlan {
        let mut templates = self.templates.lock().await;
        if let Some(plan) = templates.get(name) {
            return plan.clone();
        }
        let plan = Self::plan(service).on(&format!("template_{name}"));
        let superuser_url = self.superuser_url("postgres");
        provision(&superuser_url, &plan).await.expect("roles and the template database");
        let owner_url = plan.url(&superuser_url, &plan.owner).expect("the owner's URL");
        store::migrate(&owner_url, migrations()).await.expect("the migrations apply");
        templates.insert(name, plan.clone());
        plan
    }

    /// A service's database and roles. The roles belong to the whole server: all databases of one service share their
    /// passwords.
    pub(crate) fn plan(service: &str) -> DatabasePlan {
        let password = |role: &str| format!("{role}-of-{service}");
        let passwords = Passwords {
            owner: password("owner"),
            service: password("service"),
            sequencer: password("sequencer"),
        };
        DatabasePlan::for_service(service, passwords)
    }

    /// Drops a database some time soon, also from a test that panics or whose runtime is gone.
    pub(crate) fn drop_later(&self, name: String) {
        let superuser_url = self.superuser_url("postgres");
        RUNTIME.spawn(async move { drop_database(&superuser_url, &name).await });
    }
}
