//! Sealing and opening the secrets of factors and pending enrolments.

use fault::{Fault, Outcome, Reason};
use keyring::{Binding, Keyring};
use types::{EnrollmentId, FactorId, UserId};

use crate::domain::TotpSecret;

/// The row that holds a secret; it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holder {
    /// An active factor.
    Factor(FactorId),
    /// An enrolment under way.
    Pending(EnrollmentId),
}

impl Holder {
    fn place(self) -> (&'static str, String) {
        match self {
            Self::Factor(id) => ("factor", id.to_string()),
            Self::Pending(id) => ("pending_enrollment", id.to_string()),
        }
    }
}

/// Seals a secret for its row.
///
/// # Errors
/// INTERNAL: the operating system gives no randomness.
pub(super) fn seal(keyring: &Keyring, holder: Holder, user: UserId, secret: &TotpSecret) -> Outcome<Vec<u8>> {
    let (table, row) = holder.place();
    let user = user.to_string();
    let sealed = keyring.seal(&binding(table, &row, &user), secret.expose());
    sealed.map_err(|error| Fault::new(Reason::Internal).with_cause(error))
}

/// Opens a row's secret.
///
/// # Errors
/// CORRUPT, after an alarm in the log: whatever does not open is never "not enrolled".
pub(super) fn open(keyring: &Keyring, holder: Holder, user: UserId, sealed: &[u8]) -> Outcome<TotpSecret> {
    let (table, row) = holder.place();
    let user = user.to_string();
    let opened = keyring.open(&binding(table, &row, &user), sealed);
    let opened = opened.map_err(|error| Fault::new(Reason::Corrupt).with_cause(error));
    opened.and_then(|bytes| TotpSecret::from_bytes(&bytes)).inspect_err(|fault| {
        tracing::error!(table, row, user, cause = ?fault.cause(), "ALARM: a sealed secret does not open");
    })
}

fn binding<'a>(table: &'a str, row: &'a str, user: &'a str) -> Binding<'a> {
    Binding { service: "mfa", table, row, user, purpose: "totp_secret" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_in_its_row_and_for_its_user() {
        let keyring = Keyring::ephemeral().unwrap();
        let (factor, user) = (Holder::Factor(FactorId::generate()), UserId::generate());
        let secret = TotpSecret::generate().unwrap();
        let sealed = seal(&keyring, factor, user, &secret).unwrap();
        assert_eq!(open(&keyring, factor, user, &sealed).unwrap().expose(), secret.expose());
        let Holder::Factor(id) = factor else { panic!("a factor") };
        let same_id = Holder::Pending(EnrollmentId::from_uuid(id.uuid()));
        for (holder, user) in
            [(Holder::Factor(FactorId::generate()), user), (factor, UserId::generate()), (same_id, user)]
        {
            assert_eq!(open(&keyring, holder, user, &sealed).unwrap_err().reason(), Reason::Corrupt);
        }
    }
}
