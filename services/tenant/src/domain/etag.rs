//! The mark by which a caller says which state of an organisation it has seen.

use std::fmt;

/// An organisation's state as a mark to hand back in an update.
///
/// Its text is `v` and the version. Callers compare it, send it back, and read nothing else into it: the text may
/// change its form with any release, and then a mark read before it no longer matches, which is what a mark is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Etag(String);

impl Etag {
    /// The mark of a version.
    #[must_use]
    pub(crate) fn of_version(version: i64) -> Self {
        Self(format!("v{version}"))
    }

    /// What a caller sent back; `None` when it sent nothing and so demands nothing. A text we never gave out is no
    /// error of form: it matches no state.
    #[must_use]
    pub(crate) fn sent(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
