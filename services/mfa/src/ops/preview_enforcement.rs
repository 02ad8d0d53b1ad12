//! What enforcing MFA for a target now would do.

use access::SignedIn;
use clock::Timestamp;
use fault::{Outcome, Reason};
use store::Unit;
use types::{OrganizationPath, UserId};

use super::Mfa;
use super::fold_adoption::settled;
use crate::domain::{
    Branch, Chain, Counts, Located, OVERDUE_AFTER, PageSize, ProviderScope, Target, figures, may_change,
    under,
};
use crate::store::UserKey;
use crate::store::adoption::{preview, users};

pub(crate) use crate::store::adoption::preview::WouldEnroll;

/// Which key authenticates page tokens.
const TOKEN_PURPOSE: &str = "mfa.preview_enforcement";

/// What to look at, and from where.
#[derive(Debug)]
pub(crate) struct PreviewEnforcement {
    pub(crate) target: Target,
    pub(crate) page_size: PageSize,
    /// Empty: from the beginning.
    pub(crate) page_token: String,
}

/// What would happen.
#[derive(Debug)]
pub(crate) struct Preview {
    /// How many users would have to enrol in all.
    pub(crate) would_enroll: i64,
    /// How many are not touched.
    pub(crate) unaffected: i64,
    /// One page of those who would have to enrol, by login.
    pub(crate) users: Vec<WouldEnroll>,
    /// Who signed in after this did so recently.
    pub(crate) recent_after: Timestamp,
    /// Empty on the last page.
    pub(crate) next_page_token: String,
}

struct Context {
    path: OrganizationPath,
    target: Target,
    now: Timestamp,
    after: String,
    limit: usize,
}

impl Mfa {
    /// Who would have to enrol if MFA were enforced for a target now, and how many would not notice. Changes nothing.
    ///
    /// # Errors
    /// NOT_FOUND, ROLE_NOT_ALLOWED, SELF_ADMINISTRATION, TARGET_OUTRANKS_ACTOR; INVALID_CURSOR; DEPENDENCY_UNAVAILABLE.
    pub(crate) async fn preview_enforcement(
        &self,
        caller: &SignedIn,
        query: PreviewEnforcement,
    ) -> Outcome<Preview> {
        let located = self.locate(caller, query.target).await?;
        may_change(caller, &located)?;
        let binding = binding(caller, &located);
        let now = self.clock.now();
        let lines = query.page_size.lines();
        let context = Context {
            path: located.path().clone(),
            target: query.target,
            now,
            after: self.read_preview_token(&binding, &query.page_token)?,
            // One more than shown: whether there is a next page is known without a second question.
            limit: lines + 1,
        };
        let reading = self
            .store
            .snapshot("preview_enforcement", context, |unit, context| Box::pin(preview(unit, context)));
        let (counts, mut users) = reading.await?;
        let has_more = users.len() > lines;
        users.truncate(lines);
        let next_page_token = match users.last().filter(|_| has_more) {
            Some(last) => self.keyring.encode_token(TOKEN_PURPOSE, &binding, last.login.as_bytes()),
            None => String::new(),
        };
        let would_enroll = counts.would_enroll();
        Ok(Preview {
            would_enroll,
            unaffected: counts.local + counts.external - would_enroll,
            users,
            recent_after: now - OVERDUE_AFTER,
            next_page_token,
        })
    }

    fn read_preview_token(&self, binding: &[u8], token: &str) -> Outcome<String> {
        if token.is_empty() {
            return Ok(String::new());
        }
        let payload = self.keyring.decode_token(TOKEN_PURPOSE, binding, token);
        let login = payload.ok().and_then(|payload| String::from_utf8(payload).ok());
        login.ok_or_else(|| Reason::InvalidCursor.into())
    }
}

/// What a token is bound to: this caller's preview of this target, and nothing else.
fn binding(caller: &SignedIn, located: &Located) -> Vec<u8> {
    let target = located.target();
    format!("{} {} {}", caller.user_id, target.level().as_str(), target.key()).into_bytes()
}

async fn preview(unit: &Unit<'_>, context: &Context) -> Outcome<(Counts, Vec<WouldEnroll>)> {
    let Context { path, target, now, after, limit } = context;
    let levels = settled(unit, *now, None, Some(path.organization_id())).await?.levels;
    let counts = match target {
        Target::User(id) => {
            let user = [(UserKey::new(path, *id), *now)];
            let member = users::load(unit, &user).await?.into_iter().next();
            let alone = member.map(|(_, recount)| recount.now.counts(*now)).unwrap_or_default();
            under(&levels, Chain::of_organization(path).own(), alone, *now)
        }
        Target::Provider(scope) => figures(&levels, Chain::of_scope(path, *scope).own(), *now),
        Target::Reseller(_) | Target::Company(_) => {
            figures(&levels, Chain::of_organization(path).own(), *now)
        }
    };
    if counts.would_enroll() == 0 {
        return Ok((counts, Vec::new()));
    }
    let (branch, only): (Branch, Option<UserId>) = match target {
        Target::Provider(ProviderScope::ClientsAndResellers) => (Branch::Clients, None),
        Target::Provider(ProviderScope::InternalUsers) => (Branch::Alone(path.provider_id()), None),
        Target::Reseller(_) | Target::Company(_) => (Branch::of(path), None),
        Target::User(id) => (Branch::Alone(path.organization_id()), Some(*id)),
    };
    Ok((counts, preview::page(unit, branch, only, *now, after, *limit).await?))
}
