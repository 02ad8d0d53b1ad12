//! The organisations below one, page by page.

use access::SignedIn;
use fault::{Outcome, Reason};
use types::{OrganizationId, OrganizationKind};

use super::Tenant;
use crate::domain::{NameKey, Organization, PageSize};
use crate::store as rows;

/// Which key authenticates page tokens of this list.
const TOKEN_PURPOSE: &str = "tenant.list_organizations";

/// Which organisations to list, and from where.
#[derive(Debug)]
pub(crate) struct ListOrganizations {
    /// None: the caller's own organisation.
    pub(crate) parent_id: Option<OrganizationId>,
    /// None: every kind.
    pub(crate) kind: Option<OrganizationKind>,
    pub(crate) page_size: PageSize,
    /// Empty: from the beginning.
    pub(crate) page_token: String,
}

/// One page of the list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) organizations: Vec<Organization>,
    /// Empty on the last page.
    pub(crate) next_page_token: String,
}

impl Tenant {
    /// The living organisations directly below one in the caller's branch, by name.
    ///
    /// A token goes on after the last name shown, so what is created or renamed meanwhile neither repeats nor hides
    /// what stayed as it was.
    ///
    /// # Errors
    /// NOT_FOUND for a parent that is foreign or missing; INVALID_CURSOR for a token of another list or caller.
    pub(crate) async fn list_organizations(
        &self,
        caller: &SignedIn,
        query: ListOrganizations,
    ) -> Outcome<Page> {
        let parent_id = query.parent_id.unwrap_or(caller.organization_id());
        let parent = self.get_organization(caller, parent_id).await?;
        let context = token_context(caller, parent.id(), query.kind);
        let after = self.read_token(&context, &query.page_token)?;
        let size = query.page_size;
        let mut organizations =
            rows::list_children(&self.store, parent.id(), query.kind, after.as_ref(), size.entries() + 1)
                .await?;
        // One more than shown was read: whether there is a next page is known without a second question.
        let more = organizations.len() > size.entries();
        organizations.truncate(size.entries());
        let next_page_token = match organizations.last().filter(|_| more) {
            Some(last) => {
                self.keyring.encode_token(TOKEN_PURPOSE, &context, last.name_key().as_str().as_bytes())
            }
            None => String::new(),
        };
        Ok(Page { organizations, next_page_token })
    }

    fn read_token(&self, context: &[u8], token: &str) -> Outcome<Option<NameKey>> {
        if token.is_empty() {
            return Ok(None);
        }
        let payload =
            self.keyring.decode_token(TOKEN_PURPOSE, context, token).map_err(|_| Reason::InvalidCursor)?;
        let text = String::from_utf8(payload).map_err(|_| Reason::InvalidCursor)?;
        Ok(Some(NameKey::from_stored(text)))
    }
}

/// What a token is bound to: it goes on with this list, for this organisation's users, and with nothing else.
fn token_context(caller: &SignedIn, parent: OrganizationId, kind: Option<OrganizationKind>) -> Vec<u8> {
    let mut context = Vec::with_capacity(48);
    context.extend_from_slice(caller.organization_id().uuid().as_bytes());
    context.extend_from_slice(parent.uuid().as_bytes());
    context.extend_from_slice(kind.map_or("", OrganizationKind::as_str).as_bytes());
    context
}
