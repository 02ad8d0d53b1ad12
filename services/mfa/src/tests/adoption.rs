//! Adoption figures, previews and lists: what they say, to whom, and that they equal a plain count.

mod count;
mod listing;
mod previewing;
mod random;
mod reading;

use proto::events::SignInCompleted;
use proto::events::event::Payload;
use proto::events::{
    OrganizationDeleted, OrganizationMoved, OrganizationStateChanged, Subject, SubjectKind, UserDeleted,
    UserStateChanged, UserUpdated,
};
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::{
    Adoption, EnforcementKind, GetAdoptionRequest, GetAdoptionResponse, ListEnforcementsRequest,
    ListEnforcementsResponse, MfaStatus, PreviewEnforcementRequest, PreviewEnforcementResponse, Target,
};
use tonic::Status;
use types::OrganizationPath;
use wire::{OrganizationFacts, UserFacts, UserState, timestamp_to_wire};

use super::fixture::{Fixture, by, followed, session};
use crate::peers::{FollowIdentity, FollowTenant};

impl Fixture {
    async fn adoption_of(
        &self,
        actor: &UserFacts,
        path: &OrganizationPath,
    ) -> Result<GetAdoptionResponse, Status> {
        let request = GetAdoptionRequest { organization_id: path.organization_id().to_string() };
        Ok(self.policy.get_adoption(by(&session(actor), request)).await?.into_inner())
    }

    async fn figures(&self, actor: &UserFacts, path: &OrganizationPath) -> Adoption {
        self.adoption_of(actor, path).await.unwrap().adoption.unwrap()
    }

    async fn preview(
        &self,
        actor: &UserFacts,
        target: Option<Target>,
        page_size: i32,
        page_token: &str,
    ) -> Result<PreviewEnforcementResponse, Status> {
        let request = PreviewEnforcementRequest { target, page_size, page_token: page_token.to_owned() };
        Ok(self.policy.preview_enforcement(by(&session(actor), request)).await?.into_inner())
    }

    async fn list(
        &self,
        actor: &UserFacts,
        request: ListEnforcementsRequest,
    ) -> Result<ListEnforcementsResponse, Status> {
        Ok(self.policy.list_enforcements(by(&session(actor), request)).await?.into_inner())
    }

    /// Folds until there is nothing to fold.
    async fn fold(&self) {
        while self.mfa.fold_adoption().await.unwrap() {}
    }

    /// identity opened a session for a user just now.
    async fn signed_in(&self, user: &UserFacts) {
        let mut event =
            followed("identity.sign_in.completed", Payload::SignInCompleted(SignInCompleted::default()));
        event.organization_id = user.organization_id().to_string();
        event.subject = Some(Subject { kind: SubjectKind::User.into(), id: user.id.to_string() });
        event.record_time = Some(timestamp_to_wire(clock::Clock::now(&self.clock)));
        self.follow(FollowIdentity, &event).await;
    }

    async fn user_changes(&self, user: &UserFacts, change: impl FnOnce(&mut UserFacts)) {
        let facts = self.peers.change_user(user.id, change);
        self.follow(FollowIdentity, &user_changed(&facts)).await;
    }

    async fn organization_changes(
        &self,
        path: &OrganizationPath,
        change: impl FnOnce(&mut OrganizationFacts),
    ) {
        let facts = self.peers.change_organization(path.organization_id(), change);
        self.follow(FollowTenant, &organization_changed(&facts)).await;
    }
}

/// The event that tells of a user's facts.
fn user_changed(facts: &UserFacts) -> proto::events::Event {
    let user = Some(facts.to_wire());
    match facts.state {
        UserState::Deleted => followed(
            "identity.user.deleted",
            Payload::UserDeleted(UserDeleted { user, reason: String::new() }),
        ),
        UserState::Inactive => followed(
            "identity.user.disabled",
            Payload::UserStateChanged(UserStateChanged { user, reason: String::new() }),
        ),
        UserState::Active => followed(
            "identity.user.updated",
            Payload::UserUpdated(UserUpdated { user, changed_fields: Vec::new() }),
        ),
    }
}

/// The event that tells of an organisation's facts.
fn organization_changed(facts: &OrganizationFacts) -> proto::events::Event {
    let (organization, reason) = (Some(facts.to_wire()), String::new());
    match facts.state {
        wire::OrganizationState::Deleted => followed(
            "tenant.organization.deleted",
            Payload::OrganizationDeleted(OrganizationDeleted { organization, reason }),
        ),
        wire::OrganizationState::Inactive => followed(
            "tenant.organization.suspended",
            Payload::OrganizationStateChanged(OrganizationStateChanged { organization, reason }),
        ),
        wire::OrganizationState::Active => {
            let moved = OrganizationMoved { organization, previous_path: Vec::new(), reason };
            followed("tenant.organization.moved", Payload::OrganizationMoved(moved))
        }
    }
}

fn listing(kind: EnforcementKind, status: MfaStatus, path: &OrganizationPath) -> ListEnforcementsRequest {
    ListEnforcementsRequest {
        organization_id: path.organization_id().to_string(),
        kind: kind.into(),
        mfa_status: status.into(),
        ..Default::default()
    }
}
