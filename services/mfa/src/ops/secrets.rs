//! Sealing and opening the secrets of factors and pending enrolments.

use fault::{Fault, Outcome, Reason};
use keyring::{Binding, Keyring, OpenError};
use types::{EnrollmentId, FactorId, UserId};

use crate::domain::{Factor, TimeStep, TotpSecret, Unreadable, UnreadableCause, UserState};

/// The row that holds a secret, in the state it is in; the secret opens in no other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holder {
    /// An active factor. Bound are the generation that began with it and the last accepted step: a secret of before does not
    /// open, nor does the present one after the step was rolled back.
    Factor {
        /// The factor.
        id: FactorId,
        /// None where an earlier version sealed it.
        bound: Option<(i64, TimeStep)>,
    },
    /// An enrolment under way. Beginning anew makes a new one.
    Pending(EnrollmentId),
}

impl Holder {
    /// The row of a factor.
    pub(super) fn of_factor(factor: &Factor) -> Self {
        let bound = factor.generation.map(|generation| (generation, factor.last_step));
        Self::Factor { id: factor.id, bound }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Factor { .. } => "factor",
            Self::Pending(_) => "pending_enrollment",
        }
    }

    /// What the secret is bound to, apart from the table and the user.
    fn place(self) -> String {
        match self {
            Self::Factor { id, bound: Some((generation, step)) } => format!("{id} {generation} {}", step.0),
            Self::Factor { .. } | Self::Pending(_) => self.row(),
        }
    }

    fn row(self) -> String {
        match self {
            Self::Factor { id, .. } => id.to_string(),
            Self::Pending(id) => id.to_string(),
        }
    }
}

/// Seals a secret for its row.
///
/// # Errors
/// INTERNAL: the operating system gives no randomness.
pub(super) fn seal(keyring: &Keyring, holder: Holder, user: UserId, secret: &TotpSecret) -> Outcome<Vec<u8>> {
    let (place, user) = (holder.place(), user.to_string());
    let sealed = keyring.seal(&binding(holder.table(), &place, &user), secret.expose());
    sealed.map_err(|error| Fault::new(Reason::Internal).with_cause(error))
}

/// Opens a row's secret.
///
/// # Errors
/// CORRUPT for [`super::Mfa::alarmed`]: whatever does not open is never "not enrolled".
pub(super) fn open(keyring: &Keyring, holder: Holder, user: UserId, sealed: &[u8]) -> Outcome<TotpSecret> {
    let (place, id) = (holder.place(), user.to_string());
    let opened = keyring.open(&binding(holder.table(), &place, &id), sealed);
    let cause = match opened {
        Ok(bytes) => match TotpSecret::from_bytes(&bytes) {
            Ok(secret) => return Ok(secret),
            Err(_) => UnreadableCause::Malformed,
        },
        Err(error) => cause(&error),
    };
    Err(unreadable(holder.table(), holder.row(), cause, sealed))
}

/// The same secret for the same place, under the primary key.
///
/// # Errors
/// As [`open`] and [`seal`].
pub(super) fn seal_anew(keyring: &Keyring, holder: Holder, user: UserId, sealed: &[u8]) -> Outcome<Vec<u8>> {
    seal(keyring, holder, user, &open(keyring, holder, user, sealed)?)
}

/// Opens the secret of the factor of a user who is locked and in this state.
///
/// # Errors
/// As [`open`]; also when the factor is one of an earlier generation, which should be gone, or of none though the user's secrets
/// have been bound to theirs since.
pub(super) fn open_factor(
    keyring: &Keyring,
    user: UserId,
    state: &UserState,
    factor: &Factor,
) -> Outcome<TotpSecret> {
    let holder = Holder::of_factor(factor);
    let is_present = factor.generation.map_or(!state.secret_bound, |of_factor| of_factor == state.generation);
    if !is_present {
        let cause = UnreadableCause::Outdated;
        return Err(unreadable(holder.table(), holder.row(), cause, &factor.sealed_secret));
    }
    open(keyring, holder, user, &factor.sealed_secret)
}

/// The fault, and the alarm, that a sealed value of a row does not open.
pub(super) fn unreadable(table: &'static str, row: String, cause: UnreadableCause, sealed: &[u8]) -> Fault {
    let key_id = Keyring::sealed_under(sealed).map(|id| id.to_string()).unwrap_or_default();
    let unreadable = Unreadable { table, row, cause, key_id };
    let Unreadable { row, cause, key_id, .. } = &unreadable;
    tracing::error!(table, row, ?cause, key_id, "ALARM: a sealed secret does not open");
    Fault::new(Reason::Corrupt).with_cause(unreadable)
}

/// What it means that something does not open.
pub(super) const fn cause(error: &OpenError) -> UnreadableCause {
    match error {
        OpenError::UnknownKey { .. } => UnreadableCause::UnknownKey,
        OpenError::NotAuthentic => UnreadableCause::NotAuthentic,
        OpenError::Malformed => UnreadableCause::Malformed,
    }
}

fn binding<'a>(table: &'a str, row: &'a str, user: &'a str) -> Binding<'a> {
    Binding { service: "mfa", table, row, user, purpose: "totp_secret" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_in_its_row_in_its_state_and_for_its_user() {
        let keyring = Keyring::ephemeral().unwrap();
        let (id, user) = (FactorId::generate(), UserId::generate());
        let secret = TotpSecret::generate().unwrap();
        let at = |generation, step| Holder::Factor { id, bound: Some((generation, TimeStep(step))) };
        let sealed = seal(&keyring, at(3, 100), user, &secret).unwrap();
        assert_eq!(open(&keyring, at(3, 100), user, &sealed).unwrap().expose(), secret.expose());
        let other = Holder::Factor { id: FactorId::generate(), bound: Some((3, TimeStep(100))) };
        for (holder, user) in [
            (at(4, 100), user),
            (at(3, 99), user),
            (at(3, 101), user),
            (Holder::Factor { id, bound: None }, user),
            (Holder::Pending(EnrollmentId::from_uuid(id.uuid())), user),
            (other, user),
            (at(3, 100), UserId::generate()),
        ] {
            let fault = open(&keyring, holder, user, &sealed).unwrap_err();
            assert_eq!(fault.reason(), Reason::Corrupt);
            let unreadable = fault.cause().unwrap().downcast_ref::<Unreadable>().unwrap();
            assert_eq!(
                (&unreadable.cause, unreadable.key_id.as_str()),
                (&UnreadableCause::NotAuthentic, "ephemeral")
            );
        }
    }

    #[test]
    fn the_alarm_says_why() {
        let (keyring, other) = (Keyring::ephemeral().unwrap(), Keyring::ephemeral().unwrap());
        let (holder, user) = (Holder::Pending(EnrollmentId::generate()), UserId::generate());
        let secret = TotpSecret::generate().unwrap();
        let why = |sealed: &[u8]| {
            let fault = open(&keyring, holder, user, sealed).unwrap_err();
            fault.cause().unwrap().downcast_ref::<Unreadable>().unwrap().cause.clone()
        };
        // The same id, another key.
        assert_eq!(why(&seal(&other, holder, user, &secret).unwrap()), UnreadableCause::NotAuthentic);
        let mut renamed = seal(&keyring, holder, user, &secret).unwrap();
        renamed[2] = b'x';
        assert_eq!(why(&renamed), UnreadableCause::UnknownKey);
        assert_eq!(why(b""), UnreadableCause::Malformed);
        let (row, user) = (holder.row(), user.to_string());
        let short = keyring.seal(&binding("pending_enrollment", &row, &user), b"too short").unwrap();
        assert_eq!(why(&short), UnreadableCause::Malformed);
    }
}
