//! What a sign-in asks of its enrolment, and how often it may.

/// A question to mfa about the enrolment of a sign-in. Each leaves an event there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollmentCall {
    /// To begin one, or begin it anew.
    Begin,
    /// To confirm or acknowledge it.
    Prove,
}

impl EnrollmentCall {
    /// Whether the `count`th such question of a sign-in may be asked. Ten QR codes are more than anybody scans; and thirty
    /// proofs are all the wrong codes that six of them bear.
    #[must_use]
    pub const fn admits(self, count: i32) -> bool {
        match self {
            Self::Begin => count <= 10,
            Self::Prove => count <= 30,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_beginnings_and_thirty_proofs() {
        for (call, last) in [(EnrollmentCall::Begin, 10), (EnrollmentCall::Prove, 30)] {
            assert!(call.admits(1) && call.admits(last) && !call.admits(last + 1), "{call:?}");
        }
    }
}
