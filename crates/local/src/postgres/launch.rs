//! One run of the postmaster: from the command line to "ready", and its watchdog.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::cluster::SUPERUSER;
use super::home::Home;
use super::pidfile::PidFile;
use super::url::local_url;
use super::{Binaries, Error, Options};

/// How long the server may take to become ready: recovery after a crash included.
const PATIENCE: Duration = Duration::from_secs(60);

/// The log starts anew when it has grown beyond this.
const LOG_LIMIT: u64 = 8 << 20;

/// Runs as the postmaster's own account. A process that nobody waits for reads from the pipe we hold: a line
/// means "you are not needed any more"; its end, that we have died, and then the postmaster - whose process
/// id is this shell's, which becomes it - is ended, fast and then at once, and $1, if given, removed.
///
/// The watchdog must not be the postmaster's child (it would be taken for a crashed backend), hence the
/// shell in between that ends at once.
const WATCHDOG: &str = r#"
exec 3<&0 </dev/null
scratch=$1; shift
(
  trap '' HUP INT TERM
  (
    read -r line <&3 && exit
    kill -s INT $$
    tenths=0
    while kill -s 0 $$ && [ $tenths -lt 100 ]; do sleep 0.1; tenths=$((tenths + 1)); done
    kill -s QUIT $$
    while kill -s 0 $$ && [ $tenths -lt 200 ]; do sleep 0.1; tenths=$((tenths + 1)); done
    if [ -n "$scratch" ]; then cd / && rm -rf -- "$scratch"; fi
  ) >/dev/null 2>&1 &
)
exec "$@" 3<&-
"#;

/// A postmaster that became ready.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) child: Child,
    pub(crate) pid: u32,
    pub(crate) port: u16,
    /// Our end of the watchdog's pipe.
    watchdog: Option<File>,
}

impl Run {
    /// Dismisses the watchdog: the postmaster has ended, its process id may soon be another's.
    pub(crate) fn dismiss_watchdog(&mut self) {
        if let Some(mut pipe) = self.watchdog.take() {
            // It cannot fail but by the watchdog having gone, which is what we want.
            let _ = pipe.write_all(b"dismissed\n");
        }
    }
}

/// Starts a postmaster and waits until it takes connections. `port` is binding; without one, a free one.
pub(crate) async fn launch(
    home: &Home,
    binaries: &Binaries,
    options: &Options,
    port: Option<u16>,
    password: &str,
) -> Result<Run, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let chosen = port.map_or_else(free_port, Ok)?;
        let failed = match attempt(home, binaries, options, chosen, password, deadline).await {
            Err(Error::Exited { log, .. }) if log.contains("Address already in use") => {
                if port.is_some() {
                    return Err(Error::PortTaken { port: chosen });
                }
                log
            }
            // The backends of a postmaster that was killed take a moment to notice; one in the midst of a long
            // computation, until its end.
            Err(Error::Exited { log, .. }) if log.contains("pre-existing shared memory block") => log,
            result => return result,
        };
        if Instant::now() > deadline {
            return Err(Error::NotReady { seconds: PATIENCE.as_secs(), log: failed });
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn attempt(
    home: &Home,
    binaries: &Binaries,
    options: &Options,
    port: u16,
    password: &str,
    deadline: Instant,
) -> Result<Run, Error> {
    let mut log = Log::open(home)?;
    let guarded = options.die_with_parent || home.ephemeral;
    let mut command = command(home, binaries, options, port, guarded);
    command.stdout(log.share()?).stderr(log.share()?);
    let mut child = command.spawn().map_err(Error::io("run postgres"))?;
    let pid = child.id().unwrap_or_default();
    let watchdog = match child.stdin.take() {
        // A plain file: this end must stay open even when the runtime that started the server is gone.
        Some(pipe) => Some(File::from(pipe.into_owned_fd().map_err(Error::io("hold postgres's pipe"))?)),
        None => None,
    };
    let mut run = Run { child, pid, port, watchdog };
    match wait_until_ready(home, &mut run, password, deadline).await {
        Ok(None) => Ok(run),
        Ok(Some(status)) => {
            run.dismiss_watchdog();
            Err(Error::Exited { status, log: log.tail() })
        }
        Err(error) => {
            let _ = run.child.kill().await;
            run.dismiss_watchdog();
            Err(match error {
                Error::NotReady { seconds, .. } => Error::NotReady { seconds, log: log.tail() },
                other => other,
            })
        }
    }
}

fn command(home: &Home, binaries: &Binaries, options: &Options, port: u16, guarded: bool) -> Command {
    let postgres = binaries.program("postgres");
    let mut command = if guarded {
        let mut shell = home.account.command("sh");
        shell.args(["-c", WATCHDOG, "countersign-postgres"]);
        shell.arg(if home.ephemeral { home.root.as_os_str() } else { "".as_ref() });
        shell.arg(postgres).stdin(Stdio::piped());
        shell
    } else {
        home.account.command(postgres)
    };
    command.arg("-D").arg(&home.cluster).current_dir(&home.cluster);
    let fixed = [
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        // No socket: nobody needs one, and its path may be at most 107 bytes long.
        ("unix_socket_directories", String::new()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
    ];
    for (key, value) in fixed.iter().map(|(key, value)| (*key, value.as_str())) {
        command.arg("-c").arg(format!("{key}={value}"));
    }
    for (key, value) in &options.settings {
        command.arg("-c").arg(format!("{key}={value}"));
    }
    // Ctrl-C in a terminal goes to us alone; we stop the server when its users have finished.
    command.process_group(0);
    command
}

/// `Ok(None)` when ready, `Ok(Some(status))` when the server has ended instead.
async fn wait_until_ready(
    home: &Home,
    run: &mut Run,
    password: &str,
    deadline: Instant,
) -> Result<Option<ExitStatus>, Error> {
    let url = local_url(run.port, SUPERUSER, password, "postgres");
    loop {
        if let Some(status) = run.child.try_wait().map_err(Error::io("watch postgres"))? {
            return Ok(Some(status));
        }
        let ready = PidFile::read(&home.cluster).is_some_and(|file| file.ready && file.pid == run.pid);
        // The password is random: whoever lets us in with it is the server we mean.
        if ready && timeout(Duration::from_secs(5), answers(&url)).await.unwrap_or_default() {
            return Ok(None);
        }
        if Instant::now() > deadline {
            return Err(Error::NotReady { seconds: PATIENCE.as_secs(), log: String::new() });
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn answers(url: &str) -> bool {
    let Ok((client, connection)) = tokio_postgres::connect(url, tokio_postgres::NoTls).await else {
        return false;
    };
    let task = tokio::spawn(connection);
    let answered = client.simple_query("").await.is_ok();
    drop(client);
    let _ = task.await;
    answered
}

/// A port nobody listened on a moment ago.
fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(Error::io("find a free port"))?.port())
}

/// The server's log, and where this run's part of it begins.
struct Log {
    file: File,
    begin: u64,
}

impl Log {
    fn open(home: &Home) -> Result<Self, Error> {
        let path = home.log_file();
        if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_LIMIT) {
            fs::rename(&path, path.with_extension("log.old")).map_err(Error::file("rename", &path))?;
        }
        let file = File::options().create(true).append(true).read(true).mode(0o600).open(&path);
        let file = file.map_err(Error::file("open", &path))?;
        let begin = file.metadata().map_err(Error::file("open", &path))?.len();
        Ok(Self { file, begin })
    }

    fn share(&self) -> Result<Stdio, Error> {
        Ok(self.file.try_clone().map_err(Error::io("share postgres's log"))?.into())
    }

    /// The last lines of this run, for an error message.
    fn tail(&mut self) -> String {
        let mut bytes = Vec::new();
        let read =
            self.file.seek(SeekFrom::Start(self.begin)).and_then(|_| self.file.read_to_end(&mut bytes));
        if read.is_err() || bytes.is_empty() {
            return "it wrote nothing to its log".to_owned();
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
    }
}
