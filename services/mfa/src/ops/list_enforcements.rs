//! Resellers, companies or users below an organisation, with where they stand (R18).

use access::SignedIn;
use fault::{Outcome, Reason};
use types::{OrganizationId, OrganizationPath};

use super::{Configuration, Mfa};
use crate::domain::{
    Branch, EffectiveState, ListPlace, Listed, ListedKind, MfaStatus, Own, PageSize, PolicyLevel, Target,
};
use crate::store::status::{self, Lines};

/// Which key authenticates page tokens.
const TOKEN_PURPOSE: &str = "mfa.list_enforcements";

/// What to list, and from where.
#[derive(Debug)]
pub(crate) struct ListEnforcements {
    /// None: the caller's own organisation.
    pub(crate) organization_id: Option<OrganizationId>,
    pub(crate) kind: ListedKind,
    /// None: all.
    pub(crate) status: Option<MfaStatus>,
    pub(crate) page_size: PageSize,
    /// Empty: from the beginning.
    pub(crate) page_token: String,
}

/// One page.
#[derive(Debug)]
pub(crate) struct EnforcementPage {
    pub(crate) entries: Vec<Entry>,
    /// Empty on the last page.
    pub(crate) next_page_token: String,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) target: Target,
    pub(crate) name: String,
    pub(crate) own: Own,
    pub(crate) state: EffectiveState,
    pub(crate) deciding: Option<PolicyLevel>,
    /// Of users.
    pub(crate) configuration: Option<Configuration>,
    pub(crate) exempt: bool,
}

impl Mfa {
    /// A page of what lies below an organisation in the caller's branch, by name or login. A token goes on after the last
    /// line shown, so what comes and goes meanwhile neither repeats nor hides what stayed as it was.
    ///
    /// # Errors
    /// NOT_FOUND; INVALID_CURSOR for a token of another list or caller; DEPENDENCY_UNAVAILABLE.
    pub(crate) async fn list_enforcements(
        &self,
        caller: &SignedIn,
        query: ListEnforcements,
    ) -> Outcome<EnforcementPage> {
        let path = self.reachable(caller, query.organization_id).await?;
        let binding = binding(caller, &path, &query);
        let shown = query.page_size.lines();
        let lines = Lines {
            branch: Branch::of(&path),
            status: query.status,
            after: self.read_list_token(&binding, &query.page_token)?,
            // One more than shown: whether there is a next page is known without a second question.
            limit: shown + 1,
        };
        let now = self.clock.now();
        let mut listed = match query.kind {
            ListedKind::User => status::users(&self.store, &lines, now).await?,
            kind @ (ListedKind::Reseller | ListedKind::Company) => {
                status::organizations(&self.store, kind, &lines, now).await?
            }
        };
        let has_more = listed.len() > shown;
        listed.truncate(shown);
        let next_page_token = match listed.last().filter(|_| has_more) {
            Some(last) => self.keyring.encode_token(TOKEN_PURPOSE, &binding, &last.place.to_bytes()),
            None => String::new(),
        };
        Ok(EnforcementPage { entries: listed.into_iter().map(entry).collect(), next_page_token })
    }

    fn read_list_token(&self, binding: &[u8], token: &str) -> Outcome<ListPlace> {
        if token.is_empty() {
            return Ok(ListPlace::START);
        }
        let payload = self.keyring.decode_token(TOKEN_PURPOSE, binding, token);
        let place = payload.ok().and_then(|payload| ListPlace::from_bytes(&payload));
        place.ok_or_else(|| Reason::InvalidCursor.into())
    }
}

/// What a token is bound to: this caller's list of this kind and status below this organisation, and nothing else.
fn binding(caller: &SignedIn, path: &OrganizationPath, query: &ListEnforcements) -> Vec<u8> {
    let status = query.status.map_or("", MfaStatus::as_str);
    format!("{} {} {} {status}", caller.user_id, path.organization_id(), query.kind.as_str()).into_bytes()
}

fn entry(listed: Listed) -> Entry {
    let Listed { target, name, own, demands, factor, exempt, .. } = listed;
    let (state, deciding) = match exempt {
        true => (EffectiveState::Disabled, None),
        false => demands.effective(target.level()),
    };
    let configuration = factor.map(|factor| match factor {
        (true, _) => Configuration::Configured,
        (false, true) => Configuration::Pending,
        (false, false) => Configuration::NotConfigured,
    });
    Entry { target, name, own, state, deciding, configuration, exempt }
}
