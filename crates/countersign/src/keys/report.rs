//! What the replicas say about their keys, put together. Pure.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use keyring::{CheckValue, KeyId, Keyring};
use proto::keys::{GetKeyStatusResponse, KeyUsage};

use crate::failure::{Failure, Outcome};

/// The answers of all replicas that were asked, by the name to print.
#[derive(Debug)]
pub(super) struct Report {
    answers: Vec<(String, GetKeyStatusResponse)>,
}

impl Report {
    pub(super) fn of(answers: Vec<(String, GetKeyStatusResponse)>) -> Self {
        Self { answers }
    }

    pub(super) fn answers(&self) -> &[(String, GetKeyStatusResponse)] {
        &self.answers
    }

    /// The service whose keyring it is: the one with a replica that holds one of its keys.
    pub(super) fn owner(&self, keyring: &Keyring) -> Outcome<String> {
        let keys = keyring.check_values();
        let holds = |answer: &GetKeyStatusResponse| keys.iter().any(|(id, value)| has(answer, id, value));
        let owner = self.answers.iter().find(|(_, answer)| holds(answer));
        owner
            .map(|(_, answer)| answer.service.clone())
            .ok_or_else(|| Failure::new("none of these replicas holds a key of this directory"))
    }

    /// The replicas of a service.
    fn replicas_of(&self, service: &str) -> Vec<&(String, GetKeyStatusResponse)> {
        self.answers.iter().filter(|(_, answer)| answer.service == service).collect()
    }

    /// The replicas of a service that do not hold this very key.
    pub(super) fn without(&self, service: &str, id: &KeyId, value: &CheckValue) -> Vec<&str> {
        let lacking = self.replicas_of(service).into_iter().filter(|(_, answer)| !has(answer, id, value));
        lacking.map(|(name, _)| name.as_str()).collect()
    }

    /// The replicas of a service that hold a key of this id.
    pub(super) fn holding(&self, service: &str, id: &KeyId) -> Vec<&str> {
        let is_it = |key: &KeyUsage| key.is_held && key.key_id == id.as_str();
        let holding =
            self.replicas_of(service).into_iter().filter(|(_, answer)| answer.keys.iter().any(is_it));
        holding.map(|(name, _)| name.as_str()).collect()
    }

    /// The replicas of a service whose new secrets get another key.
    pub(super) fn not_using(&self, service: &str, id: &KeyId) -> Vec<&str> {
        let other =
            self.replicas_of(service).into_iter().filter(|(_, answer)| answer.primary_key_id != id.as_str());
        other.map(|(name, _)| name.as_str()).collect()
    }

    /// How many secrets of a service are sealed under each key but this one, as its replicas see it; the most pessimistic counts.
    pub(super) fn left_under_others(&self, service: &str, id: &KeyId) -> BTreeMap<&str, i64> {
        let mut left = BTreeMap::new();
        let keys = self.replicas_of(service).into_iter().flat_map(|(_, answer)| &answer.keys);
        for key in keys.filter(|key| key.key_id != id.as_str() && key.sealed_secrets > 0) {
            let most = left.entry(key.key_id.as_str()).or_insert(0);
            *most = key.sealed_secrets.max(*most);
        }
        left
    }

    /// The replicas of other services whose place in this service's log was made under a key.
    pub(super) fn following_by(&self, service: &str, id: &KeyId) -> Vec<&str> {
        self.following(service, |key_id| key_id == id.as_str())
    }

    /// The replicas of other services whose place in this service's log was made under another key than this one.
    pub(super) fn following_by_others(&self, service: &str, id: &KeyId) -> Vec<&str> {
        self.following(service, |key_id| key_id != id.as_str())
    }

    fn following(&self, service: &str, is_meant: impl Fn(&str) -> bool) -> Vec<&str> {
        let follows = |answer: &GetKeyStatusResponse| {
            let mut cursors = answer.followed_cursors.iter();
            cursors.any(|cursor| cursor.service == service && is_meant(&cursor.key_id))
        };
        let following = self.answers.iter().filter(|(_, answer)| follows(answer));
        following.map(|(name, _)| name.as_str()).collect()
    }
}

/// Whether a replica holds this very key, and not another of its name.
fn has(answer: &GetKeyStatusResponse, id: &KeyId, value: &CheckValue) -> bool {
    let value = HEXLOWER.encode(value);
    let is_it = |key: &KeyUsage| key.is_held && key.key_id == id.as_str() && key.check_value == value;
    answer.keys.iter().any(is_it)
}

#[cfg(test)]
mod tests {
    use proto::keys::FollowedCursor;

    use super::*;

    fn answer(service: &str, primary: &str, keys: &[(&str, u8, i64)]) -> (String, GetKeyStatusResponse) {
        let usage = |(id, byte, secrets): &(&str, u8, i64)| KeyUsage {
            key_id: (*id).to_owned(),
            is_held: *byte > 0,
            sealed_secrets: *secrets,
            check_value: if *byte > 0 { HEXLOWER.encode(&[*byte; 16]) } else { String::new() },
        };
        let status = GetKeyStatusResponse {
            service: service.to_owned(),
            primary_key_id: primary.to_owned(),
            keys: keys.iter().map(usage).collect(),
            followed_cursors: Vec::new(),
        };
        (format!("{service} {primary}"), status)
    }

    #[test]
    fn replicas_are_told_apart_by_their_keys_and_not_by_their_names() {
        let report = Report::of(vec![
            answer("tenant", "k1", &[("k1", 7, 0)]),
            answer("mfa", "k1", &[("k1", 1, 5), ("k2", 2, 0)]),
            answer("mfa", "k2", &[("k1", 1, 3), ("k2", 9, 2), ("k0", 0, 1)]),
        ]);
        let (k1, k2): (KeyId, KeyId) = ("k1".parse().unwrap(), "k2".parse().unwrap());
        assert!(report.without("mfa", &k1, &[1; 16]).is_empty());
        assert_eq!(report.without("mfa", &k2, &[2; 16]), ["mfa k2"], "another key of the same name");
        assert_eq!(report.holding("mfa", &k2).len(), 2);
        assert_eq!(report.not_using("mfa", &k2), ["mfa k1"]);
        assert_eq!(report.left_under_others("mfa", &k2), BTreeMap::from([("k0", 1), ("k1", 5)]));
        let stranger = Keyring::ephemeral().unwrap();
        assert!(report.owner(&stranger).is_err());
    }

    #[test]
    fn a_followers_place_keeps_a_key() {
        let mut identity = answer("identity", "k1", &[("k1", 7, 0)]);
        let cursor = FollowedCursor { service: "tenant".to_owned(), key_id: "k1".to_owned() };
        identity.1.followed_cursors.push(cursor);
        let report = Report::of(vec![identity]);
        assert_eq!(report.following_by("tenant", &"k1".parse().unwrap()), ["identity k1"]);
        assert!(report.following_by("tenant", &"k2".parse().unwrap()).is_empty());
        assert!(report.following_by("mfa", &"k1".parse().unwrap()).is_empty());
        assert_eq!(report.following_by_others("tenant", &"k2".parse().unwrap()), ["identity k1"]);
        assert!(report.following_by_others("tenant", &"k1".parse().unwrap()).is_empty());
    }
}
