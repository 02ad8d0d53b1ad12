//! The password step.
//!
//! Whoever does not know the password learns one thing only, at one cost: refused. One look-up, one Argon2id, one event,
//! whether the login exists or not.

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use types::{AuthSource, Login, Password, SignInId, Token};

use super::begin_sign_in::Beginning;
use super::open_session::{Opening, Source};
use super::{Identity, OpenedSession, Origin};
use crate::domain::evaluation::{Evaluation, Passage};
use crate::domain::gate;
use crate::domain::password::StoredHash;
use crate::domain::sign_in::{NextStep, Step};
use crate::domain::user::User;
use crate::store::users::{self, Found};

/// How often policy may change under a sign-in before it is given up.
pub(super) const EVALUATIONS: usize = 2;

/// The command.
#[derive(Debug)]
pub struct StartSignIn {
    /// None when the text can be nobody's login: refused like a login that nobody has.
    pub login: Option<Login>,
    /// The password as typed.
    pub password: Password,
    /// Where it comes from.
    pub origin: Origin,
}

/// What became of the password step.
#[derive(Debug)]
pub enum StartedSignIn {
    /// Nothing more is asked.
    Complete {
        /// The session.
        session: OpenedSession,
        /// When announced enforcement begins.
        mfa_required_from: Option<Timestamp>,
    },
    /// The second factor is next.
    Next {
        /// Opens exactly the calls that finish this sign-in.
        token: Token,
        /// When the token dies.
        expire_time: Timestamp,
        /// What is next.
        step: NextStep,
        /// When announced enforcement begins.
        mfa_required_from: Option<Timestamp>,
    },
}

/// A user whose password was right.
struct Known {
    user: User,
    facts: wire::UserFacts,
    upgrade: Option<(StoredHash, StoredHash)>,
}

impl Identity {
    /// Checks login and password and says what is next.
    ///
    /// # Errors
    /// SIGN_IN_REFUSED, whatever was wrong (recorded); OVERLOADED; DEPENDENCY_UNAVAILABLE, never a session.
    pub async fn start_sign_in(&self, command: StartSignIn) -> Outcome<StartedSignIn> {
        let StartSignIn { login, password, origin } = command;
        let found = users::find_by_login(&self.store, login.as_ref()).await?;
        let known = self.check_password(found, password, &origin).await?;
        for _ in 0..EVALUATIONS {
            let evaluation = self.mfa.evaluate_sign_in(&known.facts).await.map_err(never_a_verdict)?;
            match self.proceed(&known, &evaluation, &origin).await {
                Err(fault) if fault.reason() == Reason::GenerationOutdated => {}
                other => return other,
            }
        }
        Err(Fault::new(Reason::DependencyUnavailable)
            .with_cause("policy changes faster than it can be followed"))
    }

    async fn check_password(&self, found: Found, password: Password, origin: &Origin) -> Outcome<Known> {
        let Found { user, organization, place } = found;
        let hash = user
            .as_ref()
            .filter(|found| found.user.auth_source == AuthSource::Local)
            .and_then(|found| found.password_hash.clone());
        let verdict = self.passwords.verify(hash.clone(), password.clone()).await?;
        let user_id = user.as_ref().map(|found| found.user.id);
        let user = match gate::password_step(user.as_ref().map(|found| &found.user), verdict.matches) {
            Ok(user) => user.clone(),
            Err(refusal) => {
                return Err(self.refuse_at_once(origin, place, user_id, Step::Password, refusal).await);
            }
        };
        // From here on the caller knows the password.
        let organization = self.complete_organization(organization, user.organization_id).await?;
        if let Err(refusal) = gate::standing(&user, organization.branch, AuthSource::Local) {
            let place = Some(organization.path);
            return Err(self.refuse_at_once(origin, place, user_id, Step::Password, refusal).await);
        }
        let upgrade = match hash.filter(|_| verdict.outdated) {
            Some(old) => Some((old, self.passwords.hash(password).await?)),
            None => None,
        };
        Ok(Known { facts: user.facts(&organization.path), user, upgrade })
    }

    async fn proceed(
        &self,
        known: &Known,
        evaluation: &Evaluation,
        origin: &Origin,
    ) -> Outcome<StartedSignIn> {
        let mfa_required_from = evaluation.mfa_required_from;
        let user = &known.user;
        match (Passage::by_password(evaluation), NextStep::of(evaluation.demand)) {
            (Some(passage), None) => {
                let opening = Opening {
                    origin: origin.clone(),
                    path: known.facts.path.clone(),
                    user_id: user.id,
                    source: Source::Password {
                        sign_in_id: SignInId::generate(),
                        user_version: user.version,
                        upgrade: known.upgrade.clone(),
                    },
                    passage,
                };
                let session = self.open_session(opening).await?;
                Ok(StartedSignIn::Complete { session, mfa_required_from })
            }
            (_, Some(step)) => {
                let beginning = Beginning {
                    origin: origin.clone(),
                    user: user.clone(),
                    path: known.facts.path.clone(),
                    step,
                    basis: evaluation.basis(),
                    upgrade: known.upgrade.clone(),
                };
                let (token, expire_time) = self.begin_sign_in(beginning).await?;
                Ok(StartedSignIn::Next { token, expire_time, step, mfa_required_from })
            }
            (None, None) => Err(Reason::Internal.into()),
        }
    }
}

/// Whatever keeps mfa from answering, nobody is let in and nothing is told.
pub(super) fn never_a_verdict(fault: Fault) -> Fault {
    Fault::new(Reason::DependencyUnavailable).with_cause(fault)
}
