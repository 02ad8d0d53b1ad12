//! Listing the living sessions of a user.

use access::SignedIn;
use fault::{Outcome, Reason};
use types::{SessionId, UserId};

use super::Identity;
use crate::domain::session::Session;
use crate::store::{sessions, users};

const PURPOSE: &str = "identity.list_sessions";

/// The command.
#[derive(Debug)]
pub struct ListSessions {
    /// Who asks.
    pub caller: SignedIn,
    /// Whose; none: the caller's own.
    pub user_id: Option<UserId>,
    /// How many at most.
    pub page_size: usize,
    /// Where the last page ended; empty: from the beginning.
    pub page_token: String,
}

/// Sessions, the newest first.
#[derive(Debug)]
pub struct SessionPage {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// Where the next page begins; empty on the last.
    pub next_page_token: String,
}

impl Identity {
    /// The living sessions of the caller, or of a user of the caller's branch.
    ///
    /// # Errors
    /// NOT_FOUND, for foreign users as for none; INVALID_CURSOR; DEPENDENCY_UNAVAILABLE.
    pub async fn list_sessions(&self, command: ListSessions) -> Outcome<SessionPage> {
        let ListSessions { caller, user_id, page_size, page_token } = command;
        let user_id = user_id.unwrap_or(caller.user_id);
        let user = if user_id == caller.user_id {
            let (record, _) = users::find(&self.store, user_id).await?.ok_or(Reason::NotFound)?;
            record.user
        } else {
            self.get_user(&caller, user_id).await?
        };
        let context = user_id.to_string();
        let before = self.session_before(&context, &page_token)?;
        let limit = i64::try_from(page_size).unwrap_or(i64::MAX).saturating_add(1);
        let mut found = sessions::list(&self.store, &user, self.clock.now(), before, limit).await?;
        let has_more = found.len() > page_size;
        found.truncate(page_size);
        let next_page_token = match found.last().filter(|_| has_more) {
            Some(last) => {
                self.keyring.encode_token(PURPOSE, context.as_bytes(), last.id.to_string().as_bytes())
            }
            None => String::new(),
        };
        Ok(SessionPage { sessions: found, next_page_token })
    }

    /// The session before which a page begins.
    fn session_before(&self, context: &str, page_token: &str) -> Outcome<Option<SessionId>> {
        if page_token.is_empty() {
            return Ok(None);
        }
        let payload = self.keyring.decode_token(PURPOSE, context.as_bytes(), page_token);
        let session = payload.ok().and_then(|payload| String::from_utf8(payload).ok()?.parse().ok());
        session.map(Some).ok_or_else(|| Reason::InvalidCursor.into())
    }
}
