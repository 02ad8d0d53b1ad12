//! A session as it is handed to its client, once.

use std::fmt;

use types::{SessionId, Token};

use super::Timestamp;

/// A signed access token. Does not print.
#[derive(Clone)]
pub struct AccessToken {
    /// The JWT.
    pub text: String,
    /// When it expires.
    pub expire_time: Timestamp,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessToken").field("expire_time", &self.expire_time).finish_non_exhaustive()
    }
}

/// A session with the tokens that stand for it.
#[derive(Debug, Clone)]
pub struct OpenedSession {
    /// The session's id.
    pub session_id: SessionId,
    /// Says for whom, for a short time.
    pub access_token: AccessToken,
    /// Single use.
    pub refresh_token: Token,
}

/// What became of a sign-in that proved everything it was asked for.
#[derive(Debug, Clone)]
pub enum FinishedSignIn {
    /// A session was opened.
    Complete(OpenedSession),
    /// Somebody else is likely to know the password: the same sign-in token opens the call that replaces it.
    ChangePassword,
}

impl FinishedSignIn {
    /// The session, where one was opened.
    #[must_use]
    pub fn session(self) -> Option<OpenedSession> {
        match self {
            Self::Complete(session) => Some(session),
            Self::ChangePassword => None,
        }
    }
}
