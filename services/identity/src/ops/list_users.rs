//! Listing the users of an organisation.

use access::SignedIn;
use fault::{Outcome, Reason};
use types::{OrganizationId, Role};

use super::Identity;
use crate::domain::authority;
use crate::domain::user::User;
use crate::store::users;

const PURPOSE: &str = "identity.list_users";

/// The command.
#[derive(Debug)]
pub struct ListUsers {
    /// Who asks.
    pub caller: SignedIn,
    /// Whose users; none means the caller's own organisation's.
    pub organization_id: Option<OrganizationId>,
    /// Only this role.
    pub role: Option<Role>,
    /// How many at most.
    pub page_size: usize,
    /// Where the last page ended; empty: from the beginning.
    pub page_token: String,
}

/// Users by login.
#[derive(Debug)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// Where the next page begins; empty on the last.
    pub next_page_token: String,
}

impl Identity {
    /// The users of the caller's own organisation or one below it.
    ///
    /// # Errors
    /// NOT_FOUND, for foreign and deleted organisations as for none; ROLE_NOT_ALLOWED; INVALID_CURSOR; DEPENDENCY_UNAVAILABLE.
    pub async fn list_users(&self, command: ListUsers) -> Outcome<UserPage> {
        let ListUsers { caller, organization_id, role, page_size, page_token } = command;
        if !authority::reads_others(caller.role) {
            return Err(Reason::RoleNotAllowed.into());
        }
        let organization_id = organization_id.unwrap_or(caller.organization_id());
        self.organization_in_reach(&caller, organization_id).await?;
        let context = format!("{organization_id} {}", role.map_or("", Role::as_str));
        let after = self.place(&context, &page_token)?;
        let limit = i64::try_from(page_size).unwrap_or(i64::MAX).saturating_add(1);
        let mut users = users::list(&self.store, organization_id, role, &after, limit).await?;
        let has_more = users.len() > page_size;
        users.truncate(page_size);
        let next_page_token = match users.last().filter(|_| has_more) {
            Some(last) => {
                self.keyring.encode_token(PURPOSE, context.as_bytes(), last.login.as_str().as_bytes())
            }
            None => String::new(),
        };
        Ok(UserPage { users, next_page_token })
    }

    /// The login after which a page begins.
    fn place(&self, context: &str, page_token: &str) -> Outcome<String> {
        if page_token.is_empty() {
            return Ok(String::new());
        }
        let payload = self.keyring.decode_token(PURPOSE, context.as_bytes(), page_token);
        let login = payload.ok().and_then(|payload| String::from_utf8(payload).ok());
        login.ok_or_else(|| Reason::InvalidCursor.into())
    }
}
