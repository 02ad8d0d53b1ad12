//! Recovery codes: what is made, and what is kept of them.
//!
//! Ten go with a factor, each good once. What is kept is an HMAC under a key of the set, which the keyring seals: with
//! the database alone, codes can neither be tried nor planted.

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use keyring::digest::hmac_sha256;
use subtle::{Choice, ConstantTimeEq};
use time::Duration;
use types::{FactorId, RecoveryCode, RecoverySetId, random_bytes};
use zeroize::Zeroizing;

/// How many codes a set has.
pub(crate) const RECOVERY_CODES: usize = 10;
/// For so long the code that was spent last is a repetition when it comes again, and not a guess: two clicks, or a lost
/// answer. Later it counts like any other, so that nobody hammers with it.
const REPETITION: Duration = Duration::minutes(10);

/// What is kept of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecoveryHash(pub(crate) [u8; 32]);

/// The key that a set's hashes are made with. It does not print and is wiped.
pub(crate) struct RecoveryKey(Zeroizing<[u8; 32]>);

impl RecoveryKey {
    /// A key as it was sealed; none when it has another length.
    #[must_use]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// The bytes, to be sealed.
    #[must_use]
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// What is kept of a code.
    #[must_use]
    pub(crate) fn hash(&self, code: &RecoveryCode) -> RecoveryHash {
        RecoveryHash(hmac_sha256(&self.0, code.expose().as_bytes()))
    }
}

impl std::fmt::Debug for RecoveryKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RecoveryKey(hidden)")
    }
}

/// Codes that were just made: the only moment in which they are known.
#[derive(Debug)]
pub(crate) struct FreshCodes {
    /// The codes, to be shown once.
    pub(crate) codes: Vec<RecoveryCode>,
    /// The key of their hashes.
    pub(crate) key: RecoveryKey,
}

impl FreshCodes {
    /// A new set of the operating system's generator.
    ///
    /// # Errors
    /// INTERNAL: the generator is not available.
    pub(crate) fn generate() -> Outcome<Self> {
        let no_randomness = |error| Fault::new(Reason::Internal).with_cause(error);
        let codes = (0..RECOVERY_CODES).map(|_| RecoveryCode::generate()).collect::<Result<_, _>>();
        Ok(Self {
            codes: codes.map_err(no_randomness)?,
            key: RecoveryKey(random_bytes().map_err(no_randomness)?),
        })
    }

    /// What is kept of them.
    #[must_use]
    pub(crate) fn hashes(&self) -> Vec<RecoveryHash> {
        self.codes.iter().map(|code| self.key.hash(code)).collect()
    }
}

/// Codes as they are kept with an enrolment under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PendingCodes {
    /// The key as it is stored.
    pub(crate) sealed_key: Vec<u8>,
    /// One for each code.
    pub(crate) hashes: Vec<RecoveryHash>,
}

impl PendingCodes {
    /// How many they are.
    #[must_use]
    pub(crate) fn count(&self) -> i32 {
        number(&self.hashes)
    }
}

/// A user's recovery codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoverySet {
    /// The set.
    pub(crate) id: RecoverySetId,
    /// The factor they stand in for.
    pub(crate) factor_id: FactorId,
    /// The key as it is stored.
    pub(crate) sealed_key: Vec<u8>,
    /// Those that are left.
    pub(crate) unused: Vec<RecoveryHash>,
    /// The one that was spent last, and when.
    pub(crate) last_used: Option<(RecoveryHash, Timestamp)>,
}

/// What a presented code is in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matched {
    /// One that is left. With it, so many would be left.
    Unused(RecoveryHash, i32),
    /// The one that was spent last, a moment ago.
    JustUsed,
    /// None.
    None,
}

impl RecoverySet {
    /// How many are left.
    #[must_use]
    pub(crate) fn left(&self) -> i32 {
        number(&self.unused)
    }

    /// What the code with this hash is. Takes the same time whichever it is.
    #[must_use]
    pub(crate) fn matching(&self, presented: RecoveryHash, now: Timestamp) -> Matched {
        let unused =
            self.unused.iter().fold(Choice::from(0), |found, hash| found | hash.0.ct_eq(&presented.0));
        let last = self.last_used.filter(|(_, at)| now < *at + REPETITION);
        let repeated = last.map_or(Choice::from(0), |(hash, _)| hash.0.ct_eq(&presented.0));
        match (bool::from(unused), bool::from(repeated)) {
            (true, _) => Matched::Unused(presented, self.left().saturating_sub(1)),
            (false, true) => Matched::JustUsed,
            (false, false) => Matched::None,
        }
    }
}

fn number(hashes: &[RecoveryHash]) -> i32 {
    i32::try_from(hashes.len()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-01 00:00 UTC);

    fn set(fresh: &FreshCodes) -> RecoverySet {
        RecoverySet {
            id: RecoverySetId::generate(),
            factor_id: FactorId::generate(),
            sealed_key: Vec::new(),
            unused: fresh.hashes(),
            last_used: None,
        }
    }

    #[test]
    fn ten_codes_match_each_once_and_under_their_own_key_only() {
        let (fresh, other) = (FreshCodes::generate().unwrap(), FreshCodes::generate().unwrap());
        let mut set = set(&fresh);
        assert_eq!((fresh.codes.len(), set.left()), (10, 10));
        for (index, code) in fresh.codes.iter().enumerate() {
            let hash = fresh.key.hash(code);
            let left = 9 - i32::try_from(index).unwrap();
            assert_eq!(set.matching(hash, NOW), Matched::Unused(hash, left));
            assert_eq!(set.matching(other.key.hash(code), NOW), Matched::None);
            set.unused.retain(|kept| *kept != hash);
            set.last_used = Some((hash, NOW));
            assert_eq!(set.matching(hash, NOW), Matched::JustUsed);
        }
        assert_eq!(set.left(), 0);
        assert_eq!(set.matching(other.hashes().remove(0), NOW), Matched::None);
    }

    #[test]
    fn a_spent_code_is_a_repetition_for_ten_minutes_and_a_guess_after_that_or_after_another() {
        let fresh = FreshCodes::generate().unwrap();
        let hashes = fresh.hashes();
        let mut set = RecoverySet { unused: Vec::new(), last_used: Some((hashes[0], NOW)), ..set(&fresh) };
        let until = NOW + REPETITION;
        assert_eq!(set.matching(hashes[0], until - Duration::MICROSECOND), Matched::JustUsed);
        assert_eq!(set.matching(hashes[0], until), Matched::None);
        set.last_used = Some((hashes[1], NOW));
        assert_eq!(set.matching(hashes[0], NOW), Matched::None);
    }

    #[test]
    fn nothing_of_a_fresh_set_prints_its_secrets() {
        let fresh = FreshCodes::generate().unwrap();
        let printed = format!("{fresh:?}");
        assert!(fresh.codes.iter().all(|code| !printed.contains(code.expose())));
        assert!(!printed.contains(&format!("{:?}", fresh.key.expose())));
    }
}
