//! One PostgreSQL server for the test process, a copy of the migrated template for every test.

use std::sync::LazyLock;

use local::postgres::databases::{DatabasePlan, Passwords, create_from_template, provision};
use local::postgres::{Options, Postgres};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

/// Outlives the runtimes of single tests, which start and stop around it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime for the server"));
static SERVER: OnceCell<Postgres> = OnceCell::const_new();
static TEMPLATE: OnceCell<DatabasePlan> = OnceCell::const_new();

/// The addresses of one test's database. The server and all its databases end with the process.
pub(crate) struct Database {
    pub(crate) owner_url: String,
    pub(crate) service_url: String,
    pub(crate) sequencer_url: String,
}

impl Database {
    /// A copy of the migrated template.
    pub(crate) async fn create() -> Self {
        let server = SERVER
            .get_or_init(|| async {
                let started = RUNTIME.spawn(Postgres::start(Options::ephemeral()));
                started.await.expect("the start is not cut off").expect("PostgreSQL starts")
            })
            .await;
        let superuser = server.superuser_url("postgres");
        let template = TEMPLATE.get_or_init(|| migrate(&superuser)).await;
        let plan = template.on(&format!("test_{}", uuid::Uuid::now_v7().simple()));
        create_from_template(&superuser, &template.name, &plan.name).await.expect("a copy");
        let url = |login| plan.url(&superuser, login).expect("the URL");
        Self {
            owner_url: url(&plan.owner),
            service_url: url(&plan.service),
            sequencer_url: url(&plan.sequencer),
        }
    }

    /// A connection as the owner, who may look at everything.
    pub(crate) async fn owner(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.owner_url, NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }

    /// A connection as the service.
    pub(crate) async fn service(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.service_url, NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }
}

async fn migrate(superuser: &str) -> DatabasePlan {
    let passwords =
        Passwords { owner: "owner".into(), service: "service".into(), sequencer: "sequencer".into() };
    let plan = DatabasePlan::for_service("identity", passwords);
    provision(superuser, &plan).await.expect("roles and database");
    let owner_url = plan.url(superuser, &plan.owner).expect("the URL");
    store::migrate(&owner_url, identity::migrations()).await.expect("the migrations apply");
    plan
}
