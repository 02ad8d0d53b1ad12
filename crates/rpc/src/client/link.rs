//! One address of a peer: connected to, and again when the connection ends, for as long as the address is one of the
//! peer's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::body::Body;

use super::links::Shared;

/// The pauses between attempts that nobody asked for: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// For how long an address that failed is left alone even when somebody asks for it.
const LEAST_REST: Duration = Duration::from_millis(25);
const LONGEST_REST: Duration = Duration::from_secs(2);
/// A connection that ended sooner than this after it was begun is as good as none.
const SHORT_LIFE: Duration = Duration::from_millis(100);

/// Where an address stands.
pub(super) enum State {
    /// Being connected to.
    Connecting,
    /// Connected.
    Up(SendRequest<Body>),
    /// It failed; not to be tried again before a time.
    Down { again: Instant, error: Arc<io::Error> },
}

/// One address, as the table of links has it.
pub(super) struct Link {
    pub(super) address: SocketAddr,
    pub(super) state: State,
    /// It answered, and not as it should: others are preferred until then.
    pub(super) resting: Option<Instant>,
    pub(super) kick: Arc<Notify>,
    pub(super) task: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps one address connected.
pub(super) async fn keep(shared: Arc<Shared>, address: SocketAddr, kick: Arc<Notify>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let error = match shared.dialer.dial(address).await {
            Ok((sender, connection)) => {
                shared.turn(address, State::Up(sender));
                // A task of its own: what is under way ends in peace when the address is given up.
                let ended = tokio::spawn(connection).await;
                shared.turn(address, State::Connecting);
                if begun.elapsed() >= SHORT_LIFE {
                    pause = FIRST_PAUSE;
                    continue;
                }
                ended.map_err(io::Error::other).and_then(|ended| ended.map_err(io::Error::other)).err()
            }
            Err(error) => Some(error),
        };
        let error = Arc::new(error.unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into()));
        tracing::debug!(peer = shared.dialer.peer(), %address, %error, "an address of a peer does not serve");
        // One that refuses at once may be asked again soon; one that is silent costs whoever asks.
        let again = Instant::now() + (begun.elapsed() * 4).clamp(LEAST_REST, LONGEST_REST);
        shared.turn(address, State::Down { again, error });
        shared.look_up_again();
        tokio::select! {
            () = sleep(spread(pause)) => {}
            () = async { kick.notified().await; sleep_until(again).await } => {}
        }
        shared.turn(address, State::Connecting);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Between half of a time and all of it, so that those who failed together do not come back together.
pub(super) fn spread(time: Duration) -> Duration {
    let mut bytes = [0; 2];
    // Without randomness everybody waits the whole time, which is no harm.
    let share = getrandom::fill(&mut bytes).map_or(u16::MAX, |()| u16::from_ne_bytes(bytes));
    time / 2 + time.mul_f64(f64::from(share) / f64::from(u16::MAX) / 2.0)
}
