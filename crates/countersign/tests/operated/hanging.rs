//! A collector that takes connections and never says a word: it costs telemetry, and nothing else.

use std::time::{Duration, Instant};

use proto::identity::GetJwksRequest;
use proto::identity::session_service_client::SessionServiceClient;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::http;
use crate::running::Running;
use crate::traces;

/// How long a service may take to end when no call is under way: its telemetry is given up after three seconds, the rest takes
/// next to nothing. It is what `terminationGracePeriodSeconds` grants beyond the service's two settings.
const END: Duration = Duration::from_secs(5);
/// Calls at once, and in all before the memory is looked at.
const AT_ONCE: usize = 16;
const CALLS: usize = 3_000;
/// What a service may hold more after twice as many lost spans, in KiB: a queue without bounds would hold several times that.
const GROWTH: u64 = 8 * 1024;

/// Takes every connection, and keeps it.
struct Hanging {
    endpoint: String,
    _taking: JoinHandle<()>,
}

impl Hanging {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let taking = tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                taken.push(connection);
            }
        });
        Self { endpoint, _taking: taking }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_costs_nothing_but_telemetry() {
    let collector = Hanging::start().await;
    let mut running = Running::start(&collector.endpoint).await;
    let [_, identity, _] = running.ops();
    traces::sign_in(&running).await;

    // More than its queue holds, so that it is full from then on.
    let begun = Instant::now();
    while lost(&identity, "queue_full").await == 0 {
        calls(&running, CALLS / 4).await;
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is lost");
    }
    calls(&running, CALLS).await;
    let (before, lost_before) = (resident(&running), lost(&identity, "queue_full").await);
    calls(&running, 2 * CALLS).await;
    assert!(lost(&identity, "queue_full").await > lost_before + 2_048);
    assert!(lost(&identity, "failed").await > 0);
    let after = resident(&running);
    assert!(after < before + GROWTH, "{before} KiB, then {after} KiB");

    // It is as ready as ever, people sign in, and it ends when it is told to.
    assert_eq!(http::get(&identity, "/readyz").await.0, 200);
    traces::sign_in(&running).await;
    running.end_one("identity", END).await;
    running.stop().await;
}

/// Calls of identity, so many at once, all of which are answered.
async fn calls(running: &Running, count: usize) {
    let client = SessionServiceClient::new(running.identity());
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let mut client = client.clone();
        tasks.spawn(async move {
            for _ in 0..count / AT_ONCE {
                client.get_jwks(GetJwksRequest {}).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// How many spans a service says that it lost.
async fn lost(ops: &str, cause: &str) -> u64 {
    let (_, metrics) = http::get(ops, "/metrics").await;
    let line = format!(
        "countersign_telemetry_lost_total{{countersign_cause=\"{cause}\",countersign_signal=\"traces\"}} "
    );
    let count = metrics.lines().find_map(|found| found.strip_prefix(&line));
    count.map_or(0, |count| count.parse().unwrap())
}

/// What identity holds of the machine's memory, in KiB.
fn resident(running: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid("identity"))).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
