//! Which signing key signs, which are published, and when the next one is due. Pure: the time comes in as an argument.

use time::Duration;

use super::Timestamp;

/// How long a key is published before it signs. Whoever verifies access tokens by themselves may keep the published keys so
/// long, and no longer.
pub const PUBLISHED_AHEAD: Duration = Duration::minutes(10);
/// How much longer than a token lives its key stays, because clocks differ and tokens are made before they are handed out.
const SLACK: Duration = Duration::minutes(2);

/// A key that is not retired, as far as its times go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTimes {
    /// The key's id.
    pub key_id: String,
    /// When it begins to sign.
    pub sign_from: Timestamp,
}

/// The key that signs at `now`: of those that have begun, the one that began last. Before any has - clocks differ - the first
/// one. None where there is no key.
#[must_use]
pub fn signing(keys: &[KeyTimes], now: Timestamp) -> Option<&KeyTimes> {
    let order = |key: &&KeyTimes| (key.sign_from, key.key_id.clone());
    let begun = keys.iter().filter(|key| key.sign_from <= now).max_by_key(order);
    begun.or_else(|| keys.iter().min_by_key(order))
}

/// The key that is published and has not begun to sign. One that begins later than any made by a right clock keeps nobody from
/// making another.
#[must_use]
pub fn waiting(keys: &[KeyTimes], now: Timestamp) -> Option<&KeyTimes> {
    let signs = signing(keys, now)?;
    let is_next = |key: &&KeyTimes| key.sign_from > now && key.sign_from <= now + PUBLISHED_AHEAD + SLACK;
    keys.iter().find(|key| is_next(key) && *key != signs)
}

/// Whether the next key must be made now, so that none signs for longer than `life`. The first one is made when it is needed.
#[must_use]
pub fn is_next_due(keys: &[KeyTimes], life: Duration, now: Timestamp) -> bool {
    let old = signing(keys, now).is_some_and(|key| key.sign_from + life <= now + PUBLISHED_AHEAD);
    old && waiting(keys, now).is_none()
}

/// The keys whose last token, living `token_life`, has expired: the next one began long enough ago.
#[must_use]
pub fn spent(keys: &[KeyTimes], token_life: Duration, now: Timestamp) -> Vec<&KeyTimes> {
    let Some(signs) = signing(keys, now) else { return Vec::new() };
    let successor = |key: &KeyTimes| {
        let later = keys.iter().filter(|other| other.sign_from > key.sign_from);
        later.map(|other| other.sign_from).min()
    };
    let is_spent = |key: &&KeyTimes| {
        *key != signs && successor(key).is_some_and(|began| began + token_life + SLACK <= now)
    };
    keys.iter().filter(is_spent).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: Timestamp = datetime!(2026-11-24 09:00 UTC);
    const LIFE: Duration = Duration::days(90);
    const TOKEN: Duration = Duration::minutes(5);

    fn key(id: &str, after: Duration) -> KeyTimes {
        KeyTimes { key_id: id.to_owned(), sign_from: START + after }
    }

    #[test]
    fn a_key_is_published_then_signs_then_goes() {
        let keys = [key("a", Duration::ZERO), key("b", PUBLISHED_AHEAD)];
        let at = |after: Duration| {
            let now = START + after;
            let id = |key: &KeyTimes| key.key_id.clone();
            (
                signing(&keys, now).map(id).unwrap(),
                waiting(&keys, now).map(id),
                spent(&keys, TOKEN, now).into_iter().map(id).collect::<Vec<_>>(),
            )
        };
        let (a, b) = ("a".to_owned(), "b".to_owned());
        assert_eq!(at(-Duration::SECOND), (a.clone(), Some(b.clone()), vec![]));
        assert_eq!(at(Duration::ZERO), (a.clone(), Some(b.clone()), vec![]));
        assert_eq!(at(PUBLISHED_AHEAD - Duration::SECOND), (a.clone(), Some(b.clone()), vec![]));
        assert_eq!(at(PUBLISHED_AHEAD), (b.clone(), None, vec![]));
        // A token that was made in its last moment lives for five minutes more.
        let last = PUBLISHED_AHEAD + TOKEN;
        assert_eq!(at(last), (b.clone(), None, vec![]));
        assert_eq!(at(last + SLACK), (b, None, vec![a]));
    }

    #[test]
    fn the_next_one_is_due_once_and_early_enough() {
        assert!(!is_next_due(&[], LIFE, START));
        let first = key("a", Duration::ZERO);
        let early = START + LIFE - PUBLISHED_AHEAD;
        assert!(!is_next_due(std::slice::from_ref(&first), LIFE, early - Duration::SECOND));
        assert!(is_next_due(std::slice::from_ref(&first), LIFE, early));
        assert!(!is_next_due(&[first, key("b", LIFE)], LIFE, early));
    }

    #[test]
    fn a_key_made_by_a_clock_far_ahead_keeps_nobody_from_making_another() {
        let now = START + LIFE;
        let mut keys = vec![key("a", Duration::ZERO), key("far", LIFE + Duration::days(30))];
        assert_eq!(waiting(&keys, now), None);
        assert!(is_next_due(&keys, LIFE, now));
        keys.push(key("b", LIFE + PUBLISHED_AHEAD));
        assert_eq!(waiting(&keys, now), keys.last());
        assert!(!is_next_due(&keys, LIFE, now));
    }
}
