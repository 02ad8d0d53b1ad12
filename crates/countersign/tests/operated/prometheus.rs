//! A real Prometheus that scrapes.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::http;

pub(crate) struct Prometheus {
    _process: Child,
    address: String,
    _directory: TempDir,
}

impl Prometheus {
    pub(crate) async fn start(targets: &[String]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let mut config = "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: countersign\n  static_configs:\n  - targets: [".to_owned();
        for target in targets {
            let _ = write!(config, "'{target}',");
        }
        config.push_str("]\n");
        let file = directory.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("prometheus cannot be run ({error}): install Debian's package of that name, or run .ci/install")
            });
        Self { _process: process, address, _directory: directory }
    }

    /// Waits until all of so many targets are up, and the figures of all are there.
    pub(crate) async fn sees_all_up(&self, targets: usize) {
        let begun = Instant::now();
        let mut seen = String::new();
        while begun.elapsed() < Duration::from_secs(90) {
            tokio::time::sleep(Duration::from_millis(250)).await;
            if tokio::net::TcpStream::connect(&self.address).await.is_err() {
                continue;
            }
            seen = http::get(&self.address, "/api/v1/query?query=up").await.1;
            let ready = http::get(&self.address, "/api/v1/query?query=countersign_ready").await.1;
            if are_one(&seen) == Some(targets) && are_one(&ready) == Some(targets) {
                return;
            }
        }
        panic!("not all are up: {seen}");
    }
}

/// How many series there are, where each is 1.
fn are_one(answer: &str) -> Option<usize> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    let series = answer["data"]["result"].as_array()?;
    series.iter().all(|one| one["value"][1] == "1").then_some(series.len())
}
