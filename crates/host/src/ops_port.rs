//! The port of those who operate the service: plain HTTP, because a kubelet's probes and a scraper show no certificate.
//!
//! It tells nothing that is secret and changes nothing. It is up before anything else and goes last.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::report::{Board, Report};

/// Connections at once; more are closed.
const CONNECTIONS: usize = 64;
/// How long a connection may take to ask for something.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a connection may live. Scrapers and probes come again.
const LIFE: Duration = Duration::from_secs(120);
/// After a failure to accept (no file descriptors left): let some close.
const PAUSE: Duration = Duration::from_millis(50);

/// The open port. It closes when this is dropped.
#[derive(Debug)]
pub(crate) struct OpsPort {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl OpsPort {
    pub(crate) async fn open(address: SocketAddr, board: Board) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(accept(listener, board)) })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for OpsPort {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, board: Board) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let board = board.clone();
                tokio::spawn(async move {
                    // A connection that breaks, or lives too long, is its caller's to open again.
                    drop(timeout(LIFE, serve(stream, board)).await);
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection of the ops port");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, board: Board) {
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    let answer = tower::service_fn(move |request| {
        let answer = answer(&request, &board);
        async move { Ok::<_, Infallible>(answer) }
    });
    drop(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(answer)).await);
}

fn answer<B>(request: &Request<B>, board: &Board) -> Response<String> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    match request.uri().path() {
        // Who answers lives. That it cannot work is no reason to start it again.
        "/livez" => text(StatusCode::OK, "ok\n"),
        // Everything that an operator must know of.
        "/readyz" => report(board, |report| report.ready),
        // Whether calls should come here: for kubelets and balancers.
        "/servez" => report(board, |report| report.serving),
        "/metrics" => {
            typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", telemetry::prometheus_text())
        }
        _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz, /servez and /metrics\n"),
    }
}

fn report(board: &Board, holds: impl Fn(&Report) -> bool) -> Response<String> {
    let report = board.report();
    let status = if holds(&report) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = serde_json::to_string(&report).unwrap_or_default();
    body.push('\n');
    typed(status, "application/json", body)
}

fn text(status: StatusCode, body: &str) -> Response<String> {
    typed(status, "text/plain; charset=utf-8", body.to_owned())
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}
