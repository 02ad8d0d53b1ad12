//! What the peers answer, as a test says it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use clock::{Clock, ManualClock};
use fault::{Fault, Outcome, Reason};
use futures::future::BoxFuture;
use identity::domain::evaluation::{Demand, EnrolledFactor, Evaluation, VerifiedCode, VerifiedRecoveryCode};
use identity::peers::mfa::{
    CodeAttempt, Confirmation, EnrollmentTicket, Enrolment, Mfa, PendingSecret, RecoveryAttempt,
};
use identity::peers::tenant::Tenant;
use types::{AttemptId, OrganizationId};
use wire::{OrganizationFacts, PolicyVersion, UserFacts};

/// The organisations tenant knows.
#[derive(Default)]
pub(crate) struct ScriptedTenant {
    organizations: Mutex<HashMap<OrganizationId, OrganizationFacts>>,
}

impl ScriptedTenant {
    pub(crate) fn set(&self, facts: OrganizationFacts) {
        self.organizations.lock().unwrap().insert(facts.id(), facts);
    }

    /// As if it could not be asked.
    pub(crate) fn forget(&self, id: OrganizationId) {
        self.organizations.lock().unwrap().remove(&id);
    }

    pub(crate) fn get(&self, id: OrganizationId) -> OrganizationFacts {
        self.organizations.lock().unwrap()[&id].clone()
    }
}

#[async_trait]
impl Tenant for ScriptedTenant {
    async fn resolve_organization(&self, id: OrganizationId) -> Outcome<OrganizationFacts> {
        let found = self.organizations.lock().unwrap().get(&id).cloned();
        found.ok_or_else(|| Reason::NotFound.into())
    }
}

/// How codes are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codes {
    /// `123456` is right.
    OneIsRight,
    /// All are refused for this reason.
    Refused(Reason),
    /// All are refused and counted, as against a lock that is on the log.
    OnlyCounted,
}

/// One answer for everybody, which a test may change between calls.
pub(crate) struct ScriptedMfa {
    clock: ManualClock,
    state: Mutex<State>,
    before_acknowledging: Mutex<Option<BoxFuture<'static, ()>>>,
    before_deciding: Mutex<Option<BoxFuture<'static, ()>>>,
}

struct State {
    reachable: bool,
    demand: Demand,
    enforced: bool,
    generation: i64,
    policy: PolicyVersion,
    codes: Codes,
    evaluations: usize,
    tickets: usize,
    attempts: Vec<AttemptId>,
    replay_keys: Vec<Vec<u8>>,
    /// The code of each confirmation that succeeded, by its attempt.
    confirmed: HashMap<AttemptId, String>,
    enrollment_calls: usize,
    refused_enrollments: Option<Reason>,
}

impl ScriptedMfa {
    pub(crate) fn new(clock: ManualClock) -> Self {
        let state = State {
            reachable: true,
            demand: Demand::None,
            enforced: false,
            generation: 0,
            policy: PolicyVersion::default(),
            codes: Codes::OneIsRight,
            evaluations: 0,
            tickets: 0,
            attempts: Vec::new(),
            replay_keys: Vec::new(),
            confirmed: HashMap::new(),
            enrollment_calls: 0,
            refused_enrollments: None,
        };
        let (before_acknowledging, before_deciding) = (Mutex::default(), Mutex::default());
        Self { clock, state: Mutex::new(state), before_acknowledging, before_deciding }
    }

    pub(crate) fn demand(&self, demand: Demand) {
        let mut state = self.state.lock().unwrap();
        state.demand = demand;
        state.enforced = demand == Demand::Enroll;
    }

    pub(crate) fn generation(&self, generation: i64) {
        self.state.lock().unwrap().generation = generation;
    }

    pub(crate) fn policy(&self, target: &str, version: i64) {
        self.state.lock().unwrap().policy = PolicyVersion(BTreeMap::from([(target.to_owned(), version)]));
    }

    pub(crate) fn codes(&self, codes: Codes) {
        self.state.lock().unwrap().codes = codes;
    }

    pub(crate) fn reachable(&self, reachable: bool) {
        self.state.lock().unwrap().reachable = reachable;
    }

    /// What happens while mfa acknowledges the next enrolment.
    pub(crate) fn before_acknowledging(&self, work: BoxFuture<'static, ()>) {
        *self.before_acknowledging.lock().unwrap() = Some(work);
    }

    /// What happens while mfa decides on the next code of any kind.
    pub(crate) fn before_deciding(&self, work: BoxFuture<'static, ()>) {
        *self.before_deciding.lock().unwrap() = Some(work);
    }

    async fn decide(&self) {
        let work = self.before_deciding.lock().unwrap().take();
        if let Some(work) = work {
            work.await;
        }
    }

    /// Refuses everything about enrolments for this reason.
    pub(crate) fn refuse_enrollments(&self, reason: Option<Reason>) {
        self.state.lock().unwrap().refused_enrollments = reason;
    }

    /// How often an enrolment was begun, confirmed or acknowledged.
    pub(crate) fn enrollment_calls(&self) -> usize {
        self.state.lock().unwrap().enrollment_calls
    }

    pub(crate) fn evaluations(&self) -> usize {
        self.state.lock().unwrap().evaluations
    }

    /// The ids of all attempts at codes and recovery codes, in order.
    pub(crate) fn attempts(&self) -> Vec<AttemptId> {
        self.state.lock().unwrap().attempts.clone()
    }

    /// The keys that came with confirmations, in order.
    pub(crate) fn replay_keys(&self) -> Vec<Vec<u8>> {
        self.state.lock().unwrap().replay_keys.clone()
    }

    /// The same for a call about an enrolment, which is counted.
    fn answer_enrollment<T>(&self, with: impl FnOnce(&mut State) -> Outcome<T>) -> Outcome<T> {
        self.answer(|state| {
            state.enrollment_calls += 1;
            match state.refused_enrollments {
                Some(reason) => Err(reason.into()),
                None => with(state),
            }
        })
    }

    /// The state, if mfa can be reached.
    fn answer<T>(&self, with: impl FnOnce(&mut State) -> Outcome<T>) -> Outcome<T> {
        let mut state = self.state.lock().unwrap();
        if !state.reachable {
            return Err(Fault::new(Reason::DependencyUnavailable));
        }
        with(&mut state)
    }
}

/// The recovery code that is right where one is.
pub(crate) const RECOVERY_CODE: &str = "0123456789abcdef";
/// How many are left after it.
pub(crate) const LEFT: i32 = 9;

fn check(state: &State, code: &str) -> Outcome<()> {
    match state.codes {
        Codes::OneIsRight if code == "123456" || code == RECOVERY_CODE => Ok(()),
        Codes::OneIsRight => Err(Reason::CodeRefused.into()),
        Codes::Refused(reason) => Err(reason.into()),
        Codes::OnlyCounted => Err(rpc::only_counted(Reason::CodeRefused.into())),
    }
}

#[async_trait]
impl Mfa for ScriptedMfa {
    async fn evaluate_sign_in(&self, _: &UserFacts) -> Outcome<Evaluation> {
        self.answer(|state| {
            state.evaluations += 1;
            Ok(Evaluation {
                demand: state.demand,
                enforced: state.enforced,
                generation: state.generation,
                policy_version: state.policy.clone(),
                mfa_required_from: None,
            })
        })
    }

    async fn verify_code(&self, attempt: &CodeAttempt) -> Outcome<VerifiedCode> {
        self.decide().await;
        self.answer(|state| {
            state.attempts.push(attempt.attempt_id);
            check(state, attempt.code.expose())?;
            Ok(VerifiedCode { verify_time: self.clock.now() })
        })
    }

    async fn verify_recovery_code(&self, attempt: &RecoveryAttempt) -> Outcome<VerifiedRecoveryCode> {
        self.decide().await;
        self.answer(|state| {
            state.attempts.push(attempt.attempt_id);
            check(state, attempt.recovery_code.expose())?;
            Ok(VerifiedRecoveryCode { verify_time: self.clock.now(), left: LEFT })
        })
    }

    async fn begin_enrollment(&self, _: &Enrolment, _: &str) -> Outcome<PendingSecret> {
        self.answer_enrollment(|_| {
            Ok(PendingSecret {
                otpauth_uri: "otpauth://totp/x".to_owned(),
                secret_base32: "ABCD".to_owned(),
                qr_png: Vec::new(),
                qr_svg: String::new(),
                qr_text: String::new(),
                expire_time: self.clock.now() + time::Duration::minutes(10),
            })
        })
    }

    async fn confirm_enrollment(&self, _: &Enrolment, confirmation: &Confirmation) -> Outcome<Vec<String>> {
        self.decide().await;
        self.answer_enrollment(|state| {
            let (attempt, code) = (confirmation.attempt_id, confirmation.code.expose());
            state.attempts.push(attempt);
            state.replay_keys.push(confirmation.replay_key.clone());
            if state.confirmed.get(&attempt).is_some_and(|confirmed| confirmed != code) {
                return Err(Reason::RequestIdReused.into());
            }
            check(state, code)?;
            state.confirmed.insert(attempt, code.to_owned());
            Ok(vec!["code".to_owned()])
        })
    }

    async fn acknowledge_enrollment(&self, _: &Enrolment) -> Outcome<EnrolledFactor> {
        let work = self.before_acknowledging.lock().unwrap().take();
        if let Some(work) = work {
            work.await;
        }
        self.answer_enrollment(|state| {
            state.generation += 1;
            Ok(EnrolledFactor { verify_time: self.clock.now(), generation: state.generation })
        })
    }

    async fn issue_bootstrap_ticket(&self, _: &UserFacts) -> Outcome<EnrollmentTicket> {
        self.answer(|state| {
            state.tickets += 1;
            let ticket = format!("ticket {}", state.tickets);
            Ok(EnrollmentTicket { ticket, expire_time: self.clock.now() + time::Duration::hours(24) })
        })
    }
}
