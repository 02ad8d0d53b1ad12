//! The clock guard as those who operate a service see it: a reason, and a metric (R8). What it refuses meanwhile is in `policy.rs`.
//!
//! Metrics are a process's: this one has no other test.

use ServiceName::{Identity, Mfa, Tenant};
use countersign_tests::ops::{fails, get, is_ready};
use telemetry::{LogFormat, TelemetryOptions};
use testkit::TestSystem;
use types::ServiceName;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_not_trusted_is_told_with_its_reason_and_measured() {
    let mut system = TestSystem::start().await;
    // Whoever starts from now on is measured: here one service, so that each figure is its.
    let telemetry = telemetry::start(&TelemetryOptions::local("readiness", LogFormat::Text)).unwrap();
    system.stop_mfa(0).await;
    system.restart_mfa(0).await;
    let measured = async |line: &str| get(&system, Mfa, "/metrics").await.1.lines().any(|told| told == line);
    for service in [Tenant, Identity, Mfa] {
        is_ready(&system, service).await;
    }
    system.eventually("it is measured", async || measured("countersign_clock_trusted 1").await).await;
    system.reference.shift(time::Duration::minutes(1));
    for service in [Tenant, Identity, Mfa] {
        fails(&system, service, "clock", "steered").await;
    }
    assert!(measured("countersign_clock_trusted 0").await);
    assert!(measured("countersign_ready 0").await);
    system.reference.shift(time::Duration::ZERO);
    for service in [Tenant, Identity, Mfa] {
        is_ready(&system, service).await;
    }
    assert!(measured("countersign_clock_trusted 1").await);
    drop(telemetry);
}
