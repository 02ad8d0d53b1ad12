//! A sealed secret that does not open: an alarm and a refusal, and never "there is none".

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnreadableCause {
    /// It is sealed under a key that this service does not hold.
    UnknownKey,
    /// It is not what was sealed for its place: altered, moved here from elsewhere, or older than what belongs here.
    NotAuthentic,
    /// It is no sealed secret at all.
    Malformed,
    /// The row says itself that it is of another generation: an older one was put back.
    Outdated,
}

impl UnreadableCause {
    /// The word in events.
    #[must_use]
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::NotAuthentic => "not_authentic",
            Self::Malformed => "malformed",
            Self::Outdated => "outdated",
        }
    }
}

/// A secret that does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret of {table} {row} does not open: {}", .cause.as_str())]
pub(crate) struct Unreadable {
    /// The table of the row that holds it.
    pub(crate) table: &'static str,
    /// That row.
    pub(crate) row: String,
    /// Why.
    pub(crate) cause: UnreadableCause,
    /// The key that it names, where that can be read.
    pub(crate) key_id: String,
}
