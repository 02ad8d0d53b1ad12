//! A standby of a running server, for tests of what happens when the primary is lost. Nothing watches over the pair: who
//! kills one promotes the other.

use tracing::info;

use super::cluster::SUPERUSER;
use super::home::Home;
use super::launch::launch;
use super::url::local_url;
use super::{Error, Options, Postgres};

impl Postgres {
    /// Copies the running server and starts the copy as its standby, which streams from it under `name` and takes reads. It has
    /// the server's roles and passwords, and becomes a server of its own by `pg_promote()`.
    ///
    /// Settings such as `max_connections` must be no less than the server's.
    ///
    /// # Errors
    /// As [`Postgres::start`]; [`Error::Initdb`] with what pg_basebackup printed.
    pub async fn start_standby(&self, name: &str, options: Options) -> Result<Self, Error> {
        let home = Home::open(&options.place).await?;
        match self.copy_to(&home, name, &options).await {
            Ok(run) => {
                info!(port = run.port, pid = run.pid, data = %home.cluster.display(), "a standby is ready");
                let (binaries, password) = (self.binaries().clone(), self.password.clone());
                Ok(Self { home, binaries, options, password, run, running: true })
            }
            Err(error) => {
                if home.ephemeral {
                    let _ = home.remove();
                }
                Err(error)
            }
        }
    }

    async fn copy_to(&self, home: &Home, name: &str, options: &Options) -> Result<super::launch::Run, Error> {
        let url = local_url(self.port(), SUPERUSER, &self.password, "postgres");
        let mut command = home.account.command(self.binaries().program("pg_basebackup"));
        command.arg("--pgdata").arg(&home.cluster).current_dir(&home.cluster);
        command.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]);
        // It may be seen in the process list for as long as it runs: on a private server, that must do.
        command.arg("--dbname").arg(format!("{url}?application_name={name}"));
        let output = command.output().await.map_err(Error::io("run pg_basebackup"))?;
        if !output.status.success() {
            return Err(Error::Initdb { output: String::from_utf8_lossy(&output.stderr).trim().to_owned() });
        }
        launch(home, self.binaries(), options, options.port, &self.password).await
    }
}
