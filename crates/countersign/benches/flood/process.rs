//! identity as a process with little memory.

use std::process::Stdio;
use std::time::Duration;

use testkit::{TestSystem, reason};
use tokio::process::{Child, Command};

/// What it may take, in MiB.
const LIMIT: u64 = 512;

/// The process; ends when it is told to.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts the real binary in place of the system's own identity, and waits until it answers.
    pub(crate) async fn start(system: &TestSystem) -> Self {
        // The limit of private writable memory (setrlimit(2), RLIMIT_DATA), stacks included: what it would exceed, it does not get.
        let script = format!("ulimit -d {} && exec \"$0\" \"$@\"", LIMIT * 1024);
        let child = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_countersign"), "serve", "identity"])
            .envs(system.identity_environment(0))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let console = &system.console;
        system
            .eventually("identity answers", || async {
                let refused = console.start_with("nobody@nowhere.example", "x").await;
                refused.is_err_and(|status| reason(status) == "SIGN_IN_REFUSED")
            })
            .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Self { child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) const fn limit(&self) -> u64 {
        LIMIT
    }

    /// What it holds now, in MiB.
    pub(crate) fn resident(&self) -> u64 {
        self.figure("VmRSS:")
    }

    /// The most it held, in MiB.
    pub(crate) fn most(&self) -> u64 {
        self.figure("VmHWM:")
    }

    pub(crate) async fn end(mut self) {
        self.child.kill().await.expect("it ran until now");
    }

    fn figure(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("Linux tells");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") / 1024
    }
}
