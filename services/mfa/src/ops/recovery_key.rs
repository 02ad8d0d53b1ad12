//! Sealing and opening the keys of recovery codes' hashes.

use fault::{Fault, Outcome, Reason};
use keyring::{Binding, Keyring};
use types::{EnrollmentId, FactorId, RecoverySetId, UserId};

use super::secrets::{cause, unreadable};
use crate::domain::{FreshCodes, PendingCodes, RecoveryKey, RecoverySet, UnreadableCause};

/// The row that holds a key; it opens nowhere else.
#[derive(Debug, Clone, Copy)]
enum Holder {
    /// A set that is good, of a factor. Another factor's set, or another of this one, does not open in its place.
    Set(FactorId, RecoverySetId),
    /// An enrolment under way.
    Pending(EnrollmentId),
}

impl Holder {
    fn place(self) -> (&'static str, String) {
        match self {
            Self::Set(factor, set) => ("recovery_codes", format!("{factor}/{set}")),
            Self::Pending(id) => ("pending_enrollment", id.to_string()),
        }
    }
}

/// Codes as they are kept until their enrolment is acknowledged.
///
/// # Errors
/// INTERNAL: the operating system gives no randomness.
pub(super) fn keep_pending(
    keyring: &Keyring,
    enrollment: EnrollmentId,
    user: UserId,
    fresh: &FreshCodes,
) -> Outcome<PendingCodes> {
    let sealed_key = seal(keyring, Holder::Pending(enrollment), user, &fresh.key)?;
    Ok(PendingCodes { sealed_key, hashes: fresh.hashes() })
}

/// The codes of an acknowledged enrolment as its factor's set: the key is sealed anew, because it opens only in the row it
/// was sealed for.
///
/// # Errors
/// CORRUPT for [`super::Mfa::alarmed`], when it does not open; INTERNAL.
pub(super) fn adopt(
    keyring: &Keyring,
    enrollment: EnrollmentId,
    user: UserId,
    pending: &PendingCodes,
    (factor_id, id): (FactorId, RecoverySetId),
) -> Outcome<RecoverySet> {
    let key = open(keyring, Holder::Pending(enrollment), user, &pending.sealed_key)?;
    let sealed_key = seal(keyring, Holder::Set(factor_id, id), user, &key)?;
    Ok(RecoverySet { id, factor_id, sealed_key, unused: pending.hashes.clone(), last_used: None })
}

/// New codes as a factor's set.
///
/// # Errors
/// INTERNAL: the operating system gives no randomness.
pub(super) fn keep(
    keyring: &Keyring,
    user: UserId,
    fresh: &FreshCodes,
    (factor_id, id): (FactorId, RecoverySetId),
) -> Outcome<RecoverySet> {
    let sealed_key = seal(keyring, Holder::Set(factor_id, id), user, &fresh.key)?;
    Ok(RecoverySet { id, factor_id, sealed_key, unused: fresh.hashes(), last_used: None })
}

/// The key of a user's set, which must be of the factor the user has.
///
/// # Errors
/// CORRUPT for [`super::Mfa::alarmed`]: whatever does not open is never "a wrong code".
pub(super) fn open_key(
    keyring: &Keyring,
    user: UserId,
    factor: FactorId,
    set: &RecoverySet,
) -> Outcome<RecoveryKey> {
    open(keyring, Holder::Set(factor, set.id), user, &set.sealed_key)
}

/// A set's key for the same place, under the primary key.
///
/// # Errors
/// CORRUPT; INTERNAL.
pub(super) fn seal_set_anew(
    keyring: &Keyring,
    user: UserId,
    (factor, set): (FactorId, RecoverySetId),
    sealed: &[u8],
) -> Outcome<Vec<u8>> {
    let holder = Holder::Set(factor, set);
    seal(keyring, holder, user, &open(keyring, holder, user, sealed)?)
}

/// The key of codes that are not good yet for the same place, under the primary key.
///
/// # Errors
/// CORRUPT; INTERNAL.
pub(super) fn seal_pending_anew(
    keyring: &Keyring,
    user: UserId,
    enrollment: EnrollmentId,
    sealed: &[u8],
) -> Outcome<Vec<u8>> {
    let holder = Holder::Pending(enrollment);
    seal(keyring, holder, user, &open(keyring, holder, user, sealed)?)
}

fn seal(keyring: &Keyring, holder: Holder, user: UserId, key: &RecoveryKey) -> Outcome<Vec<u8>> {
    let ((table, row), user) = (holder.place(), user.to_string());
    let sealed = keyring.seal(&binding(table, &row, &user), key.expose());
    sealed.map_err(|error| Fault::new(Reason::Internal).with_cause(error))
}

fn open(keyring: &Keyring, holder: Holder, user: UserId, sealed: &[u8]) -> Outcome<RecoveryKey> {
    let ((table, row), user) = (holder.place(), user.to_string());
    let opened = keyring.open(&binding(table, &row, &user), sealed);
    let cause = match opened.as_deref().map(Vec::as_slice).map(RecoveryKey::from_bytes) {
        Ok(Some(key)) => return Ok(key),
        Ok(None) => UnreadableCause::Malformed,
        Err(error) => cause(error),
    };
    Err(unreadable(table, row, cause, sealed))
}

fn binding<'a>(table: &'a str, row: &'a str, user: &'a str) -> Binding<'a> {
    Binding { service: "mfa", table, row, user, purpose: "recovery_code_key" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_only_in_its_set_for_its_factor_and_user() {
        let keyring = Keyring::ephemeral().unwrap();
        let (user, enrollment) = (UserId::generate(), EnrollmentId::generate());
        let ids = || (FactorId::generate(), RecoverySetId::generate());
        let fresh = FreshCodes::generate().unwrap();
        let pending = keep_pending(&keyring, enrollment, user, &fresh).unwrap();
        let (factor, id) = ids();
        let set = adopt(&keyring, enrollment, user, &pending, (factor, id)).unwrap();
        assert_eq!(open_key(&keyring, user, factor, &set).unwrap().expose(), fresh.key.expose());
        assert_eq!((set.unused.len(), &set.unused), (10, &pending.hashes));

        let corrupt =
            |outcome: Outcome<RecoveryKey>| assert_eq!(outcome.unwrap_err().reason(), Reason::Corrupt);
        corrupt(open_key(&keyring, UserId::generate(), factor, &set));
        corrupt(open_key(&keyring, user, FactorId::generate(), &set));
        let other = RecoverySet { id: RecoverySetId::generate(), ..set.clone() };
        corrupt(open_key(&keyring, user, factor, &other));
        let unmoved = RecoverySet { sealed_key: pending.sealed_key.clone(), ..set };
        corrupt(open_key(&keyring, user, factor, &unmoved));
        let stolen = adopt(&keyring, EnrollmentId::generate(), user, &pending, ids());
        assert_eq!(stolen.unwrap_err().reason(), Reason::Corrupt);
    }
}
