//! The sequencer: gives committed events their positions, in a log of its own order.
//!
//! Correctness rests on the locked head row and on one statement's snapshot ([`place`]), not on there being one
//! sequencer: the election only saves work. It writes positions and the head and nothing else.

mod connection;
mod place;
mod rebaseline;

use std::time::Duration;

use store::{Address, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use connection::{Connection, Look};
pub use rebaseline::{RebaselineError, Rebaselined, rebaseline};

/// How long to wait before trying to lead again.
const STANDBY: Duration = Duration::from_millis(300);
/// How long to wait before looking whether a stopped log was re-baselined.
const STOPPED: Duration = Duration::from_secs(1);
/// The longest pause between attempts to reach the database.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How a sequencer works.
#[derive(Debug, Clone, Copy)]
pub struct SequencerOptions {
    /// The time between two looks for new events.
    pub tick: Duration,
    /// Whether sequencers elect a leader. Without it all work at once: harmless, and for tests only.
    pub election: bool,
}

impl Default for SequencerOptions {
    fn default() -> Self {
        Self { tick: Duration::from_millis(15), election: true }
    }
}

/// What a sequencer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequencerState {
    /// It has no connection to the database.
    Connecting,
    /// Another one leads.
    Standby,
    /// It gives positions.
    Leading,
    /// The database is not the one the log was written on, or it went back in time: it was restored. No event gets a
    /// position until an operator re-baselines the log ([`rebaseline`]).
    Stopped(StopCause),
}

/// Why a sequencer stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// The PostgreSQL system identifier is another one.
    SystemIdentifier,
    /// Transaction ids went back.
    TransactionIds,
}

/// A running sequencer. It ends when this is dropped.
#[derive(Debug)]
pub struct Sequencer {
    state: watch::Receiver<SequencerState>,
    task: JoinHandle<()>,
}

impl Sequencer {
    /// Starts a sequencer under its own role. It connects, and reconnects, by itself. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// The connection string cannot be read.
    pub fn spawn(sequencer_database_url: &str, options: SequencerOptions) -> Result<Self, StoreError> {
        let address = Address::parse(sequencer_database_url)?;
        let (sender, state) = watch::channel(SequencerState::Connecting);
        let task = tokio::spawn(run(address, options, sender));
        Ok(Self { state, task })
    }

    /// What it is doing, now and as it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<SequencerState> {
        self.state.clone()
    }

    /// Ends it. A tick under way is rolled back by the database; the next sequencer does it again.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Sequencer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(address: Address, options: SequencerOptions, state: watch::Sender<SequencerState>) {
    let mut pause = Duration::from_millis(50);
    loop {
        let Err(error) = session(&address, options, &state).await;
        if let SequencerState::Leading | SequencerState::Standby = *state.borrow() {
            pause = Duration::from_millis(50);
        }
        become_(&state, SequencerState::Connecting);
        tracing::warn!(%error, "the sequencer lost its database");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Works on one connection for as long as it lasts.
async fn session(
    address: &Address,
    options: SequencerOptions,
    state: &watch::Sender<SequencerState>,
) -> Result<std::convert::Infallible, StoreError> {
    let mut connection = Connection::open(address).await?;
    while options.election && !connection.try_to_lead().await? {
        become_(state, SequencerState::Standby);
        sleep(STANDBY).await;
    }
    let mut ticks = interval(options.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match connection.look().await? {
            Look::Nothing => drop(become_(state, SequencerState::Leading)),
            Look::New => {
                become_(state, SequencerState::Leading);
                connection.place().await?;
            }
            Look::Restored(cause) => {
                if become_(state, SequencerState::Stopped(cause)) {
                    tracing::error!(
                        ?cause,
                        "the database was restored: no event gets a position until the log is re-baselined"
                    );
                }
                sleep(STOPPED).await;
            }
        }
    }
}

/// Whether the state is a new one.
fn become_(state: &watch::Sender<SequencerState>, next: SequencerState) -> bool {
    let is_new = state.send_if_modified(|present| {
        let is_new = *present != next;
        *present = next;
        is_new
    });
    if is_new {
        tracing::debug!(state = ?next, "sequencer");
    }
    is_new
}
