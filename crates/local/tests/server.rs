//! A real server through its life. Where these run as root, the server runs as another user, and the
//! temporary homes (closed to that user) prove that its data finds another place.

#![expect(clippy::unwrap_used, reason = "a test helper fails its test by panicking")]

use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use local::postgres::{Error, Options, Postgres};
use tokio_postgres::{Client, NoTls};

async fn connect(server: &Postgres) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&server.superuser_url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn rows(server: &Postgres) -> i64 {
    connect(server).await.query_one("SELECT count(*) FROM kept", &[]).await.unwrap().get(0)
}

async fn add_row(server: &Postgres) {
    let client = connect(server).await;
    client.batch_execute(include_str!("../examples/row.sql")).await.unwrap();
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// Polls, bounded, for something another process does.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A home that another user cannot enter.
fn closed_home() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let home = parent.path().join("postgres");
    (parent, home)
}

#[tokio::test]
async fn stops_and_finds_its_data_again_even_where_its_user_cannot_go() {
    let (parent, home) = closed_home();
    let mut server = Postgres::start(Options::kept(&home).setting("max_connections", "17")).await.unwrap();
    let data = server.data_directory().to_path_buf();
    assert_eq!(is_root(), data.starts_with("/var/"), "{}", data.display());
    if is_root() {
        assert_ne!(fs::metadata(&data).unwrap().uid(), 0);
        assert_eq!(fs::read_link(home.join("cluster")).unwrap(), data);
        assert!(
            fs::read_to_string(home.join("README"))
                .unwrap()
                .contains(data.parent().unwrap().to_str().unwrap())
        );
    }
    assert_eq!(fs::metadata(home.join("superuser-password")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    settings_are_as_promised(&server).await;
    add_row(&server).await;
    let (port, pid) = (server.port(), server.pid());
    assert!(server.is_running());
    server.stop().await.unwrap();
    assert!(!server.is_running());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());

    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    assert_eq!(rows(&server).await, 1);
    server.stop().await.unwrap();
    drop(server);

    // Moved, the home keeps its data; copied, it does not share it.
    let moved = parent.path().join("moved");
    fs::rename(&home, &moved).unwrap();
    let server = Postgres::start(Options::kept(&moved)).await.unwrap();
    assert_eq!(rows(&server).await, 1);
    if is_root() {
        assert_eq!(server.data_directory(), data);
        assert!(Command::new("cp").arg("-a").args([&moved, &home]).status().unwrap().success());
        let copy = Postgres::start(Options::kept(&home)).await.unwrap();
        assert_ne!(copy.data_directory(), data);
        copy.destroy().await.unwrap();
    }
    server.destroy().await.unwrap();
    assert!(!data.exists() && !moved.exists());
    if is_root() {
        assert!(!data.parent().unwrap().exists());
    }
}

async fn settings_are_as_promised(server: &Postgres) {
    let client = connect(server).await;
    for (name, expected) in [
        ("max_connections", "17"),
        ("fsync", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("lc_collate", "C"),
        ("password_encryption", "scram-sha-256"),
        ("unix_socket_directories", ""),
        ("listen_addresses", "127.0.0.1"),
    ] {
        let row = client.query_one("SELECT current_setting($1)", &[&name]).await;
        // From version 16 on the collation is no setting any more.
        if let Ok(row) = row {
            assert_eq!(row.get::<_, String>(0), expected, "{name}");
        }
    }
    let wrong = server.superuser_url("postgres").replace("postgres:", "postgres:x");
    assert!(tokio_postgres::connect(&wrong, NoTls).await.is_err());
}

#[tokio::test]
async fn a_killed_postmaster_is_noticed_and_started_again_with_its_data() {
    let mut server = Postgres::start(Options::ephemeral()).await.unwrap();
    let home = server.data_directory().parent().unwrap().to_path_buf();
    add_row(&server).await;
    // A client that stays: its backend outlives the postmaster for a moment.
    let client = connect(&server).await;
    for _ in 0..2 {
        let (port, pid) = (server.port(), server.pid());
        kill(pid);
        let status = server.wait().await.unwrap();
        assert!(!status.success());
        assert!(!server.is_running());
        server.restart().await.unwrap();
        assert_eq!(server.port(), port);
        assert_ne!(server.pid(), pid);
        assert_eq!(rows(&server).await, 1);
    }
    assert!(client.simple_query("SELECT 1").await.is_err());

    // A backend that computes notices the death of its postmaster only afterwards, and holds the shared memory
    // until then: no second postmaster may come up beside it.
    let client = connect(&server).await;
    let busy = async {
        let _ = client.simple_query("DO 'BEGIN FOR i IN 1..20000000 LOOP END LOOP; END'").await;
        Instant::now()
    };
    let (computed, restarted) = tokio::join!(busy, async {
        wait_until_busy(&server).await;
        kill(server.pid());
        server.wait().await.unwrap();
        server.restart().await.unwrap();
        Instant::now()
    });
    assert!(computed < restarted);
    assert_eq!(rows(&server).await, 1);
    let port = server.port();
    drop(server);
    eventually("the dropped server's files are gone", || !home.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

async fn wait_until_busy(server: &Postgres) {
    const BUSY: &str = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'";
    let client = connect(server).await;
    while client.query_one(BUSY, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
}

#[tokio::test]
async fn there_is_one_process_per_home_and_one_program_per_port() {
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = parent.path().canonicalize().unwrap().join("postgres");
    let server = Postgres::start(Options::kept(&home)).await.unwrap();
    assert_eq!(server.data_directory(), home.join("cluster"), "its user can go there, so there it is");
    let second = Postgres::start(Options::kept(&home)).await.unwrap_err();
    assert!(matches!(second, Error::InUse { .. }), "{second}");
    let taken = Postgres::start(Options::ephemeral().port(server.port())).await.unwrap_err();
    assert!(matches!(taken, Error::PortTaken { port } if port == server.port()), "{taken}");
    let wrong = Postgres::start(Options::ephemeral().setting("max_connections", "many")).await.unwrap_err();
    assert!(wrong.to_string().contains("max_connections"), "{wrong}");
    assert!(server.binaries().major >= 14);
    server.destroy().await.unwrap();
}

#[tokio::test]
async fn without_its_password_the_data_stays_closed() {
    let (_parent, home) = closed_home();
    let mut server = Postgres::start(Options::kept(&home)).await.unwrap();
    server.stop().await.unwrap();
    let data = server.data_directory().to_path_buf();
    drop(server);
    let password = fs::read(home.join("superuser-password")).unwrap();
    fs::remove_file(home.join("superuser-password")).unwrap();
    let error = Postgres::start(Options::kept(&home)).await.unwrap_err();
    assert!(matches!(error, Error::PasswordMissing { .. }), "{error}");
    // A leftover of an interrupted first start, and a stale file that names a process of another program.
    fs::write(home.join("superuser-password"), password).unwrap();
    fs::write(data.join("postmaster.pid"), format!("{}\n{}\n", std::process::id(), data.display())).unwrap();
    Postgres::start(Options::kept(&home)).await.unwrap().destroy().await.unwrap();
}

struct Held {
    holder: std::process::Child,
    pid: u32,
    port: u16,
    data: PathBuf,
}

/// An example of this crate, which cargo builds before the tests and puts beside them.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join(name)
}

fn hold(directory: &Path, settings: &[(&str, &Path)]) -> Held {
    let report = directory.join("report");
    let holder = Command::new(example("hold_a_server"))
        .env("LOCAL_TEST_REPORT", &report)
        .envs(settings.iter().copied())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the holder's server is up", || report.exists());
    let text = fs::read_to_string(report).unwrap();
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap();
    Held { holder, pid: next().parse().unwrap(), port: next().parse().unwrap(), data: next().into() }
}

impl Held {
    fn kill_holder(&mut self) {
        self.holder.kill().unwrap();
        self.holder.wait().unwrap();
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }
}

#[tokio::test]
async fn dies_with_its_parent_and_an_ephemeral_one_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut held = hold(directory.path(), &[]);
    assert!(held.answers());
    held.kill_holder();
    eventually("the server is gone", || !held.answers());
    eventually("its files are gone", || !held.data.parent().unwrap().exists());
}

#[tokio::test]
async fn dies_with_its_parent_and_keeps_what_is_to_be_kept() {
    let (parent, home) = closed_home();
    let mut held = hold(parent.path(), &[("LOCAL_TEST_HOME", &home)]);
    held.kill_holder();
    // Started while the old one may still be shutting down.
    let server = Postgres::start(Options::kept(&home)).await.unwrap();
    assert_eq!(server.data_directory(), held.data);
    assert_eq!(rows(&server).await, 1);
    eventually("the first server is gone", || !held.answers() || server.port() == held.port);
    server.destroy().await.unwrap();
}

#[tokio::test]
async fn one_that_was_left_behind_is_stopped_by_the_next_start() {
    let (parent, home) = closed_home();
    let mut held = hold(parent.path(), &[("LOCAL_TEST_HOME", &home), ("LOCAL_TEST_ORPHAN", Path::new("1"))]);
    held.kill_holder();
    assert!(held.answers(), "it was not told to die");
    let server = Postgres::start(Options::kept(&home)).await.unwrap();
    assert_ne!(server.pid(), held.pid);
    assert!(!held.answers() || server.port() == held.port);
    assert_eq!(rows(&server).await, 1);
    server.destroy().await.unwrap();
}
