//! The way of every password that somebody types: past the delays, into the queue, and counted as a failure until it is right.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use types::{Login, Password, SessionId};

use super::password_pool::{Lane, Place, Turn, Verdict};
use super::{Identity, Origin};
use crate::domain::delay::Millis;
use crate::domain::delays::{Admitted, DelayThresholds, Delays, Keys, network};
use crate::domain::password::StoredHash;
use crate::domain::refusal_counts::Cause;

/// The delays of this process. They are kept in memory alone: an attempt that is refused unlooked at must cost nothing, so
/// each replica counts what it sees.
pub struct SignInDelays {
    /// A secret of this process: nobody outside can make keys meet.
    secret: RandomState,
    delays: Mutex<Delays>,
}

/// An attempt at the password of a login.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// What is nobody's login is one login.
    login: String,
    place: AttemptPlace,
}

#[derive(Debug, Clone, Copy, Hash)]
enum AttemptPlace {
    Address(IpAddr),
    Untold,
    Session(SessionId),
}

impl Attempt {
    /// Before anybody is signed in.
    pub(super) fn at_sign_in(login: Option<&Login>, origin: &Origin) -> Self {
        let place = origin
            .client
            .address
            .map_or(AttemptPlace::Untold, |address| AttemptPlace::Address(network(address)));
        Self { login: login.map(ToString::to_string).unwrap_or_default(), place }
    }

    /// In a session of the login's user.
    pub(super) fn in_session(login: &Login, session: SessionId) -> Self {
        Self { login: login.to_string(), place: AttemptPlace::Session(session) }
    }
}

impl Origin {
    /// The lane that somebody who is not signed in waits in.
    pub(super) fn lane(&self) -> Lane {
        let peer = || Lane::Peer(self.call.peer.clone());
        self.client.address.map_or_else(peer, |address| Lane::Address(network(address)))
    }
}

impl SignInDelays {
    /// Nobody has failed yet.
    #[must_use]
    pub fn new(thresholds: DelayThresholds) -> Self {
        Self { secret: RandomState::new(), delays: Mutex::new(Delays::new(thresholds)) }
    }

    fn lock(&self) -> MutexGuard<'_, Delays> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self, attempt: &Attempt) -> Keys {
        let Attempt { login, place } = attempt;
        let address = match place {
            AttemptPlace::Address(address) => Some(self.secret.hash_one(("address", address))),
            AttemptPlace::Untold | AttemptPlace::Session(_) => None,
        };
        Keys {
            login: self.secret.hash_one(("login", login)),
            address,
            pair: self.secret.hash_one(("pair", login, place)),
            in_session: matches!(place, AttemptPlace::Session(_)),
        }
    }

    /// # Errors
    /// SIGN_IN_DELAYED
    fn check(&self, attempt: &Attempt, now: Timestamp) -> Outcome<()> {
        match self.lock().wait(&self.keys(attempt), millis(now)) {
            0 => Ok(()),
            wait => Err(delayed(wait)),
        }
    }

    /// # Errors
    /// SIGN_IN_DELAYED
    fn admit(&self, attempt: &Attempt, now: Timestamp) -> Outcome<Admitted> {
        self.lock().admit(self.keys(attempt), millis(now)).map_err(delayed)
    }
}

impl std::fmt::Debug for SignInDelays {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignInDelays").finish_non_exhaustive()
    }
}

impl Identity {
    /// A place in the queue, for an attempt that need not wait first. Costs nothing and looks at nothing; what is refused is
    /// counted.
    ///
    /// # Errors
    /// SIGN_IN_DELAYED, OVERLOADED.
    pub(super) fn queue(&self, attempt: &Attempt, lane: Lane) -> Outcome<Place> {
        let now = self.clock.now();
        let queued = self.delays.check(attempt, now).and_then(|()| self.passwords.enter(lane));
        self.counted(queued)
    }

    /// Waits for the turn, and lets the attempt in: it is a failure from now on, until it is something else.
    ///
    /// # Errors
    /// SIGN_IN_DELAYED when others failed meanwhile; OVERLOADED when the place went to others.
    pub(super) async fn take_turn(&self, place: Place, attempt: &Attempt) -> Outcome<(Turn, Admitted)> {
        let turn = self.counted(place.turn().await)?;
        let admitted = self.counted(self.delays.admit(attempt, self.clock.now()))?;
        Ok((turn, admitted))
    }

    /// Compares. The attempt stays a failure until [`Self::accept_password`] says otherwise.
    ///
    /// # Errors
    /// CORRUPT, INTERNAL: nothing was evaluated then.
    pub(super) async fn compare(
        &self,
        (turn, admitted): (Turn, Admitted),
        stored: Option<StoredHash>,
        password: Password,
    ) -> Outcome<(Verdict, Admitted)> {
        match turn.verify(stored, password).await {
            Ok(verdict) => Ok((verdict, admitted)),
            Err(fault) => {
                self.delays.lock().take_back(admitted, millis(self.clock.now()));
                Err(fault)
            }
        }
    }

    /// The password was right, and its user may use it.
    pub(super) fn accept_password(&self, admitted: Admitted) {
        self.delays.lock().accept(admitted, millis(self.clock.now()));
    }

    fn counted<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        let cause = match outcome.as_ref().map_err(Fault::reason) {
            Err(Reason::SignInDelayed) => Some(Cause::Delayed),
            Err(Reason::Overloaded) => Some(Cause::Overloaded),
            _ => None,
        };
        if let Some(cause) = cause {
            self.refusals.count(cause, self.clock.now());
            telemetry::metrics::refused_unlooked(cause.as_str());
        }
        outcome
    }
}

fn millis(at: Timestamp) -> Millis {
    Millis::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(Millis::MAX)
}

fn delayed(wait: Millis) -> Fault {
    let wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
    Fault::new(Reason::SignInDelayed).with_retry_after(wait)
}
