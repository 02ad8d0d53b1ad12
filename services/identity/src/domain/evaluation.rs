//! What mfa says about the second factor, and the proofs that let a sign-in pass.

use wire::PolicyVersion;

use super::Timestamp;
use super::external::Assertion;
use super::session::Methods;

/// What the second factor demands of a user now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Nothing.
    None,
    /// A code: the user has a factor.
    Verify,
    /// An enrolment: policy demands a factor, and there is none.
    Enroll,
}

/// mfa's answer about a user, as of the moment it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// What is demanded.
    pub demand: Demand,
    /// Whether policy demands MFA now, whatever is configured.
    pub enforced: bool,
    /// Raised by every reset, disable and new factor of this user.
    pub generation: i64,
    /// The versions of policy on every level of the user's path.
    pub policy_version: PolicyVersion,
    /// When announced enforcement begins.
    pub mfa_required_from: Option<Timestamp>,
}

/// The versions of the second factor a decision was based on. Whatever is below a floor is refused later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The user's generation.
    pub generation: i64,
    /// The policy on the user's path.
    pub policy_version: PolicyVersion,
}

impl Evaluation {
    /// What this evaluation was based on.
    #[must_use]
    pub fn basis(&self) -> Basis {
        Basis { generation: self.generation, policy_version: self.policy_version.clone() }
    }
}

/// mfa accepted a code. Made only from mfa's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedCode {
    /// When it was checked.
    pub verify_time: Timestamp,
}

/// mfa accepted a recovery code, and it is spent. Made only from mfa's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedRecoveryCode {
    /// When it was checked.
    pub verify_time: Timestamp,
    /// How many the user has left.
    pub left: i32,
}

/// What a sign-in has proved that waits for nothing but a new password: goes into its session then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// How the user was authenticated.
    pub methods: Methods,
    /// When the second factor was proved, where it was.
    pub mfa_time: Option<Timestamp>,
}

/// mfa activated a factor that a code had proved. Made only from mfa's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnrolledFactor {
    /// When the code that confirmed the enrolment was checked.
    pub verify_time: Timestamp,
    /// The user's generation with the new factor.
    pub generation: i64,
}

/// What a session is opened on: the only values that [`super::gate::admit`] takes.
///
/// There is no way to make one from a password where mfa demands more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    basis: Basis,
    methods: Methods,
    /// When the user was authenticated, where that was not when the sign-in began.
    auth_time: Option<Timestamp>,
    mfa_time: Option<Timestamp>,
}

impl Passage {
    /// The password alone: only where mfa demands nothing.
    #[must_use]
    pub fn by_password(evaluation: &Evaluation) -> Option<Self> {
        match evaluation.demand {
            Demand::None => Some(Self {
                basis: evaluation.basis(),
                methods: Methods::Password,
                auth_time: None,
                mfa_time: None,
            }),
            Demand::Verify | Demand::Enroll => None,
        }
    }

    /// The word of an identity provider, whose job the second factor is: only where mfa says that this user is exempt.
    #[must_use]
    pub fn by_assertion(evaluation: &Evaluation, assertion: &Assertion) -> Option<Self> {
        if evaluation.enforced || evaluation.demand != Demand::None {
            return None;
        }
        Some(Self {
            basis: evaluation.basis(),
            methods: Methods::External(assertion.methods().clone()),
            auth_time: Some(assertion.auth_time()),
            mfa_time: assertion.mfa_time(),
        })
    }

    /// Password and a code that mfa accepted for `basis`.
    #[must_use]
    pub fn by_code(basis: Basis, code: VerifiedCode) -> Self {
        Self::by_second_factor(basis, Methods::PasswordAndCode, code.verify_time)
    }

    /// Password and a recovery code that mfa accepted for `basis`.
    #[must_use]
    pub fn by_recovery_code(basis: Basis, code: VerifiedRecoveryCode) -> Self {
        Self::by_second_factor(basis, Methods::PasswordAndRecoveryCode, code.verify_time)
    }

    /// What an earlier passage of the same sign-in had proved, which waited for a new password.
    #[must_use]
    pub fn resumed(basis: Basis, proved: &Proved) -> Self {
        Self { basis, methods: proved.methods.clone(), auth_time: None, mfa_time: proved.mfa_time }
    }

    /// Password and a factor enrolled in this very sign-in; the basis moves to the generation the factor made.
    #[must_use]
    pub fn by_enrollment(basis: Basis, factor: EnrolledFactor) -> Self {
        let basis = Basis { generation: factor.generation, ..basis };
        Self::by_second_factor(basis, Methods::PasswordAndCode, factor.verify_time)
    }

    fn by_second_factor(basis: Basis, methods: Methods, verify_time: Timestamp) -> Self {
        Self { basis, methods, auth_time: None, mfa_time: Some(verify_time) }
    }

    /// What was proved, to be kept while a new password is awaited.
    #[must_use]
    pub fn proved(&self) -> Proved {
        Proved { methods: self.methods.clone(), mfa_time: self.mfa_time }
    }

    /// The versions this was decided on.
    #[must_use]
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// How the user was authenticated. Its source is the one the user must be of.
    #[must_use]
    pub fn methods(&self) -> &Methods {
        &self.methods
    }

    /// When the identity provider authenticated the user; none where the password did, in this sign-in.
    #[must_use]
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// When the second factor was proved, where it was.
    #[must_use]
    pub fn mfa_time(&self) -> Option<Timestamp> {
        self.mfa_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_alone_passes_only_where_nothing_is_demanded() {
        for (demand, passes) in [(Demand::None, true), (Demand::Verify, false), (Demand::Enroll, false)] {
            let evaluation = Evaluation {
                demand,
                enforced: false,
                generation: 3,
                policy_version: PolicyVersion::default(),
                mfa_required_from: None,
            };
            assert_eq!(Passage::by_password(&evaluation).is_some(), passes, "{demand:?}");
        }
    }
}
