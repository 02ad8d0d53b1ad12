//! One service as a child process that is started again when it dies.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child as Process, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::write_pid;
use crate::failure::{During as _, Outcome};

/// The pause before a process that died is started again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a process has to end by itself.
const PATIENCE: Duration = Duration::from_secs(12);

/// What to run.
#[derive(Debug)]
pub(crate) struct ChildPlan {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) pid_file: PathBuf,
    pub(crate) log: PathBuf,
}

/// A supervised process.
pub(crate) struct Child {
    stop: watch::Sender<bool>,
    supervisor: JoinHandle<()>,
}

impl Child {
    /// Starts it. It ends when this process ends, however that happens: its standard input closes.
    pub(crate) fn start(plan: ChildPlan) -> Outcome<Self> {
        if let Some(directory) = plan.log.parent() {
            std::fs::create_dir_all(directory).during(format!("create {}", directory.display()))?;
        }
        let first = spawn(&plan)?;
        let (stop, stopping) = watch::channel(false);
        Ok(Self { stop, supervisor: tokio::spawn(supervise(plan, first, stopping)) })
    }

    /// Asks it to end, waits, and ends it by force if it does not.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.supervisor.await;
    }
}

async fn supervise(
    plan: ChildPlan,
    first: (Process, Option<ChildStdin>),
    mut stopping: watch::Receiver<bool>,
) {
    let mut running = Some(first);
    loop {
        if let Some((mut process, stdin)) = running.take() {
            tokio::select! {
                status = process.wait() => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    tracing::warn!(name = plan.name, status, "a service ended; starting it again");
                }
                _ = stopping.changed() => {
                    // Closing its standard input asks it to end.
                    drop(stdin);
                    if tokio::time::timeout(PATIENCE, process.wait()).await.is_err() {
                        tracing::warn!(name = plan.name, "a service does not end; ending it by force");
                        let _ = process.kill().await;
                    }
                    let _ = std::fs::remove_file(&plan.pid_file);
                    return;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stopping.changed() => return,
        }
        match spawn(&plan) {
            Ok(started) => running = Some(started),
            Err(failure) => tracing::warn!(name = plan.name, %failure, "a service could not be started"),
        }
    }
}

fn spawn(plan: &ChildPlan) -> Outcome<(Process, Option<ChildStdin>)> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&plan.log)
        .during(format!("open {}", plan.log.display()))?;
    let mut process = Command::new(&plan.program)
        .args(&plan.arguments)
        .envs(plan.environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        // A group of its own: Ctrl-C reaches this process alone, which then stops the services in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .during(format!("start {}", plan.name))?;
    if let Some(pid) = process.id() {
        write_pid(&plan.pid_file, pid);
    }
    let stdin = process.stdin.take();
    Ok((process, stdin))
}
