//! Lists, previews and adoption figures: requests as queries, answers as messages.

use fault::{Fault, Outcome};
use proto::mfa;
use wire::{optional_id, timestamp_to_wire};

use super::{parse, render};
use crate::domain::{ListedKind, MfaStatus, PageSize};
use crate::ops::{Adoption, EnforcementPage, Entry, ListEnforcements, Preview, PreviewEnforcement};

pub(super) fn parse_list(request: &mfa::ListEnforcementsRequest) -> Outcome<ListEnforcements> {
    let kind = match mfa::EnforcementKind::try_from(request.kind) {
        Ok(mfa::EnforcementKind::Reseller) => ListedKind::Reseller,
        Ok(mfa::EnforcementKind::Company) => ListedKind::Company,
        Ok(mfa::EnforcementKind::User) => ListedKind::User,
        Ok(mfa::EnforcementKind::Unspecified) => return Err(Fault::field("kind", "is required")),
        Err(_) => return Err(Fault::field("kind", "is not known")),
    };
    let status = match mfa::MfaStatus::try_from(request.mfa_status) {
        Ok(mfa::MfaStatus::Unspecified) => None,
        Ok(mfa::MfaStatus::Enforced) => Some(MfaStatus::Enforced),
        Ok(mfa::MfaStatus::NotEnforced) => Some(MfaStatus::NotEnforced),
        Ok(mfa::MfaStatus::NotConfigured) => Some(MfaStatus::NotConfigured),
        Err(_) => return Err(Fault::field("mfa_status", "is not known")),
    };
    Ok(ListEnforcements {
        organization_id: optional_id("organization_id", &request.organization_id)?,
        kind,
        status,
        page_size: page_size(request.page_size)?,
        page_token: request.page_token.clone(),
    })
}

pub(super) fn parse_preview(request: &mfa::PreviewEnforcementRequest) -> Outcome<PreviewEnforcement> {
    Ok(PreviewEnforcement {
        target: parse::target(request.target.as_ref())?,
        page_size: page_size(request.page_size)?,
        page_token: request.page_token.clone(),
    })
}

fn page_size(wire: i32) -> Outcome<PageSize> {
    PageSize::asked(wire).ok_or_else(|| Fault::field("page_size", "must not be negative"))
}

pub(super) fn page(page: EnforcementPage) -> mfa::ListEnforcementsResponse {
    let EnforcementPage { entries, next_page_token } = page;
    mfa::ListEnforcementsResponse { enforcements: entries.into_iter().map(entry).collect(), next_page_token }
}

fn entry(entry: Entry) -> mfa::EnforcementEntry {
    mfa::EnforcementEntry {
        target: Some(render::target(entry.target)),
        own_state: render::own(entry.own).into(),
        effective_state: render::state(entry.state).into(),
        deciding_level: render::policy_level(entry.deciding).into(),
        configuration: render::configuration(entry.configuration).into(),
        exempt: entry.exempt,
        name: entry.name,
    }
}

pub(super) fn preview(preview: Preview) -> mfa::PreviewEnforcementResponse {
    let Preview { would_enroll, unaffected, users, recent_after, next_page_token } = preview;
    let user = |user: crate::ops::WouldEnroll| mfa::PreviewedUser {
        user_id: user.user_id.to_string(),
        login: user.login,
        last_sign_in_time: user.last_sign_in_time.map(timestamp_to_wire),
        recently_active: user.last_sign_in_time.is_some_and(|at| at >= recent_after),
    };
    let users = users.into_iter().map(user).collect();
    mfa::PreviewEnforcementResponse { would_enroll, unaffected, users, next_page_token }
}

pub(super) fn adoption(adoption: &Adoption) -> mfa::GetAdoptionResponse {
    let counts = adoption.counts;
    mfa::GetAdoptionResponse {
        adoption: Some(mfa::Adoption {
            enforced: counts.enforced,
            enrolled: counts.enrolled,
            pending: counts.pending,
            overdue: counts.overdue,
            locked: adoption.locked,
            exempt: counts.external,
            local: counts.local,
        }),
        tenant_position: adoption.tenant_position,
        identity_position: adoption.identity_position,
        mfa_position: adoption.mfa_position,
    }
}

#[cfg(test)]
mod tests {
    use fault::Reason;

    use super::*;

    #[test]
    fn nothing_unknown_is_listed_and_no_page_is_negative() {
        let request = |kind, mfa_status, page_size| mfa::ListEnforcementsRequest {
            kind,
            mfa_status,
            page_size,
            ..Default::default()
        };
        for wrong in [request(0, 0, 0), request(9, 0, 0), request(1, 9, 0), request(1, 0, -1)] {
            assert_eq!(parse_list(&wrong).unwrap_err().reason(), Reason::InvalidArgument, "{wrong:?}");
        }
        let all = parse_list(&request(3, 0, 0)).unwrap();
        assert_eq!((all.kind, all.status, all.organization_id), (ListedKind::User, None, None));
    }
}
