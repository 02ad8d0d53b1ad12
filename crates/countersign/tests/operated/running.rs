//! The whole system as processes.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rpc::{PeerChannel, TlsFiles};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(180);
/// How long the end may take: every process has a bound of its own.
const END: Duration = Duration::from_secs(60);

/// `countersign up`, and what it says in its env file.
pub(crate) struct Running {
    process: Child,
    environment: BTreeMap<String, String>,
    directory: TempDir,
}

impl Running {
    /// Starts it, with all telemetry going to a collector, and waits until it can be used.
    pub(crate) async fn start(collector: &str) -> Self {
        let environment = [
            ("COUNTERSIGN_OTLP_ENDPOINT", collector),
            // Soon, so that the test need not wait.
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "200"),
        ];
        Self::start_with(&[], &environment).await
    }

    /// Starts it with these arguments and variables, and waits until it can be used.
    pub(crate) async fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let mut process = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .arg("--data-dir")
            .arg(&data)
            .args(["--port-base", &free_ports().to_string()])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // Written last, when everything can be used.
        let file = data.join("env");
        let begun = Instant::now();
        while !file.exists() {
            assert!(begun.elapsed() < START, "it does not start");
            assert_eq!(process.try_wait().unwrap(), None, "it ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let environment = lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { process, environment, directory }
    }

    pub(crate) fn get(&self, key: &str) -> &str {
        self.environment.get(key).unwrap_or_else(|| panic!("the env file has no {key}"))
    }

    /// The process of a service.
    pub(crate) fn pid(&self, service: &str) -> String {
        let file = self.directory.path().join(format!("data/run/{service}.pid"));
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    /// What every process has written to its log.
    pub(crate) fn logs(&self) -> Vec<u8> {
        let logs = std::fs::read_dir(self.directory.path().join("data/logs")).unwrap();
        logs.flat_map(|log| std::fs::read(log.unwrap().path()).unwrap()).collect()
    }

    /// The ops ports of tenant, identity and mfa.
    pub(crate) fn ops(&self) -> [String; 3] {
        ["TENANT_OPS", "IDENTITY_OPS", "MFA_OPS"].map(|key| self.get(key).to_owned())
    }

    /// A channel to identity, as the console.
    pub(crate) fn identity(&self) -> PeerChannel {
        let file = |key: &str| PathBuf::from(self.get(key));
        let tls = TlsFiles { ca: file("CA_CERT"), cert: file("CONSOLE_CERT"), key: file("CONSOLE_KEY") };
        PeerChannel::connect_lazily(vec![self.get("IDENTITY_ADDR").to_owned()], &tls, "identity").unwrap()
    }

    /// What `countersign keys rotate-signing-key` says.
    pub(crate) async fn rotate_signing_key(&self) -> String {
        let rotated = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["keys", "rotate-signing-key", "--identity-addr", self.get("IDENTITY_ADDR")])
            .args(["--ca", self.get("CA_CERT"), "--cert", self.get("OPERATOR_CERT")])
            .args(["--key", self.get("OPERATOR_KEY")])
            .output()
            .await
            .unwrap();
        assert!(rotated.status.success(), "{rotated:?}");
        String::from_utf8(rotated.stdout).unwrap()
    }

    /// Tells one service's process to end, and waits until it has.
    pub(crate) async fn end_one(&self, name: &str, within: Duration) {
        let pid = self.pid(name);
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let told = Instant::now();
        while std::path::Path::new("/proc").join(&pid).exists() {
            assert!(told.elapsed() < within, "{name} does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tells it to end, and sees that it does, in time and of its own accord.
    pub(crate) async fn stop(&mut self) {
        let pid = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let ended = tokio::time::timeout(END, self.process.wait()).await.expect("it ends in time");
        assert!(ended.unwrap().success());
        for address in self.ops() {
            assert!(tokio::net::TcpStream::connect(&address).await.is_err(), "{address} is still open");
        }
    }
}

/// A base such that it and the ports of two replicas are free at this moment. Below those that outgoing connections get, of which
/// another test may open hundreds meanwhile.
fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of_process = u16::try_from(std::process::id() % 300).unwrap();
    loop {
        let turn = of_process.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 300;
        let base = 20_000 + turn * 40;
        let free = (0..=16).all(|offset| TcpListener::bind(("127.0.0.1", base + offset)).is_ok());
        if free {
            return base;
        }
    }
}
