//! Enforcement for a target, explained.

use access::SignedIn;
use fault::{Fault, Outcome};

use super::Mfa;
use crate::domain::{Effective, EffectiveState, Located, Policy, Target, can_disable, etag, may_see};
use crate::store::{UserKey, policy, situation};

/// Whether a user has a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Configuration {
    /// None.
    NotConfigured,
    /// An enrolment is under way; it does not count.
    Pending,
    /// There is one.
    Configured,
}

/// Everything there is to say.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) target: Target,
    pub(crate) policy: Policy,
    pub(crate) effective: Effective,
    /// Of users.
    pub(crate) configuration: Option<Configuration>,
    /// Whether the user signs in elsewhere, and nothing here applies.
    pub(crate) exempt: bool,
    /// Whether `DisableMfa` by the caller would be accepted; if not, what it would answer.
    pub(crate) can_disable: Result<(), Fault>,
    pub(crate) etag: String,
}

impl Mfa {
    /// Every level's value, the deciding level, and whether the caller could disable it.
    ///
    /// # Errors
    /// NOT_FOUND; DEPENDENCY_UNAVAILABLE.
    pub(crate) async fn get_enforcement(&self, caller: &SignedIn, target: Target) -> Outcome<Explained> {
        let located = self.locate(caller, target).await?;
        may_see(caller, &located)?;
        self.explain(caller, &located).await
    }

    /// The same for a target that the caller may see.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn explain(&self, caller: &SignedIn, located: &Located) -> Outcome<Explained> {
        let now = self.clock.now();
        let (policy, configuration, generation) = match located.user() {
            None => (policy::load(&self.store, &located.chain()).await?, None, None),
            Some(user) => {
                let key = UserKey::new(located.path(), user.id);
                let situation = situation::load(&self.store, located.path(), key, now).await?;
                let configuration = match (situation.has_factor, situation.has_pending) {
                    (true, _) => Configuration::Configured,
                    (false, true) => Configuration::Pending,
                    (false, false) => Configuration::NotConfigured,
                };
                (situation.policy, Some(configuration), Some(situation.generation))
            }
        };
        let exempt = located.is_exempt();
        let effective = match exempt {
            true => Effective {
                state: EffectiveState::Disabled,
                deciding: None,
                enforced_from: None,
                announced_from: None,
                requires_ticket: false,
            },
            false => policy.effective(now),
        };
        Ok(Explained {
            target: located.target(),
            effective,
            configuration,
            exempt,
            can_disable: can_disable(caller, located, &policy, now),
            etag: etag(&policy, generation),
            policy,
        })
    }
}
