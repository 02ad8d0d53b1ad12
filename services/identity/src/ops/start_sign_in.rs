//! The password step.
//!
//! Whoever does not know the password learns one thing only, at one cost: refused. One look-up, one Argon2id, one event,
//! whether the login exists or not. Who has failed too often is refused before anything is looked at.

use std::time::Duration;

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use types::{AuthSource, Login, Password, SignInId, Token};

use super::begin_sign_in::Beginning;
use super::open_session::{Opened, Opening, Source};
use super::password_pool::{Lane, Turn};
use super::sign_in_delays::Attempt;
use super::{Identity, OpenedSession, Origin};
use crate::domain::delays::Admitted;
use crate::domain::evaluation::{Evaluation, Passage};
use crate::domain::gate;
use crate::domain::opened::FinishedSignIn;
use crate::domain::password::StoredHash;
use crate::domain::sign_in::{NextStep, Refusal, Step};
use crate::domain::user::User;
use crate::store::answers::read_sign_in;
use crate::store::users::{self, Found};

/// How often policy may change under a sign-in before it is given up.
pub(super) const EVALUATIONS: usize = 2;
/// How many sign-ins of a user may wait for something before beginning one more counts as a failure.
const MOST_OPEN: i64 = 1_000;
/// How long mfa may take to say what is next, and how much of the call's time: the rest is for saying that it did not.
const PATIENCE: Duration = Duration::from_secs(5);
const SHARE: f64 = 0.75;

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
    /// SIGN_IN_REFUSED, whatever was wrong (recorded); SIGN_IN_DELAYED, OVERLOADED (counted): nothing was looked at;
    /// DEPENDENCY_UNAVAILABLE, never a session (recorded where the password was right).
    pub async fn start_sign_in(&self, command: StartSignIn) -> Outcome<StartedSignIn> {
        let StartSignIn { login, password, origin } = command;
        let attempt = Attempt::at_sign_in(login.as_ref(), &origin);
        let place = self.queue(&attempt, origin.lane())?;
        let found = users::find_by_login(&self.store, login.as_ref(), self.clock.now()).await?;
        let turn = self.take_turn(place, &attempt).await?;
        // From here on the attempt has its effect and its event, whatever becomes of the call.
        let identity = self.clone();
        let rest = async move {
            let known = identity.check_password(found, turn, password, &origin).await?;
            identity.what_is_next(&known, &origin).await
        };
        rpc::spawn_in_call(rest).await.map_err(|cut_off| Fault::new(Reason::Internal).with_cause(cut_off))?
    }

    async fn what_is_next(&self, known: &Known, origin: &Origin) -> Outcome<StartedSignIn> {
        for _ in 0..EVALUATIONS {
            let patience = PATIENCE.min(rpc::remaining_time().mul_f64(SHARE));
            let evaluation = tokio::time::timeout(patience, self.mfa.evaluate_sign_in(&known.facts)).await;
            let evaluation = match evaluation {
                Ok(Ok(evaluation)) => evaluation,
                Ok(Err(fault)) => return Err(self.undecided(known, origin, never_a_verdict(fault)).await),
                Err(elapsed) => {
                    let fault = Fault::new(Reason::DependencyUnavailable).with_cause(elapsed);
                    return Err(self.undecided(known, origin, fault).await);
                }
            };
            match self.proceed(known, &evaluation, origin).await {
                Err(fault) if fault.reason() == Reason::GenerationOutdated => {}
                other => return other,
            }
        }
        let fault = Fault::new(Reason::DependencyUnavailable)
            .with_cause("policy changes faster than it can be followed");
        Err(self.undecided(known, origin, fault).await)
    }

    /// Records that a right password led nowhere; the fault to answer.
    async fn undecided(&self, known: &Known, origin: &Origin, fault: Fault) -> Fault {
        let (place, user) = (Some(known.facts.path.clone()), Some(known.user.id));
        let refused = self.refuse_at_once(origin, place, user, Step::Password, Refusal::Undecided).await;
        unless_recorded(refused, fault)
    }

    async fn check_password(
        &self,
        found: Found,
        turn: (Turn, Admitted),
        password: Password,
        origin: &Origin,
    ) -> Outcome<Known> {
        let Found { user, organization, place, open_sign_ins } = found;
        let hash = user
            .as_ref()
            .filter(|found| found.user.auth_source == AuthSource::Local)
            .and_then(|found| found.password_hash.clone());
        let (verdict, admitted) = self.compare(turn, hash.clone(), password.clone()).await?;
        let user_id = user.as_ref().map(|found| found.user.id);
        let user = match gate::password_step(user.as_ref().map(|found| &found.user), verdict.matches) {
            Ok(user) => user.clone(),
            Err(refusal) => {
                return Err(self.refuse_at_once(origin, place, user_id, Step::Password, refusal).await);
            }
        };
        // From here on the caller knows the password.
        let organization = match self.complete_organization(organization, user.organization_id).await {
            Ok(organization) => organization,
            Err(fault) => {
                let refusal = Refusal::Undecided;
                let refused = self.refuse_at_once(origin, place, user_id, Step::Password, refusal).await;
                return Err(unless_recorded(refused, fault));
            }
        };
        if let Err(refusal) = gate::standing(&user, organization.branch, AuthSource::Local) {
            let place = Some(organization.path);
            return Err(self.refuse_at_once(origin, place, user_id, Step::Password, refusal).await);
        }
        // Whoever only begins sign-ins is slowed down like somebody who guesses: each leaves a row and an event.
        if open_sign_ins < MOST_OPEN {
            self.accept_password(admitted);
        }
        let upgrade = match hash.filter(|_| verdict.outdated) {
            // What cannot be hashed now is hashed at the next sign-in.
            Some(old) => self.passwords.hash(Lane::User(user.id), password).await.ok().map(|new| (old, new)),
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
                    recovery_codes_left: 0,
                    key: None,
                };
                let Opened { answer, sign_in: (token, expire_time), .. } = self.open_session(opening).await?;
                Ok(match read_sign_in(&answer)? {
                    FinishedSignIn::Complete(session) => {
                        StartedSignIn::Complete { session, mfa_required_from }
                    }
                    FinishedSignIn::ChangePassword => {
                        let step = NextStep::ChangePassword;
                        StartedSignIn::Next { token, expire_time, step, mfa_required_from }
                    }
                })
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

/// What is answered when nothing could be decided: `fault`, or what kept that from being recorded.
pub(super) fn unless_recorded(refused: Fault, fault: Fault) -> Fault {
    if refused.reason() == Reason::SignInRefused { fault } else { refused }
}

/// Whatever keeps mfa from answering, nobody is let in and nothing is told.
pub(super) fn never_a_verdict(fault: Fault) -> Fault {
    Fault::new(Reason::DependencyUnavailable).with_cause(fault)
}
