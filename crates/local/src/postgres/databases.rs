//! Roles and databases inside a server: a service's three roles, its database, and copies of it for tests.
//!
//! Works on any server it is given a superuser's URL for, the private one or another. Tables, and what the
//! roles may do with them, are each service's migrations' business.

use std::fmt;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::Error;
use super::url::{identifier, url_for};

/// The advisory lock under which roles and databases are made: any number, the same in every process.
const LOCK: i64 = 0x6373_6c6f_6361_6c31;

/// How long to try again while others use a template or change the same role.
const PATIENCE: Duration = Duration::from_secs(20);

/// A role and the password it logs in with.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The role's name.
    pub role: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Login").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A service's database and the roles that may connect to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabasePlan {
    /// The database's name.
    pub name: String,
    /// Owns the database and runs the migrations.
    pub owner: Login,
    /// What the service runs as.
    pub service: Login,
    /// What the event log's sequencer runs as.
    pub sequencer: Login,
}

/// The passwords of a service's three roles.
#[derive(Clone, PartialEq, Eq)]
pub struct Passwords {
    /// The owner's.
    pub owner: String,
    /// The service's.
    pub service: String,
    /// The sequencer's.
    pub sequencer: String,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passwords(..)")
    }
}

impl DatabasePlan {
    /// The plan for service `x`: database `countersign_x`, roles `countersign_x_owner`, `countersign_x` and
    /// `countersign_x_sequencer`.
    #[must_use]
    pub fn for_service(service: &str, passwords: Passwords) -> Self {
        let role =
            |suffix: &str, password| Login { role: format!("countersign_{service}{suffix}"), password };
        Self {
            name: format!("countersign_{service}"),
            owner: role("_owner", passwords.owner),
            service: role("", passwords.service),
            sequencer: role("_sequencer", passwords.sequencer),
        }
    }

    /// The same roles on another database, such as a test's copy.
    #[must_use]
    pub fn on(&self, database: &str) -> Self {
        Self { name: database.to_owned(), ..self.clone() }
    }

    /// The URL for one of the plan's roles in its database, on the server `server_url` points to.
    ///
    /// # Errors
    /// [`Error::Url`].
    pub fn url(&self, server_url: &str, login: &Login) -> Result<String, Error> {
        url_for(server_url, &login.role, &login.password, &self.name)
    }

    fn logins(&self) -> [&Login; 3] {
        [&self.owner, &self.service, &self.sequencer]
    }
}

/// Makes the plan's roles and database, or brings what is there in line with it: passwords are set, PUBLIC
/// may neither connect nor create. Existing data is untouched. Safe to run from several processes at once.
///
/// `superuser_url` must point to another database of the server, usually `postgres`.
///
/// # Errors
/// [`Error::Name`] before anything is done; [`Error::Database`]; [`Error::Url`].
pub async fn provision(superuser_url: &str, plan: &DatabasePlan) -> Result<(), Error> {
    for name in plan.logins().map(|login| &login.role).into_iter().chain([&plan.name]) {
        identifier(name)?;
    }
    let session = Session::open(superuser_url).await?;
    // Released with the connection, whatever becomes of us.
    session
        .client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await
        .map_err(Error::database("take the provisioning lock"))?;
    for login in plan.logins() {
        persist(|| make_role(&session.client, login)).await?;
    }
    persist(|| make_database(&session.client, &plan.name, &plan.owner.role, None)).await?;
    let grantees = plan.logins().map(|login| login.role.clone());
    restrict(&session.client, &plan.name, &grantees).await?;
    session.close().await;
    restrict_public_schema(superuser_url, plan).await
}

/// Copies a database for a test: same contents, same owner, and the same roles may connect; PUBLIC may not.
/// Waits, within reason, until nobody is connected to the template.
///
/// # Errors
/// [`Error::Database`], also when there is no such template or `name` is taken; [`Error::Name`].
pub async fn create_from_template(superuser_url: &str, template: &str, name: &str) -> Result<(), Error> {
    let session = Session::open(superuser_url).await?;
    let doing = || format!("copy database {template}");
    let (owner, grantees) = access_of(&session.client, template).await.map_err(Error::database(doing()))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match make_database(&session.client, name, &owner, Some(template)).await {
            Err(Error::Database { source, .. }) if is(&source, &[SqlState::OBJECT_IN_USE]) => {
                if Instant::now() > deadline {
                    return Err(Error::Database { doing: doing(), source });
                }
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    restrict(&session.client, name, &grantees).await?;
    session.close().await;
    Ok(())
}

/// Drops a database and cuts off whoever is connected to it; one that is not there is as good.
///
/// # Errors
/// [`Error::Database`], [`Error::Name`].
pub async fn drop_database(superuser_url: &str, name: &str) -> Result<(), Error> {
    let session = Session::open(superuser_url).await?;
    let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name)?);
    run(&session.client, &statement, || format!("drop database {name}")).await?;
    session.close().await;
    Ok(())
}

/// One connection as the superuser.
struct Session {
    client: Client,
    task: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Session {
    async fn open(url: &str) -> Result<Self, Error> {
        let connected = tokio_postgres::connect(url, NoTls).await;
        let (client, connection) = connected.map_err(Error::database("open a connection"))?;
        Ok(Self { client, task: tokio::spawn(connection) })
    }

    /// Waits until the server knows: a template must be free of us, a lock released.
    async fn close(self) {
        drop(self.client);
        let _ = self.task.await;
    }
}

async fn run(client: &Client, statement: &str, doing: impl Fn() -> String) -> Result<(), Error> {
    client.batch_execute(statement).await.map_err(Error::database(doing()))
}

/// Makes a role able to log in with its password.
///
/// Name and password reach the server as parameters and are quoted there: the password never stands in a
/// statement that could be logged.
async fn make_role(client: &Client, login: &Login) -> Result<(), Error> {
    const PASS: &str = "SELECT set_config('countersign.role', $1, false), \
                        set_config('countersign.password', $2, false)";
    const MAKE: &str = "DO $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_setting('countersign.role')) THEN
                EXECUTE format('CREATE ROLE %I', current_setting('countersign.role'));
            END IF;
            EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L',
                           current_setting('countersign.role'), current_setting('countersign.password'));
            PERFORM set_config('countersign.password', '', false);
        END $$";
    let doing = || format!("make role {}", login.role);
    client.execute(PASS, &[&login.role, &login.password]).await.map_err(Error::database(doing()))?;
    run(client, MAKE, doing).await
}

async fn make_database(
    client: &Client,
    name: &str,
    owner: &str,
    template: Option<&str>,
) -> Result<(), Error> {
    const EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)";
    let doing = || format!("make database {name}");
    let mut statement = format!("CREATE DATABASE {} OWNER {}", identifier(name)?, identifier(owner)?);
    match template {
        Some(template) => statement += &format!(" TEMPLATE {}", identifier(template)?),
        None => {
            let row = client.query_one(EXISTS, &[&name]).await.map_err(Error::database(doing()))?;
            if row.get(0) {
                return Ok(());
            }
            // Not template1, in which anybody may have left something.
            statement += " TEMPLATE template0 ENCODING 'UTF8'";
        }
    }
    run(client, &statement, doing).await
}

/// Lets nobody but these roles connect.
async fn restrict(client: &Client, database: &str, roles: &[String]) -> Result<(), Error> {
    let name = identifier(database)?;
    let mut statement = format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC;");
    for role in roles {
        statement += &format!("GRANT CONNECT ON DATABASE {name} TO {};", identifier(role)?);
    }
    run(client, &statement, || format!("restrict database {database}")).await
}

/// The owner alone creates in schema `public` (PostgreSQL 14 still lets everybody).
async fn restrict_public_schema(superuser_url: &str, plan: &DatabasePlan) -> Result<(), Error> {
    let mut config: tokio_postgres::Config =
        superuser_url.parse().map_err(Error::database("open a connection"))?;
    let connected = config.dbname(&plan.name).connect(NoTls).await;
    let (client, connection) = connected.map_err(Error::database("open a connection"))?;
    let session = Session { client, task: tokio::spawn(connection) };
    let owner = identifier(&plan.owner.role)?;
    let statement = format!(
        "SELECT pg_advisory_lock({LOCK});\
         REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO {owner}"
    );
    persist(|| run(&session.client, &statement, || format!("restrict schema public of {}", plan.name)))
        .await?;
    session.close().await;
    Ok(())
}

/// A database's owner, and the roles that were granted CONNECT: copies inherit neither.
async fn access_of(client: &Client, database: &str) -> Result<(String, Vec<String>), tokio_postgres::Error> {
    const OWNER: &str = "SELECT pg_get_userbyid(datdba)::text FROM pg_catalog.pg_database WHERE datname = $1";
    const GRANTEES: &str = "SELECT r.rolname::text FROM pg_catalog.pg_database d \
        CROSS JOIN LATERAL aclexplode(d.datacl) a JOIN pg_catalog.pg_roles r ON r.oid = a.grantee \
        WHERE d.datname = $1 AND a.privilege_type = 'CONNECT' ORDER BY 1";
    let owner = client.query_one(OWNER, &[&database]).await?.try_get(0)?;
    let rows = client.query(GRANTEES, &[&database]).await?;
    let grantees = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok((owner, grantees))
}

/// Tries again what failed only because somebody else did the same thing at the same time: somebody who
/// does not take our lock, or takes it in another database.
async fn persist<F>(mut attempt: impl FnMut() -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    // The last is "tuple concurrently updated".
    const COLLISIONS: [SqlState; 4] = [
        SqlState::DUPLICATE_OBJECT,
        SqlState::DUPLICATE_DATABASE,
        SqlState::UNIQUE_VIOLATION,
        SqlState::INTERNAL_ERROR,
    ];
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(Error::Database { source, .. }) if is(&source, &COLLISIONS) && Instant::now() < deadline => {
                sleep(Duration::from_millis(20)).await;
            }
            result => return result,
        }
    }
}

fn is(error: &tokio_postgres::Error, states: &[SqlState]) -> bool {
    error.code().is_some_and(|code| states.contains(code))
}
