//! What the peers answer, as a test says it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use clock::{Clock, ManualClock};
use fault::{Fault, Outcome, Reason};
use futures::future::BoxFuture;
use identity::domain::evaluation::{Demand, EnrolledFactor, Evaluation, VerifiedCode};
use identity::peers::mfa::{CodeAttempt, EnrollmentTicket, Enrolment, Mfa, PendingSecret};
use identity::peers::tenant::Tenant;
use types::{AttemptId, OneTimeCode, OrganizationId};
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
}

/// One answer for everybody, which a test may change between calls.
pub(crate) struct ScriptedMfa {
    clock: ManualClock,
    state: Mutex<State>,
    before_acknowledging: Mutex<Option<BoxFuture<'static, ()>>>,
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
        };
        Self { clock, state: Mutex::new(state), before_acknowledging: Mutex::default() }
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

    pub(crate) fn evaluations(&self) -> usize {
        self.state.lock().unwrap().evaluations
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

fn check(state: &State, code: &OneTimeCode) -> Outcome<()> {
    match state.codes {
        Codes::OneIsRight if code.expose() == "123456" => Ok(()),
        Codes::OneIsRight => Err(Reason::CodeRefused.into()),
        Codes::Refused(reason) => Err(reason.into()),
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
        self.answer(|state| {
            check(state, &attempt.code)?;
            Ok(VerifiedCode { verify_time: self.clock.now() })
        })
    }

    async fn begin_enrollment(&self, _: &Enrolment, _: &str) -> Outcome<PendingSecret> {
        self.answer(|_| {
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

    async fn confirm_enrollment(
        &self,
        _: &Enrolment,
        code: &OneTimeCode,
        _: AttemptId,
    ) -> Outcome<Vec<String>> {
        self.answer(|state| check(state, code).map(|()| Vec::new()))
    }

    async fn acknowledge_enrollment(&self, _: &Enrolment) -> Outcome<EnrolledFactor> {
        let work = self.before_acknowledging.lock().unwrap().take();
        if let Some(work) = work {
            work.await;
        }
        self.answer(|state| {
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
