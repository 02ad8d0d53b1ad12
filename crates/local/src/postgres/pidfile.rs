//! `postmaster.pid`: whether a server is ready, and whether one was left behind.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::Error;
use super::account::Account;
use super::home::Home;

/// How long a server left behind has to end, asked nicely and then less so.
const PATIENCE: [(&str, Duration); 2] = [("INT", Duration::from_secs(30)), ("QUIT", Duration::from_secs(10))];

/// What a postmaster writes about itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: u32,
    /// The data directory as that postmaster was given it.
    pub(crate) directory: String,
    /// Whether it takes connections.
    pub(crate) ready: bool,
}

impl PidFile {
    /// Reads it; `None` when there is none, or not enough of one yet.
    pub(crate) fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let pid = lines.next()?.parse().ok().filter(|pid| *pid > 1)?;
        let directory = lines.next()?.to_owned();
        // pid, directory, start time, port, socket directory, address, shared memory, status
        Some(Self { pid, directory, ready: lines.nth(5) == Some("ready") })
    }

    /// Whether that process is a postmaster on that directory: process ids are used again.
    fn is_held(&self) -> bool {
        let Some(arguments) = arguments_of(self.pid) else { return false };
        let program = arguments.first().and_then(|program| Path::new(program).file_name());
        program.is_some_and(|name| name == "postgres" || name == "postmaster")
            && arguments.contains(&self.directory)
    }
}

/// Ends the postmaster that an earlier process of ours left on this data directory, if any. The caller
/// holds the home's lock, so nobody alive has any claim on it.
///
/// # Errors
/// [`Error::OrphanRemains`] when it does not end: then no second one may be started.
pub(crate) async fn stop_orphan(home: &Home) -> Result<(), Error> {
    let Some(file) = PidFile::read(&home.cluster) else { return Ok(()) };
    for (name, patience) in PATIENCE {
        if !file.is_held() {
            break;
        }
        info!(pid = file.pid, signal = name, "stopping a PostgreSQL that was left behind");
        signal(&home.account, file.pid, name);
        let deadline = Instant::now() + patience;
        while file.is_held() && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
    }
    if file.is_held() {
        return Err(Error::OrphanRemains { pid: file.pid, cluster: home.cluster.clone() });
    }
    // PostgreSQL itself refuses to start when the number in a stale file belongs to any other process of
    // its user. Backends that outlived their postmaster still hold its shared memory: it looks there too.
    match std::fs::remove_file(home.cluster.join("postmaster.pid")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove a stale postmaster.pid")(error))
        }
        _ => Ok(()),
    }
}

/// Sends a signal; that the process may be gone already is in the nature of it.
pub(crate) fn signal(account: &Account, pid: u32, name: &str) {
    let mut command = account.command("sh").into_std();
    command.args(["-c", r#"kill -s "$1" "$2""#, "sh", name, &pid.to_string()]);
    match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        _ => warn!(pid, signal = name, "signal not delivered"),
    }
}

/// A process's command line; `None` when it has ended, also when nobody has taken note of its end yet.
fn arguments_of(pid: u32) -> Option<Vec<String>> {
    if Path::new("/proc/self/cmdline").exists() {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let arguments = line.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
        let arguments: Vec<_> = arguments.filter(|argument| !argument.is_empty()).collect();
        return (!arguments.is_empty()).then_some(arguments);
    }
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!line.is_empty()).then(|| line.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_file_in_every_stage_of_its_writing() {
        let full = "123\n/data\n1700000000\n5432\n\n127.0.0.1\n  1234 5\nready   \n";
        let file = PidFile::parse(full).unwrap();
        assert_eq!(file, PidFile { pid: 123, directory: "/data".to_owned(), ready: true });
        assert!(!PidFile::parse(&full.replace("ready   ", "starting")).unwrap().ready);
        assert!(!PidFile::parse("123\n/data\n").unwrap().ready);
        for none in ["", "123", "x\n/data\n", "-4\n/data\n", "0\n/data\n", "1\n/data\n"] {
            assert_eq!(PidFile::parse(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_number_that_now_belongs_to_another_program_holds_nothing() {
        let pid = std::process::id();
        assert!(arguments_of(pid).is_some());
        assert!(!PidFile { pid, directory: "/data".to_owned(), ready: true }.is_held());
        assert!(!PidFile { pid: u32::MAX, directory: "/data".to_owned(), ready: true }.is_held());
    }
}
