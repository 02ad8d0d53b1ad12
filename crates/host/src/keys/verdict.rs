//! Whether a ring of keys fits what is stored. Pure.

use std::collections::BTreeMap;

use keyring::{CheckValue, KeyId};

use super::InUse;

/// Why a keyring cannot be used: what is stored was made with other keys. Nothing was created or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysRefused {
    /// Secrets are sealed under keys that the keyring does not hold.
    #[error("the keyring lacks {}, which secrets are sealed under", .0.join(", "))]
    Missing(Vec<String>),
    /// A key is not the one that bore its id before.
    #[error("the keyring holds another key than before as {}", .0.join(", "))]
    Exchanged(Vec<String>),
    /// It holds none of the keys that were ever used here.
    #[error("the keyring is another's: of {}, it holds none", .0.join(", "))]
    Foreign(Vec<String>),
}

/// A ring that fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Keys that were never held before.
    pub(super) fresh: Vec<(KeyId, CheckValue)>,
    /// Keys that secrets name, and that nobody ever held: those secrets are not ours. They are refused when they are met.
    pub(super) strangers: Vec<String>,
}

/// Judges a ring by every key that was ever held, and by what is sealed.
pub(super) fn judge(
    ring: &BTreeMap<KeyId, CheckValue>,
    registered: &BTreeMap<String, Vec<u8>>,
    in_use: &InUse,
) -> Result<Verdict, KeysRefused> {
    let is_held = |id: &str| ring.keys().any(|held| held.as_str() == id);
    let exchanged: Vec<String> = ring
        .iter()
        .filter(|(id, value)| registered.get(id.as_str()).is_some_and(|known| known.as_slice() != *value))
        .map(|(id, _)| id.to_string())
        .collect();
    if !exchanged.is_empty() {
        return Err(KeysRefused::Exchanged(exchanged));
    }
    let unheld = in_use.keys().filter(|id| !is_held(id)).cloned();
    // Where nothing is registered yet, every key that is named was ours.
    let (missing, strangers): (Vec<String>, Vec<String>) =
        unheld.partition(|id| registered.is_empty() || registered.contains_key(id));
    if !missing.is_empty() {
        return Err(KeysRefused::Missing(missing));
    }
    if !registered.is_empty() && !registered.keys().any(|id| is_held(id)) {
        return Err(KeysRefused::Foreign(registered.keys().cloned().collect()));
    }
    let fresh = ring
        .iter()
        .filter(|(id, _)| !registered.contains_key(id.as_str()))
        .map(|(id, value)| (id.clone(), *value))
        .collect();
    Ok(Verdict { fresh, strangers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[(&str, u8)]) -> BTreeMap<KeyId, CheckValue> {
        keys.iter().map(|(id, byte)| (id.parse().unwrap(), [*byte; 16])).collect()
    }

    fn registered(keys: &[(&str, u8)]) -> BTreeMap<String, Vec<u8>> {
        keys.iter().map(|(id, byte)| ((*id).to_owned(), vec![*byte; 16])).collect()
    }

    fn in_use(ids: &[&str]) -> InUse {
        ids.iter().map(|id| ((*id).to_owned(), 1)).collect()
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(ToString::to_string).collect()
    }

    /// The ring, what is registered, what is in use; fresh keys and strangers, or the refusal.
    type Case<'a> = (
        &'a [(&'a str, u8)],
        &'a [(&'a str, u8)],
        &'a [&'a str],
        Result<(&'a [&'a str], &'a [&'a str]), KeysRefused>,
    );

    #[test]
    fn a_ring_fits_or_does_not() {
        let cases: &[Case<'_>] = &[
            // An empty database takes any ring.
            (&[("k1", 1)], &[], &[], Ok((&["k1"], &[]))),
            // The same one again, in use or not.
            (&[("k1", 1)], &[("k1", 1)], &["k1"], Ok((&[], &[]))),
            // A key more.
            (&[("k1", 1), ("k2", 2)], &[("k1", 1)], &["k1"], Ok((&["k2"], &[]))),
            // The old one retired.
            (&[("k2", 2)], &[("k1", 1), ("k2", 2)], &["k2"], Ok((&[], &[]))),
            // Retired while secrets still need it.
            (&[("k2", 2)], &[("k1", 1), ("k2", 2)], &["k1", "k2"], Err(KeysRefused::Missing(ids(&["k1"])))),
            // Another key of the same name.
            (&[("k1", 9)], &[("k1", 1)], &["k1"], Err(KeysRefused::Exchanged(ids(&["k1"])))),
            (&[("k1", 9)], &[("k1", 1)], &[], Err(KeysRefused::Exchanged(ids(&["k1"])))),
            // A ring that has nothing to do with this database.
            (&[("x", 1)], &[("k1", 1)], &[], Err(KeysRefused::Foreign(ids(&["k1"])))),
            (&[("x", 1)], &[("k1", 1)], &["k1"], Err(KeysRefused::Missing(ids(&["k1"])))),
            // Sealed before anything was registered.
            (&[("k1", 1)], &[], &["k1"], Ok((&["k1"], &[]))),
            (&[("x", 1)], &[], &["k1"], Err(KeysRefused::Missing(ids(&["k1"])))),
            // A row that somebody put there does not stop the service.
            (&[("k1", 1)], &[("k1", 1)], &["evil", "k1"], Ok((&[], &["evil"]))),
        ];
        for (held, known, used, expected) in cases {
            let verdict = judge(&ring(held), &registered(known), &in_use(used));
            let verdict = verdict.map(|verdict| {
                (verdict.fresh.iter().map(|(id, _)| id.to_string()).collect(), verdict.strangers)
            });
            let expected = expected.clone().map(|(fresh, strangers)| (ids(fresh), ids(strangers)));
            assert_eq!(verdict, expected, "{held:?} {known:?} {used:?}");
        }
    }
}
