//! What the second factor demands of a user now.

use std::time::Duration;

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use tokio::time::{Instant, sleep};
use types::AuthSource;
use wire::{PolicyVersion, UserFacts};

use super::Mfa;
use crate::domain::PolicyLevel;
use crate::store::UserKey;
use crate::store::situation::{self, Situation};

/// How often it is looked whether a creation has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// What the second factor demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Nothing.
    None,
    /// A code: there is a factor, demanded by policy or not.
    Verify,
    /// An enrolment: policy demands a factor, and there is none.
    Enroll,
}

/// The answer to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evaluation {
    pub(crate) demand: Demand,
    pub(crate) deciding: Option<PolicyLevel>,
    pub(crate) generation: i64,
    pub(crate) policy_version: PolicyVersion,
    /// When enforcement is announced and not due yet.
    pub(crate) required_from: Option<Timestamp>,
    /// Whether policy demands MFA now, whatever is configured.
    pub(crate) enforced: bool,
}

impl Mfa {
    /// Evaluates policy and configuration of a user, by identity's own facts about them. External users are exempt.
    ///
    /// # Errors
    /// DEPENDENCY_UNAVAILABLE while the creation of the user, or of an organisation above, has not arrived over the
    /// followed logs: what the creator wished is not known then, and the answer must not be "no MFA". So while something
    /// about the user that identity knows has not arrived: it may destroy what is configured. And so while identity does
    /// not know yet of a deletion that is known here: what was configured is gone, which must not read as "no MFA".
    pub(crate) async fn evaluate_sign_in(&self, user: &UserFacts) -> Outcome<Evaluation> {
        let situation = self.known_situation(user).await?;
        let effective = situation.policy.effective(self.clock.now());
        let is_exempt = user.auth_source == AuthSource::External;
        let enforced = effective.is_enforced() && !is_exempt;
        let demand = match (situation.has_factor && !is_exempt, enforced) {
            (true, _) => Demand::Verify,
            (false, true) => Demand::Enroll,
            (false, false) => Demand::None,
        };
        Ok(Evaluation {
            demand,
            deciding: effective.deciding.filter(|_| enforced),
            generation: situation.generation,
            policy_version: situation.policy.version(),
            required_from: effective.announced_from.filter(|_| !is_exempt),
            enforced,
        })
    }

    /// The situation of a user about whom nothing is known here that identity does not know, nor the reverse. Waits a
    /// moment for what is on its way.
    async fn known_situation(&self, user: &UserFacts) -> Outcome<Situation> {
        let key = UserKey::new(&user.path, user.id);
        let deadline = Instant::now() + self.patience.min(rpc::remaining_time() / 2);
        loop {
            let situation = situation::load(&self.store, &user.path, key, self.clock.now()).await?;
            if situation.is_known && situation.user_version >= user.version && !situation.is_deleted {
                return Ok(situation);
            }
            if Instant::now() >= deadline {
                let cause =
                    "mfa and identity do not know the same of the user or of an organisation above yet";
                return Err(Fault::new(Reason::DependencyUnavailable).with_cause(cause));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}
