//! The databases: on a private PostgreSQL that is started again when it dies, or on one that was named.

use std::collections::BTreeMap;
use std::time::Duration;

use local::postgres::databases::{DatabasePlan, Passwords, provision};
use local::postgres::{Options, Postgres};
use store::MigrationSet;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use types::ServiceName;

use super::{SystemOptions, write_pid};
use crate::bootstrap::random_password;
use crate::failure::{During as _, Failure, Outcome};
use crate::layout::{Layout, write_private};

/// The services' databases, migrated.
pub(crate) struct Database {
    urls: BTreeMap<ServiceName, Urls>,
    supervisor: Option<Supervisor>,
}

struct Urls {
    owner: String,
    service: String,
    sequencer: String,
}

struct Supervisor {
    stop: watch::Sender<bool>,
    task: JoinHandle<Outcome<()>>,
}

impl Database {
    /// Starts or finds PostgreSQL, makes roles and databases, migrates.
    pub(crate) async fn start(layout: &Layout, options: &SystemOptions) -> Outcome<Self> {
        let (superuser_url, supervisor) = match &options.database_url {
            Some(url) => (url.clone(), None),
            None => {
                let (url, supervisor) = private(layout, options).await?;
                (url, Some(supervisor))
            }
        };
        let mut database = Self { urls: BTreeMap::new(), supervisor };
        match database.prepare(layout, &superuser_url).await {
            Ok(()) => Ok(database),
            Err(failure) => {
                database.stop().await?;
                Err(failure)
            }
        }
    }

    async fn prepare(&mut self, layout: &Layout, superuser_url: &str) -> Outcome<()> {
        let passwords = passwords(layout)?;
        for service in ServiceName::ALL {
            let known = passwords.get(service.as_str());
            let [owner, service_password, sequencer] =
                known.cloned().ok_or_else(|| Failure::new("the database passwords are incomplete"))?;
            let plan = DatabasePlan::for_service(
                service.as_str(),
                Passwords { owner, service: service_password, sequencer },
            );
            provision(superuser_url, &plan).await.during(format!("make the database of {service}"))?;
            let url = |login| plan.url(superuser_url, login).during("read the database URL");
            let urls = Urls {
                owner: url(&plan.owner)?,
                service: url(&plan.service)?,
                sequencer: url(&plan.sequencer)?,
            };
            store::migrate(&urls.owner, migrations(*service)).await.during(format!("migrate {service}"))?;
            self.urls.insert(*service, urls);
        }
        if self.supervisor.is_some() {
            checkpoint(superuser_url).await?;
        }
        Ok(())
    }

    pub(crate) fn owner_url(&self, service: ServiceName) -> String {
        self.urls.get(&service).map(|urls| urls.owner.clone()).unwrap_or_default()
    }

    pub(crate) fn service_url(&self, service: ServiceName) -> String {
        self.urls.get(&service).map(|urls| urls.service.clone()).unwrap_or_default()
    }

    pub(crate) fn sequencer_url(&self, service: ServiceName) -> String {
        self.urls.get(&service).map(|urls| urls.sequencer.clone()).unwrap_or_default()
    }

    /// Stops the private PostgreSQL, if there is one.
    pub(crate) async fn stop(&mut self) -> Outcome<()> {
        let Some(supervisor) = self.supervisor.take() else { return Ok(()) };
        let _ = supervisor.stop.send(true);
        supervisor.task.await.during("stop PostgreSQL")?
    }
}

async fn private(layout: &Layout, options: &SystemOptions) -> Outcome<(String, Supervisor)> {
    let settings = if options.ephemeral {
        Options::ephemeral()
    } else {
        Options::kept(layout.postgres()).port(options.port_base)
    };
    let connections = 60 * u32::from(options.replicas) + 40;
    let settings = settings.setting("max_connections", connections.to_string());
    let server = Postgres::start(settings).await.during("start PostgreSQL")?;
    let url = server.superuser_url("postgres");
    let (stop, stopping) = watch::channel(false);
    let pid_file = layout.pid_file("postgres");
    let task = tokio::spawn(supervise(server, pid_file, stopping));
    Ok((url, Supervisor { stop, task }))
}

/// Writes out what making and migrating the databases left in memory, so that a crash of the server need not do it again:
/// recovery then takes moments instead of seconds.
async fn checkpoint(superuser_url: &str) -> Outcome<()> {
    let (client, connection) = tokio_postgres::connect(superuser_url, tokio_postgres::NoTls)
        .await
        .during("connect to PostgreSQL")?;
    let connection = tokio::spawn(connection);
    let done = client.batch_execute("CHECKPOINT").await.during("write a checkpoint");
    connection.abort();
    done
}

/// Starts the server again whenever it ends, until told to stop.
async fn supervise(
    mut server: Postgres,
    pid_file: std::path::PathBuf,
    mut stopping: watch::Receiver<bool>,
) -> Outcome<()> {
    loop {
        write_pid(&pid_file, server.pid());
        tokio::select! {
            ended = server.wait() => match ended {
                Ok(status) => tracing::warn!(%status, "PostgreSQL ended; starting it again"),
                Err(error) => tracing::warn!(%error, "PostgreSQL cannot be watched; starting it again"),
            },
            _ = stopping.changed() => {
                let stopped = server.stop().await.during("stop PostgreSQL");
                let _ = std::fs::remove_file(&pid_file);
                return stopped;
            }
        }
        while let Err(error) = server.restart().await {
            tracing::warn!(%error, "PostgreSQL does not start yet");
            if *stopping.borrow() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The roles' passwords by service: owner, service, sequencer. Made once.
fn passwords(layout: &Layout) -> Outcome<BTreeMap<String, [String; 3]>> {
    let path = layout.database_passwords();
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).during(format!("read {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut made = BTreeMap::new();
            for service in ServiceName::ALL {
                made.insert(
                    service.to_string(),
                    [random_password()?, random_password()?, random_password()?],
                );
            }
            let bytes = serde_json::to_vec_pretty(&made).during("describe the database passwords")?;
            write_private(&path, &bytes).during(format!("write {}", path.display()))?;
            Ok(made)
        }
        Err(error) => Err(error).during(format!("read {}", path.display())),
    }
}

fn migrations(service: ServiceName) -> Vec<MigrationSet> {
    match service {
        ServiceName::Tenant => tenant::migrations(),
        ServiceName::Identity => identity::migrations(),
        ServiceName::Mfa => mfa::migrations(),
    }
}
