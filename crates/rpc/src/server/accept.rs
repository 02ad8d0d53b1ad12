//! Connections: accepted, shaken hands with, served, and closed at shutdown.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::step::{Calls, ConnectionPeer, Stack};
use crate::tls::{Reloading, peer_of};

/// Connections are asked whether they live, so that those of vanished callers do not pile up.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2's own limit of metadata, over which a stream breaks without a word; ours is lower and answers.
const HEADER_LIST: u32 = 256 * 1024;
/// After a failure to accept (no file descriptors left): let some close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Accept {
    pub(super) listener: TcpListener,
    pub(super) certificates: Arc<Reloading<ServerConfig>>,
    pub(super) trust_domain: String,
    pub(super) limits: Limits,
    /// Cancelled when shutdown begins.
    pub(super) draining: CancellationToken,
    /// What calls leave to be done when their callers go away.
    pub(super) work: TaskTracker,
}

/// What every connection's task shares.
struct Shared {
    certificates: Arc<Reloading<ServerConfig>>,
    trust_domain: String,
    stack: Stack,
    http: Builder<TokioExecutor>,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    handshake_time: Duration,
    draining: CancellationToken,
    /// Cancelled when grace is over.
    closing: CancellationToken,
}

impl Accept {
    pub(super) async fn until(
        self,
        shutdown: impl Future<Output = ()>,
        stack: Stack,
        on_shutdown: impl FnOnce(),
    ) {
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let shared = Arc::new(Shared {
            http: http(&self.limits),
            certificates: self.certificates,
            trust_domain: self.trust_domain,
            stack,
            connections: Arc::new(Semaphore::new(self.limits.connections)),
            handshakes: Arc::new(Semaphore::new(self.limits.handshakes)),
            handshake_time: self.limits.handshake_time,
            draining: self.draining.clone(),
            closing: closing.clone(),
        });
        let reloading = tokio::spawn(reload(Arc::clone(&shared.certificates), self.limits.certificate_poll));
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => shared.take(stream, &tasks),
                    Err(error) => {
                        tracing::warn!(%error, "could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        on_shutdown();
        drop(self.listener);
        reloading.abort();
        self.draining.cancel();
        tasks.close();
        let all = async {
            tasks.wait().await;
            // No call is left that could begin any.
            self.work.close();
            self.work.wait().await;
        };
        if timeout(self.limits.shutdown_grace, all).await.is_err() {
            tracing::warn!(
                connections = tasks.len(),
                work = self.work.len(),
                "grace is over; closing what is left"
            );
            closing.cancel();
            tasks.wait().await;
        }
    }
}

impl Shared {
    /// Begins with one connection, in a task of its own, or closes it when there are too many.
    fn take(self: &Arc<Self>, stream: TcpStream, tasks: &TaskTracker) {
        let Ok(handshake) = Arc::clone(&self.handshakes).try_acquire_owned() else {
            tracing::warn!("too many handshakes under way; a connection is closed");
            return;
        };
        let shared = Arc::clone(self);
        tasks.spawn(async move {
            let shaken = tokio::select! {
                shaken = shared.shake_hands(stream) => shaken,
                () = shared.draining.cancelled() => None,
            };
            drop(handshake);
            let Some((stream, peer)) = shaken else { return };
            match Arc::clone(&shared.connections).try_acquire_owned() {
                Ok(_connection) => shared.serve(stream, peer).await,
                Err(_) => tracing::warn!("too many connections; one is closed"),
            }
        });
    }

    async fn shake_hands(&self, stream: TcpStream) -> Option<(TlsStream<TcpStream>, ConnectionPeer)> {
        let _ = stream.set_nodelay(true);
        let acceptor = TlsAcceptor::from(self.certificates.current());
        let stream = match timeout(self.handshake_time, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a handshake failed");
                return None;
            }
            Err(_) => {
                tracing::debug!("a handshake took too long");
                return None;
            }
        };
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let peer = certificate.and_then(|leaf| peer_of(leaf, &self.trust_domain));
        Some((stream, ConnectionPeer(peer)))
    }

    async fn serve(&self, stream: TlsStream<TcpStream>, peer: ConnectionPeer) {
        let calls: Calls = self.stack.of_connection(peer);
        let connection = self.http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(calls));
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.draining.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = self.closing.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http2_only();
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection)
        .max_header_list_size(HEADER_LIST)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    builder
}

/// Looks at the certificate files for as long as the server runs.
async fn reload(certificates: Arc<Reloading<ServerConfig>>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let certificates = Arc::clone(&certificates);
        if tokio::task::spawn_blocking(move || certificates.refresh()).await.is_err() {
            tracing::error!("looking at the certificate files failed");
        }
    }
}
