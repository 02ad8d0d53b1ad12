//! The system as those who operate it see it: real processes, scraped by a real Prometheus, told on by OTLP, stopped by SIGTERM.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod collector;
mod hanging;
mod http;
mod prometheus;
mod running;
mod streams;
mod traces;

use std::time::{Duration, Instant};

use collector::Collector;
use prometheus::Prometheus;
use proto::identity::GetJwksRequest;
use proto::identity::session_service_client::SessionServiceClient;
use running::Running;

/// One system for all of it: starting one takes longer than looking at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_tells_how_it_is_and_ends_when_it_is_told_to() {
    let collector = Collector::start();
    let mut running = Running::start(&collector.endpoint()).await;

    rotate_signing_key(&running).await;
    let signed_in = traces::sign_in(&running).await;
    conditions_and_metrics(&running).await;
    Prometheus::start(&running.ops()).await.sees_all_up(3).await;
    traces::arrive_as_one(&collector, &signed_in).await;
    nothing_leaks(&running, &collector, &signed_in).await;

    // A collector that is gone costs telemetry, and nothing else.
    collector.vanish();
    traces::sign_in(&running).await;
    let lost =
        "countersign_telemetry_lost_total{countersign_cause=\"failed\",countersign_signal=\"traces\"} ";
    tells(&running.ops()[1], &[lost]).await;
    running.stop().await;
}

/// An operator's command publishes the next key; given again, it tells of the same one.
async fn rotate_signing_key(running: &Running) {
    let [first, second] = [running.rotate_signing_key().await, running.rotate_signing_key().await];
    assert!(first.contains("is published, and signs from"), "{first}");
    assert_eq!(first, second);
    let mut sessions = SessionServiceClient::new(running.identity());
    let jwks = sessions.get_jwks(GetJwksRequest {}).await.unwrap().into_inner().jwks_json;
    let jwks: serde_json::Value = serde_json::from_str(&jwks).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().any(|key| first.contains(key["kid"].as_str().unwrap())));
}

/// In whatever form, nothing of the sign-in is in what a collector was told, what Prometheus reads, or any process's log.
async fn nothing_leaks(running: &Running, collector: &Collector, signed_in: &traces::SignedIn) {
    let scanner = signed_in.scanner();
    let (heard, logs) = (collector.heard(), running.logs());
    assert!(heard.len() > 10_000 && logs.len() > 1_000, "{} and {} bytes", heard.len(), logs.len());
    let mut places = vec![("OTLP", heard), ("logs", logs)];
    for address in running.ops() {
        places.push(("metrics", http::get(&address, "/metrics").await.1.into_bytes()));
    }
    for (place, told) in places {
        assert_eq!(scanner.search(&told), [], "{place}");
    }
}

async fn conditions_and_metrics(running: &Running) {
    for (service, address) in ["tenant", "identity", "mfa"].iter().zip(running.ops()) {
        assert_eq!(http::get(&address, "/livez").await, (200, "ok\n".to_owned()));
        let (status, report) = http::get(&address, "/readyz").await;
        assert_eq!(status, 200, "{report}");
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!((&report["service"], &report["ready"]), (&(*service).into(), &true.into()));
        assert_eq!(http::get(&address, "/servez").await.0, 200);
        let conditions = report["conditions"].as_array().unwrap();
        let names: Vec<_> = conditions.iter().map(|one| one["name"].as_str().unwrap()).collect();
        let common = ["stopping", "database", "schema", "keys", "certificates", "log", "clock", "followers"];
        assert!(names.starts_with(&common), "{names:?}");
        assert_eq!(http::get(&address, "/").await.0, 404);
        // What dashboards and alerts are made of.
        let mut expected = vec![
            "countersign_ready 1",
            "countersign_serving 1",
            "countersign_condition{countersign_condition=\"schema\"} 1",
            "countersign_clock_trusted 1",
            "countersign_clock_difference_seconds{clock_reference=\"postgresql\"}",
            "countersign_certificate_not_after_seconds ",
            "countersign_pool_connections{countersign_state=\"idle\"}",
            "countersign_sequencer_state{countersign_state=\"leading\"} 1",
            "countersign_sequencer_lag ",
            "countersign_events_total{countersign_event_type=",
            "countersign_unit_duration_seconds_bucket{countersign_outcome=\"committed\",countersign_unit=",
            "rpc_server_call_duration_seconds_count{",
        ];
        match *service {
            "identity" => expected.extend([
                "rpc_method=\"countersign.identity.v1.SignInService/StartSignIn\"",
                "countersign_hashing_queue 0",
                "countersign_hashing_duration_seconds_count ",
                "countersign_follower_state{countersign_log=\"mfa\",countersign_state=\"following\"} 1",
            ]),
            "mfa" => expected.extend([
                "countersign_event_type=\"mfa.verification.succeeded\"",
                "countersign_event_type=\"mfa.factor.enrolled\"",
                "countersign_follower_age_seconds{countersign_log=\"identity\"}",
                "countersign_adoption_users{countersign_state=\"enrolled\"}",
            ]),
            _ => {}
        }
        tells(&address, &expected).await;
    }
    // The certificates are the development ones, which last for months.
    let (_, metrics) = http::get(&running.ops()[0], "/metrics").await;
    let end =
        metrics.lines().find_map(|line| line.strip_prefix("countersign_certificate_not_after_seconds "));
    let month = Duration::from_secs(29 * 24 * 60 * 60).as_secs_f64();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!(end.unwrap().parse::<f64>().unwrap() > now + month);
}

/// Waits until all of these lines have begun: some figures are counted twice a minute.
async fn tells(address: &str, expected: &[&str]) {
    let begun = Instant::now();
    loop {
        let (status, metrics) = http::get(address, "/metrics").await;
        assert_eq!(status, 200);
        let Some(missing) = expected.iter().find(|line| !metrics.contains(**line)) else { return };
        assert!(begun.elapsed() < Duration::from_secs(60), "{address} does not tell {missing}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
