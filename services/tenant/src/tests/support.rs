//! One real PostgreSQL server for the test process, a database of its own for every test, and peers' certificates.

use std::sync::LazyLock;

use local::certificates::DevCa;
use local::postgres::databases::{DatabasePlan, Passwords, create_from_template, provision};
use local::postgres::{Options, Postgres};
use rpc::TlsFiles;
use store::MigrationSet;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// Outlives the runtimes of single tests, which start and stop around it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime for the server"));
static SERVER: OnceCell<Postgres> = OnceCell::const_new();
static TEMPLATE: OnceCell<DatabasePlan> = OnceCell::const_new();

/// The trust domain of the certificates.
pub(super) const TRUST_DOMAIN: &str = "countersign.local";

/// The addresses of one test's database. The server and all its databases end with the process.
pub(super) struct Database {
    pub(super) owner_url: String,
    pub(super) service_url: String,
    pub(super) sequencer_url: String,
}

impl Database {
    /// A copy of the migrated template.
    pub(super) async fn create(migrations: fn() -> Vec<MigrationSet>) -> Self {
        let server = SERVER
            .get_or_init(|| async {
                let started = RUNTIME.spawn(Postgres::start(Options::ephemeral()));
                started.await.expect("the start is not cut off").expect("PostgreSQL starts")
            })
            .await;
        let superuser = server.superuser_url("postgres");
        let template = TEMPLATE.get_or_init(|| migrate(&superuser, migrations)).await;
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
    pub(super) async fn owner(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.owner_url, tokio_postgres::NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }
}

async fn migrate(superuser: &str, migrations: fn() -> Vec<MigrationSet>) -> DatabasePlan {
    let passwords =
        Passwords { owner: "owner".into(), service: "service".into(), sequencer: "sequencer".into() };
    let plan = DatabasePlan::for_service("tenant", passwords);
    provision(superuser, &plan).await.expect("roles and database");
    let owner_url = plan.url(superuser, &plan.owner).expect("the URL");
    store::migrate(&owner_url, migrations()).await.expect("the migrations apply");
    plan
}

/// An authority and what it issues, in a directory that goes with this value.
pub(super) struct Certificates {
    directory: TempDir,
    authority: DevCa,
}

impl Certificates {
    pub(super) fn create() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let authority = DevCa::load_or_create(directory.path()).expect("an authority");
        Self { directory, authority }
    }

    /// The certificate of a peer.
    pub(super) fn of(&self, peer: &str) -> TlsFiles {
        let issued = self.authority.issue(peer).expect("a certificate");
        TlsFiles { ca: self.directory.path().join("ca.crt"), cert: issued.certificate, key: issued.key }
    }
}
