//! Roles, databases and copies on a real server.

#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use local::postgres::databases::{
    DatabasePlan, Login, Passwords, create_from_template, drop_database, provision,
};
use local::postgres::{Error, Options, Postgres};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

fn plan(service: &str, seed: &str) -> DatabasePlan {
    let password = |role: &str| format!("{role} '{seed}' %@\\");
    let passwords = Passwords { owner: password("o"), service: password("s"), sequencer: password("q") };
    DatabasePlan::for_service(service, passwords)
}

async fn open(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn open_as(server: &str, plan: &DatabasePlan, login: &Login) -> Result<Client, tokio_postgres::Error> {
    open(&plan.url(server, login).unwrap()).await
}

async fn denied(server: &str, plan: &DatabasePlan, login: &Login) -> SqlState {
    open_as(server, plan, login).await.err().unwrap().code().unwrap().clone()
}

#[tokio::test]
async fn provisioning_gives_each_role_its_place_and_can_be_repeated() {
    let postgres = Postgres::start(Options::ephemeral()).await.unwrap();
    let server = postgres.superuser_url("postgres");
    let (tenant, mfa) = (plan("tenant", "1"), plan("mfa", "1"));
    provision(&server, &tenant).await.unwrap();
    provision(&server, &mfa).await.unwrap();
    assert_eq!(tenant.owner.role, "countersign_tenant_owner");
    assert_eq!(tenant.sequencer.role, "countersign_tenant_sequencer");

    let owner = open_as(&server, &tenant, &tenant.owner).await.unwrap();
    owner.batch_execute("CREATE TABLE kept (x int); CREATE SCHEMA app").await.unwrap();
    for login in [&tenant.service, &tenant.sequencer] {
        let client = open_as(&server, &tenant, login).await.unwrap();
        for statement in
            ["CREATE TABLE t (x int)", "CREATE TEMP TABLE t (x int)", "TABLE kept", "CREATE SCHEMA s"]
        {
            let error = client.batch_execute(statement).await.unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{statement}");
        }
    }
    // Not into another service's database, not even as its owner.
    assert_eq!(
        denied(&server, &mfa.on("countersign_tenant"), &mfa.owner).await,
        SqlState::INSUFFICIENT_PRIVILEGE
    );

    let changed = plan("tenant", "2");
    provision(&server, &changed).await.unwrap();
    assert_eq!(denied(&server, &tenant, &tenant.service).await, SqlState::INVALID_PASSWORD);
    let client = open_as(&server, &changed, &changed.owner).await.unwrap();
    assert_eq!(client.query("TABLE kept", &[]).await.unwrap().len(), 0);
    postgres.destroy().await.unwrap();
}

#[tokio::test]
async fn many_processes_provision_and_copy_at_once() {
    let postgres = Postgres::start(Options::ephemeral()).await.unwrap();
    let server = postgres.superuser_url("postgres");
    let plan = plan("identity", "x");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (server, plan) = (server.clone(), plan.clone());
        tasks.spawn(async move { provision(&server, &plan).await });
    }
    // From another database the advisory lock is another: the collisions themselves must be survived.
    for _ in 0..4 {
        let (server, plan) = (postgres.superuser_url("template1"), plan.clone());
        tasks.spawn(async move { provision(&server, &plan).await });
    }
    tasks.join_all().await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();

    let owner = open_as(&server, &plan, &plan.owner).await.unwrap();
    owner.batch_execute("CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)").await.unwrap();
    drop(owner);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..6 {
        let (server, plan) = (server.clone(), plan.clone());
        tasks.spawn(async move {
            let name = format!("test \"{number}\"");
            create_from_template(&server, &plan.name, &name).await.unwrap();
            let copy = plan.on(&name);
            let owner = open_as(&server, &copy, &copy.owner).await.unwrap();
            let value: i32 = owner.query_one("TABLE kept", &[]).await.unwrap().get(0);
            assert_eq!(value, 7);
            owner.batch_execute("DROP TABLE kept").await.unwrap();
            for login in [&copy.service, &copy.sequencer] {
                open_as(&server, &copy, login).await.unwrap();
            }
            // Dropped under the feet of three open connections, and again.
            drop_database(&server, &name).await.unwrap();
            drop_database(&server, &name).await.unwrap();
        });
    }
    tasks.join_all().await;
    postgres.destroy().await.unwrap();
}

#[tokio::test]
async fn a_copy_is_as_closed_as_its_template_and_mistakes_are_told() {
    let postgres = Postgres::start(Options::ephemeral()).await.unwrap();
    let server = postgres.superuser_url("postgres");
    let (tenant, mfa) = (plan("tenant", "1"), plan("mfa", "1"));
    provision(&server, &tenant).await.unwrap();
    provision(&server, &mfa).await.unwrap();
    create_from_template(&server, &tenant.name, "copy").await.unwrap();
    assert_eq!(denied(&server, &mfa.on("copy"), &mfa.service).await, SqlState::INSUFFICIENT_PRIVILEGE);

    let taken = create_from_template(&server, &tenant.name, "copy").await.unwrap_err();
    assert!(taken.to_string().contains("\"copy\" already exists"), "{taken}");
    assert!(create_from_template(&server, "none", "other").await.is_err());
    let long = plan(&"x".repeat(60), "1");
    assert!(matches!(provision(&server, &long).await, Err(Error::Name { .. })));
    assert!(matches!(drop_database(&server, "").await, Err(Error::Name { .. })));
    let closed = "postgresql://postgres:x@127.0.0.1:1/postgres";
    assert!(matches!(provision(closed, &tenant).await, Err(Error::Database { .. })));
    assert!(!format!("{tenant:?}").contains("'1'"));
    postgres.destroy().await.unwrap();
}
