//! The running service.

use std::net::SocketAddr;
use std::time::Duration;

use eventlog::{Follower, Sequencer};
use rpc::ServeError;
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use types::ServiceName;

use crate::keys::{KeysRefused, Standing};
use crate::ops_port::OpsPort;
use crate::report::{Board, Report};

/// A running service. It is to be ended with [`App::shutdown`].
#[derive(Debug)]
pub struct App {
    pub(crate) service: ServiceName,
    pub(crate) address: SocketAddr,
    /// Told first: not ready any more.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) watching: JoinHandle<()>,
    pub(crate) stop_delay: Duration,
    /// Told then: no more calls.
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) serving: JoinHandle<Result<(), ServeError>>,
    /// Its sender is gone when nobody serves any more.
    pub(crate) is_over: watch::Receiver<()>,
    pub(crate) chores: Vec<JoinHandle<()>>,
    pub(crate) followers: Vec<Follower>,
    pub(crate) sequencer: Sequencer,
    pub(crate) store: Store,
    pub(crate) keys: watch::Receiver<Standing>,
    pub(crate) board: Board,
    pub(crate) ops_port: Option<OpsPort>,
}

impl App {
    /// The address it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address of its ops port; none where it has none.
    #[must_use]
    pub fn ops_addr(&self) -> Option<SocketAddr> {
        self.ops_port.as_ref().map(OpsPort::local_addr)
    }

    /// How it is, as `/readyz` tells.
    #[must_use]
    pub fn report(&self) -> Report {
        self.board.report()
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

    /// Waits until nobody serves its port any more, although nobody told it to stop.
    pub async fn cut_off(&self) {
        let mut is_over = self.is_over.clone();
        while is_over.changed().await.is_ok() {}
    }

    /// Says that it is not ready, and still takes calls for as long as the settings say; then takes no more, lets the ones under
    /// way end, for as long as the settings say, and stops. The ops port closes last.
    pub async fn shutdown(self) {
        self.stopping.send_replace(true);
        if let Err(error) = self.watching.await {
            tracing::error!(%error, "watching the conditions of readiness was cut off");
        }
        tokio::time::sleep(self.stop_delay).await;
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
        drop(self.ops_port);
        tracing::info!("{} has stopped", self.service);
    }
}
