//! From names to addresses.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long a look-up may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Finds all addresses of a name, `host:port`. Asked again and again: the answer may differ every time.
pub type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// As the system does it.
pub(super) fn of_the_system() -> LookUp {
    Arc::new(|name| Box::pin(async move { Ok(lookup_host(name).await?.collect()) }))
}

/// All addresses of a name.
///
/// # Errors
/// It has none, or that cannot be found out in time.
pub(super) async fn addresses(look_up: &LookUp, name: &str) -> io::Result<Vec<SocketAddr>> {
    let looked = timeout(PATIENCE, look_up(name.to_owned())).await;
    looked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
