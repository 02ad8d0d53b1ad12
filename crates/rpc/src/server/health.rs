//! `grpc.health.v1`, driven by one switch.

use std::future::Future;

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, HealthService};

/// Whether the service can do its work. Clones are the same switch.
#[derive(Debug, Clone)]
pub struct Readiness(watch::Sender<bool>);

impl Readiness {
    /// A switch in this position.
    #[must_use]
    pub fn new(ready: bool) -> Self {
        Self(watch::Sender::new(ready))
    }

    /// Moves the switch.
    pub fn set(&self, ready: bool) {
        self.0.send_if_modified(|present| std::mem::replace(present, ready) != ready);
    }

    /// Its position.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.0.borrow()
    }

    /// For waiting until it moves.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}

impl Default for Readiness {
    /// Not ready.
    fn default() -> Self {
        Self::new(false)
    }
}

/// The health service, and the work that makes it follow the switch.
pub(super) async fn service(
    readiness: &Readiness,
    names: &'static [&'static str],
) -> (HealthServer<impl Health>, impl Future<Output = ()> + Send + 'static) {
    let reporter = HealthReporter::new();
    let server = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    let mut switch = readiness.watch();
    let position = *switch.borrow_and_update();
    report(&reporter, names, position).await;
    let following = async move {
        while switch.changed().await.is_ok() {
            let position = *switch.borrow_and_update();
            report(&reporter, names, position).await;
        }
    };
    (server, following)
}

async fn report(reporter: &HealthReporter, names: &[&str], ready: bool) {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    // The empty name is the server as a whole.
    for name in names.iter().chain(&[""]) {
        reporter.set_service_status(*name, status).await;
    }
}
