//! The service as a program: what it is told, how it tells that it is not ready, and how it ends. One of the three stands for
//! all: what is tested here is `host`'s.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use keyring::Keyring;
use local::certificates::DevCa;
use local::postgres::databases::{DatabasePlan, Passwords, provision};
use local::postgres::{Options, Postgres};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A database that nothing was done to yet, keys and certificates, and a file of settings that names them.
struct Place {
    directory: TempDir,
    _postgres: Postgres,
    ops: String,
}

impl Place {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let postgres = Postgres::start(Options::ephemeral()).await.unwrap();
        let superuser = postgres.superuser_url("postgres");
        let passwords =
            Passwords { owner: "secret-o".into(), service: "secret-s".into(), sequencer: "secret-q".into() };
        let plan = DatabasePlan::for_service("tenant", passwords);
        provision(&superuser, &plan).await.unwrap();
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        for (name, login) in
            [("owner", &plan.owner), ("service", &plan.service), ("sequencer", &plan.sequencer)]
        {
            write(name, &format!("{}\n", plan.url(&superuser, login).unwrap()));
        }
        let ca = DevCa::load_or_create(&directory.path().join("tls")).unwrap();
        let own = ca.issue("tenant").unwrap();
        Keyring::create(&directory.path().join("keyring")).unwrap();
        let ops = free_address();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let settings = [
            ("listen", free_address()),
            ("ops_listen", ops.clone()),
            ("drain_seconds", "3".to_owned()),
            ("database_url_file", path("service")),
            ("sequencer_database_url_file", path("sequencer")),
            ("keyring_dir", path("keyring")),
            ("tls_ca", ca.certificate().display().to_string()),
            ("tls_cert", own.certificate.display().to_string()),
            ("tls_key", own.key.display().to_string()),
            ("identity_addr", "127.0.0.1:1".to_owned()),
            ("mfa_addr", "127.0.0.1:1".to_owned()),
        ];
        let lines: String = settings.iter().map(|(key, value)| format!("{key} = {value:?}\n")).collect();
        write("tenant.toml", &lines);
        Self { directory, _postgres: postgres, ops }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, task: &str, settings: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenant"));
        command.arg(task).arg("--config").arg(settings).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn run(&self, task: &str, more: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = self.command(task, &self.path("tenant.toml"));
        command.args(more).envs(variables.iter().copied()).output().await.unwrap()
    }

    fn serve(&self, settings: &str) -> Child {
        self.command("serve", &self.path(settings)).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The status and the text of `/readyz`, once the port is open.
    async fn readyz(&self) -> (u16, String) {
        loop {
            if let Some(answer) = get(&self.ops, "/readyz").await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until `/readyz` has this status and says this.
    async fn becomes(&self, status: u16, says: &str) {
        let begun = Instant::now();
        loop {
            let (found, text) = self.readyz().await;
            if found == status && text.contains(says) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{found} {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_its_migrations_serves_and_ends_when_told() {
    let place = Place::new().await;
    let mut serving = place.serve("tenant.toml");
    place.becomes(503, "migration_eventlog cannot be read: run migrate").await;
    let (status, report) = get(&place.ops, "/servez").await.unwrap();
    assert!(status == 503 && report.contains(r#""serving":false"#), "{status} {report}");
    assert_eq!(get(&place.ops, "/livez").await.unwrap().0, 200, "not ready is not dead");

    // By the owner, in a process of its own; again, it changes nothing.
    let owner = place.path("owner").display().to_string();
    for _ in 0..2 {
        let migrated = place.run("migrate", &[], &[("COUNTERSIGN_OWNER_DATABASE_URL_FILE", &owner)]).await;
        assert!(migrated.status.success(), "{migrated:?}");
        assert!(String::from_utf8_lossy(&migrated.stdout).starts_with("the database is at migration_"));
    }
    place.becomes(200, r#""ready":true"#).await;
    assert_eq!(get(&place.ops, "/servez").await.unwrap().0, 200);

    // A second one on the same ports does not start, and says why.
    let second = place.run("serve", &[], &[]).await;
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("could not listen on"), "{second:?}");

    let told = Instant::now();
    terminate(&serving).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), serving.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended:?} after {:?}", told.elapsed());
    let mut lines = String::new();
    serving.stderr.take().unwrap().read_to_string(&mut lines).await.unwrap();
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["service"], "tenant");
    }
    assert!(lines.contains("tenant has stopped"), "{lines}");
    assert!(!lines.contains("secret-"), "a password was logged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_ready_comes_first_and_calls_are_taken_until_the_delay_is_over() {
    let place = Place::new().await;
    let owner = place.path("owner").display().to_string();
    let migrated = place.run("migrate", &[], &[("COUNTERSIGN_OWNER_DATABASE_URL_FILE", &owner)]).await;
    assert!(migrated.status.success());
    let settings = std::fs::read_to_string(place.path("tenant.toml")).unwrap();
    let listen = settings.lines().find_map(|line| line.strip_prefix("listen = \"")).unwrap();
    let listen = listen.trim_end_matches('"');
    std::fs::write(place.path("slow.toml"), format!("{settings}stop_delay_seconds = 60\n")).unwrap();
    let mut serving = place.serve("slow.toml");
    place.becomes(200, r#""ready":true"#).await;
    terminate(&serving).await;
    place.becomes(503, "the service was told to stop").await;
    assert!(TcpStream::connect(listen).await.is_ok(), "a balancer that has not noticed is still served");
    serving.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_said_before_anything_begins() {
    let place = Place::new().await;
    let checked = place.run("check-config", &[], &[]).await;
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(checked.stdout, b"tenant can serve with these settings\n");
    let missing = place.path("nowhere").display().to_string();
    for (flags, variables, expected) in [
        (&["--keyring-dir", missing.as_str()][..], &[][..], "nowhere"),
        (&["--tls-cert", &missing], &[], "nowhere"),
        (&["--mfa-addr", "nowhere"], &[], "nowhere"),
        (&["--drain-seconds", "0"], &[], "drain-seconds"),
        (&["--trace-ratio", "1.5"], &[], "trace-ratio"),
        (&["--otlp-endpoint", "not an endpoint"], &[], "collector"),
        (&["--database-url", "postgres://secret-x@h/d"], &[], "database_url holds a secret"),
        (&[], &[("COUNTERSIGN_DATABASE_URL", "secret-x:")], "database"),
        (&[], &[("COUNTERSIGN_LISSEN", "127.0.0.1:1")], "COUNTERSIGN_LISSEN"),
        (&[], &[("COUNTERSIGN_CONFIG", "x"), ("COUNTERSIGN_OPS_LISTEN", "here")], "ops-listen"),
    ] {
        let checked = place.run("check-config", flags, variables).await;
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(!checked.status.success() && told.contains(expected), "{flags:?} {variables:?}: {checked:?}");
        assert!(!told.contains("secret-x"), "{told}");
    }
    let unmigrated = place.run("migrate", &[], &[]).await;
    assert!(String::from_utf8_lossy(&unmigrated.stderr).contains("owner-database-url"), "{unmigrated:?}");
}

async fn terminate(process: &Child) {
    let pid = process.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
}

/// The status and the body of an answer; none where nobody listens.
async fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
