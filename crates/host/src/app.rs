//! The running service.

use std::net::SocketAddr;

use clock::{SharedClock, SystemClock};
use eventlog::{Follower, Sequencer};
use rpc::ServeError;
use store::Store;
use telemetry::LogFormat;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use types::ServiceName;

use crate::StartError;
use crate::keys::{KeysRefused, Standing};

/// A running service. It is to be ended with [`App::shutdown`].
#[derive(Debug)]
pub struct App {
    pub(crate) service: ServiceName,
    pub(crate) address: SocketAddr,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) serving: JoinHandle<Result<(), ServeError>>,
    pub(crate) chores: Vec<JoinHandle<()>>,
    pub(crate) followers: Vec<Follower>,
    pub(crate) sequencer: Sequencer,
    pub(crate) store: Store,
    pub(crate) keys: watch::Receiver<Standing>,
}

impl App {
    /// The address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it is known that the keys do not fit what is stored, which ends the service. Where the database answers
    /// at the start, the start fails instead, and this waits for ever.
    pub async fn keys_refused(&self) -> KeysRefused {
        let mut keys = self.keys.clone();
        let refused = keys.wait_for(|standing| matches!(standing, Standing::Refused(_))).await;
        match refused.as_deref() {
            Ok(Standing::Refused(refused)) => refused.clone(),
            _ => std::future::pending().await,
        }
    }

    /// Takes no more calls, lets the ones under way end (for a few seconds), and stops.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the server did not serve"),
            Err(error) => tracing::error!(%error, "the server was cut off"),
        }
        for chore in &self.chores {
            chore.abort();
        }
        for follower in self.followers {
            follower.stop().await;
        }
        self.sequencer.stop().await;
        self.store.close();
        tracing::info!("{} has stopped", self.service);
    }
}

/// Runs a service until SIGTERM or SIGINT, or until `until` is over.
///
/// # Errors
/// As `start`; [`StartError::Keys`] when the keys turn out not to fit after it.
pub async fn run<S>(
    service: ServiceName,
    log_format: LogFormat,
    until: impl Future<Output = ()>,
    start: impl FnOnce(SharedClock) -> S,
) -> Result<(), StartError>
where
    S: Future<Output = Result<App, StartError>>,
{
    telemetry::init(service.as_str(), log_format);
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signal)?;
    let app = start(SystemClock::shared()).await?;
    let outcome = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = until => Ok(()),
        refused = app.keys_refused() => Err(refused.into()),
    };
    app.shutdown().await;
    outcome
}
