//! Whether the user of a stream still is who it was opened for.

use std::time::Duration;

use access::{Caller, SignedIn};
use fault::{Fault, Outcome, Reason};
use rpc::Liveness;
use tokio::time::{Instant, sleep, timeout_at};
use types::{OrganizationId, Role};

use super::WatchOptions;

/// How long to wait before an answer that did not come is asked for again.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks again and again for whom a stream's token speaks. Nothing may be given out between an answer that is due and the answer.
#[derive(Debug)]
pub(super) struct Vigil {
    liveness: Liveness,
    role: Role,
    organization: OrganizationId,
    every: Duration,
    patience: Duration,
    /// When the last good answer was asked for.
    asked: Instant,
}

impl Vigil {
    /// Over the user of a call that was just let in; none over a service, which has no session.
    ///
    /// # Errors
    /// INTERNAL when the call is for a user and did not pass the layers.
    pub(super) fn over(
        caller: &Caller,
        liveness: Option<Liveness>,
        options: WatchOptions,
    ) -> Outcome<Option<Self>> {
        let Some(user) = &caller.user else { return Ok(None) };
        let liveness = liveness.ok_or_else(|| {
            Fault::new(Reason::Internal).with_cause("a user's stream without a way to ask for the session")
        })?;
        Ok(Some(Self {
            liveness,
            role: user.role,
            organization: user.organization_id(),
            every: options.check,
            patience: options.patience,
            asked: Instant::now(),
        }))
    }

    /// When the next answer is due.
    pub(super) fn due(&self) -> Instant {
        self.asked + self.every
    }

    /// Asks, when it is due. What is no answer is asked for again until patience ends: nothing is given out meanwhile.
    ///
    /// # Errors
    /// TOKEN_INVALID when the session has ended, or its user now has another role or organisation: opened again, the stream is
    /// judged anew. DEPENDENCY_UNAVAILABLE when there was no answer in time.
    pub(super) async fn keep(&mut self) -> Outcome<()> {
        if Instant::now() < self.due() {
            return Ok(());
        }
        let end = Instant::now() + self.patience;
        loop {
            let asked = Instant::now();
            let fault = match timeout_at(end, self.liveness.still_alive()).await {
                Ok(Ok(user)) if self.is_unchanged(&user) => {
                    self.asked = asked;
                    return Ok(());
                }
                Ok(Ok(_)) => return Err(Reason::TokenInvalid.into()),
                Ok(Err(fault)) if fault.reason() == Reason::TokenInvalid => return Err(fault),
                Ok(Err(fault)) => fault,
                Err(_) => return Err(Reason::DependencyUnavailable.into()),
            };
            if Instant::now() + PAUSE >= end {
                return Err(Fault::new(Reason::DependencyUnavailable).with_cause(fault));
            }
            sleep(PAUSE).await;
        }
    }

    /// What a stream shows depends on these alone: a company that moves to another reseller stays itself.
    fn is_unchanged(&self, user: &SignedIn) -> bool {
        user.role == self.role && user.organization_id() == self.organization
    }
}
