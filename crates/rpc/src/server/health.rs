//! `grpc.health.v1`, driven by one switch.

use std::future::Future;

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, HealthService};

/// Whether calls should come to the service. Clones are the same switch.
#[derive(Debug, Clone)]
pub struct Readiness {
    ready: watch::Sender<bool>,
    open: watch::Sender<bool>,
}

impl Readiness {
    /// A switch in this position, of an open service.
    #[must_use]
    pub fn new(ready: bool) -> Self {
        Self { ready: watch::Sender::new(ready), open: watch::Sender::new(true) }
    }

    /// Not ready, and not open either: every call but those of health and reflection is answered NOT_READY, until
    /// [`Self::open`]. For a service that must not do anything yet; being not ready is only advice to callers.
    #[must_use]
    pub fn closed() -> Self {
        Self { ready: watch::Sender::new(false), open: watch::Sender::new(false) }
    }

    /// Takes calls from now on.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Whether calls are taken.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Moves the switch.
    pub fn set(&self, ready: bool) {
        self.ready.send_if_modified(|present| std::mem::replace(present, ready) != ready);
    }

    /// Its position.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// For waiting until it moves.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
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
