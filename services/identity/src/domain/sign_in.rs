//! A sign-in under way: from the accepted password to the session.

use types::{OrganizationId, SignInId, UserId};
use wire::Client;

use super::Timestamp;
use super::evaluation::{Basis, Demand, Proved};

/// How many wrong codes a sign-in survives less one.
pub const WRONG_CODES: i32 = 5;

/// What a sign-in needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// A code of the configured authenticator.
    VerifyMfa,
    /// The enrolment of an authenticator.
    EnrollMfa,
    /// A new password; everything else is done.
    ChangePassword,
}

impl NextStep {
    /// The step a demand leads to; none when nothing is demanded.
    #[must_use]
    pub const fn of(demand: Demand) -> Option<Self> {
        match demand {
            Demand::None => None,
            Demand::Verify => Some(Self::VerifyMfa),
            Demand::Enroll => Some(Self::EnrollMfa),
        }
    }

    /// The form in databases and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyMfa => "verify_mfa",
            Self::EnrollMfa => "enroll_mfa",
            Self::ChangePassword => "change_password",
        }
    }

    /// Reads the form back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let steps = [Self::VerifyMfa, Self::EnrollMfa, Self::ChangePassword];
        steps.into_iter().find(|step| step.as_str() == text)
    }
}

/// The step at which a sign-in was refused, in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The password step.
    Password,
    /// The present password, in a session, for a new one.
    PresentPassword,
    /// The assertion of an identity provider, which is the only step of an external user's sign-in.
    External,
    /// A later one.
    Next(NextStep),
}

impl Step {
    /// The form in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::PresentPassword => "present_password",
            Self::External => "external",
            Self::Next(step) => step.as_str(),
        }
    }
}

/// Why a sign-in was refused: for the log alone. The caller never learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No user has this login, or this subject at the identity provider.
    LoginUnknown,
    /// The password is another.
    PasswordWrong,
    /// The user is disabled or deleted.
    UserNotActive,
    /// The organisation, or one above it, is suspended or deleted.
    OrganizationNotActive,
    /// An external identity provider checks this user's password.
    NotLocal,
    /// mfa did not accept the code.
    CodeRefused,
    /// Password, factor, policy, role or state changed since the sign-in began, or it is over.
    Outdated,
    /// The password was right, but what is next could not be found out in time.
    Undecided,
    /// mfa did not let the enrolment go on: its ticket is missing or not good, or there is nothing to confirm.
    EnrollmentRefused,
    /// It has asked too often about its enrolment.
    Exhausted,
}

/// Where a sign-in stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInState {
    /// It waits for its next step.
    Open,
    /// A session was opened from it.
    Finished,
    /// It can never finish.
    Dead,
}

impl SignInState {
    /// The form in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finished => "finished",
            Self::Dead => "dead",
        }
    }

    /// Reads the form back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Finished, Self::Dead].into_iter().find(|state| state.as_str() == text)
    }
}

/// A sign-in whose password was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The user's organisation.
    pub organization_id: OrganizationId,
    /// The sign-in.
    pub id: SignInId,
    /// Who signs in.
    pub user_id: UserId,
    /// What is needed next.
    pub next_step: NextStep,
    /// Where it stands.
    pub state: SignInState,
    /// What it was decided on.
    pub basis: Basis,
    /// The user's version when the password was checked.
    pub user_version: i64,
    /// How many wrong codes were given in it.
    pub wrong_codes: i32,
    /// When the password was checked.
    pub create_time: Timestamp,
    /// When its token dies.
    pub expire_time: Timestamp,
    /// Where the person's calls come from.
    pub client: Client,
    /// What was proved, once nothing but a new password is missing.
    pub proved: Option<Proved>,
}

impl SignIn {
    /// Whether this sign-in may take `step` at `now`.
    #[must_use]
    pub fn can_take(&self, step: NextStep, now: Timestamp) -> bool {
        self.is_open(now) && self.next_step == step
    }

    /// Whether this sign-in can still finish at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == SignInState::Open && now < self.expire_time
    }

    /// The sign-in when all it needs is a new password: what was `proved` on `basis` waits for it.
    #[must_use]
    pub fn awaiting_password(self, basis: Basis, proved: Proved) -> Self {
        Self { next_step: NextStep::ChangePassword, basis, proved: Some(proved), ..self }
    }

    /// The sign-in after another wrong code: dead when its budget is spent.
    #[must_use]
    pub fn after_wrong_code(&self) -> (i32, SignInState) {
        let wrong_codes = self.wrong_codes.saturating_add(1);
        let spent = wrong_codes >= WRONG_CODES;
        (wrong_codes, if spent { SignInState::Dead } else { self.state })
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;
    use wire::PolicyVersion;

    use super::super::session::Methods;
    use super::*;

    fn sign_in() -> SignIn {
        let now = datetime!(2026-11-24 12:00 UTC);
        SignIn {
            organization_id: OrganizationId::generate(),
            id: SignInId::generate(),
            user_id: UserId::generate(),
            next_step: NextStep::VerifyMfa,
            state: SignInState::Open,
            basis: Basis { generation: 1, policy_version: PolicyVersion::default() },
            user_version: 1,
            wrong_codes: 0,
            create_time: now,
            expire_time: now + Duration::minutes(10),
            client: Client::default(),
            proved: None,
        }
    }

    #[test]
    fn a_sign_in_takes_only_its_own_step_while_it_is_open() {
        let sign_in = sign_in();
        let now = sign_in.create_time;
        assert!(sign_in.can_take(NextStep::VerifyMfa, now));
        assert!(!sign_in.can_take(NextStep::EnrollMfa, now));
        assert!(!sign_in.can_take(NextStep::VerifyMfa, sign_in.expire_time));
        for state in [SignInState::Finished, SignInState::Dead] {
            assert!(!SignIn { state, ..sign_in.clone() }.can_take(NextStep::VerifyMfa, now), "{state:?}");
        }
        let proved = Proved { methods: Methods::PasswordAndCode, mfa_time: Some(now) };
        let basis = Basis { generation: 2, policy_version: PolicyVersion::default() };
        let waiting = sign_in.awaiting_password(basis, proved);
        assert!(
            waiting.can_take(NextStep::ChangePassword, now) && !waiting.can_take(NextStep::VerifyMfa, now)
        );
    }

    #[test]
    fn five_wrong_codes_are_the_end() {
        let mut sign_in = sign_in();
        for expected in 1..=5 {
            let (wrong_codes, state) = sign_in.after_wrong_code();
            assert_eq!(wrong_codes, expected);
            assert_eq!(state, if expected == 5 { SignInState::Dead } else { SignInState::Open });
            sign_in = SignIn { wrong_codes, state, ..sign_in };
        }
    }

    #[test]
    fn words_read_back() {
        for step in [NextStep::VerifyMfa, NextStep::EnrollMfa, NextStep::ChangePassword] {
            assert_eq!(NextStep::parse(step.as_str()), Some(step));
        }
        for state in [SignInState::Open, SignInState::Finished, SignInState::Dead] {
            assert_eq!(SignInState::parse(state.as_str()), Some(state));
        }
    }
}
