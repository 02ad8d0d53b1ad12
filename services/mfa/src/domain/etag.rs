//! The mark by which a caller says which state of enforcement it has seen.

use super::Policy;

/// The mark of a target's own level and, of a user, of the generation. Callers compare it and send it back; its text may
/// change with any release.
#[must_use]
pub(crate) fn etag(policy: &Policy, generation: Option<i64>) -> String {
    let version = policy.own().setting.as_ref().map_or(0, |setting| setting.version);
    match generation {
        Some(generation) => format!("v{version}g{generation}"),
        None => format!("v{version}"),
    }
}
