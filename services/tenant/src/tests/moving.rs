use access::SignedIn;
use fault::Reason;
use futures::future::join_all;
use proto::events::event::Payload;
use proto::tenant::resolve_organization_request::Key;
use proto::tenant::tenant_service_server::TenantService;
use proto::tenant::{
    GetOrganizationRequest, ListOrganizationsRequest, MoveCompanyRequest, MoveCompanyResponse, Organization,
};
use tonic::{Response, Status};
use types::{OrganizationId, RequestId};
use wire::OrganizationState as State;

use super::fixture::{Fixture, admin, by, organization, refusal};
use super::suspending::suspend;

fn request(company: &Organization, reseller: &Organization) -> MoveCompanyRequest {
    MoveCompanyRequest {
        company_id: company.id.clone(),
        reseller_id: reseller.id.clone(),
        reason: "changed hands".into(),
        ..Default::default()
    }
}

pub(super) async fn move_company(
    fixture: &Fixture,
    caller: &SignedIn,
    company: &Organization,
    reseller: &Organization,
) -> Result<Response<MoveCompanyResponse>, Status> {
    fixture.rpcs.move_company(by(caller, request(company, reseller))).await
}

fn moved(answer: Result<Response<MoveCompanyResponse>, Status>) -> Organization {
    organization(answer.map(|answer| answer.into_inner().organization))
}

async fn names_below(fixture: &Fixture, caller: &SignedIn) -> Vec<String> {
    let list = fixture.rpcs.list_organizations(by(caller, ListOrganizationsRequest::default())).await;
    list.unwrap().into_inner().organizations.into_iter().map(|organization| organization.name).collect()
}

#[tokio::test]
async fn a_moved_company_is_the_new_resellers_and_nobody_elses() {
    let (fixture, tree) = Fixture::in_force().await;
    fixture.tick();
    let provider = admin(&tree.provider);
    let company = moved(move_company(&fixture, &provider, &tree.company, &tree.other_reseller).await);
    let path = [tree.provider.id.clone(), tree.other_reseller.id.clone(), tree.company.id.clone()];
    assert_eq!((company.parent_id.as_str(), company.path.as_slice()), (path[1].as_str(), &path[..]));
    assert_eq!((&company.id, &company.name), (&tree.company.id, &tree.company.name));

    let event = fixture.last_event().await;
    assert_eq!((event.r#type.as_str(), event.path.as_slice()), ("tenant.organization.moved", &path[..]));
    let Some(Payload::OrganizationMoved(payload)) = &event.payload else { panic!("{event:?}") };
    assert_eq!((&payload.previous_path, payload.reason.as_str()), (&tree.company.path, "changed hands"));
    let facts = fixture.facts_of(Key::OrganizationId(company.id.clone())).await.unwrap();
    assert_eq!(payload.organization.as_ref(), Some(&facts));
    assert_eq!((facts.path.as_slice(), facts.version), (&path[..], 2));

    let get = GetOrganizationRequest { organization_id: company.id.clone() };
    let seen = fixture.rpcs.get_organization(by(&admin(&tree.reseller), get.clone())).await;
    assert_eq!(refusal(seen), Reason::NotFound);
    fixture.rpcs.get_organization(by(&admin(&tree.other_reseller), get)).await.unwrap();
    assert_eq!(names_below(&fixture, &admin(&tree.reseller)).await, [""; 0]);
    assert_eq!(names_below(&fixture, &admin(&tree.other_reseller)).await, ["Acme GmbH", "Globex"]);

    // It is there already.
    let events = fixture.events().await.len();
    assert_eq!(moved(move_company(&fixture, &provider, &company, &tree.other_reseller).await), company);
    assert_eq!(fixture.events().await.len(), events);
}

#[tokio::test]
async fn who_moves_what_where() {
    let (fixture, tree) = Fixture::in_force().await;
    let missing = Organization { id: OrganizationId::generate().to_string(), ..Default::default() };
    let (provider, reseller) = (admin(&tree.provider), admin(&tree.reseller));
    for (caller, company, to, reason) in [
        (&provider, &missing, &tree.other_reseller, Reason::NotFound),
        (&provider, &tree.company, &missing, Reason::NotFound),
        (&provider, &tree.company, &tree.provider, Reason::NotFound),
        (&provider, &tree.company, &tree.other_company, Reason::NotFound),
        (&provider, &tree.company, &tree.company, Reason::NotFound),
        (&provider, &tree.reseller, &tree.other_reseller, Reason::RoleNotAllowed),
        (&reseller, &tree.company, &tree.other_reseller, Reason::RoleNotAllowed),
        (&reseller, &tree.other_company, &tree.reseller, Reason::NotFound),
    ] {
        let refused = move_company(&fixture, caller, company, to).await;
        assert_eq!(refusal(refused), reason, "{} to {} by {}", company.name, to.name, caller.role);
    }
    let outdated = MoveCompanyRequest { etag: "v9".into(), ..request(&tree.company, &tree.other_reseller) };
    assert_eq!(refusal(fixture.rpcs.move_company(by(&provider, outdated)).await), Reason::EtagMismatch);
    assert_eq!(fixture.events().await.len(), 5);
}

#[tokio::test]
async fn a_name_that_is_taken_there_keeps_it_where_it_is() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    fixture.company(&provider, &tree.other_reseller, "ACME gmbh").await;
    let events = fixture.events().await.len();
    let refused = move_company(&fixture, &provider, &tree.company, &tree.other_reseller).await;
    assert_eq!(refusal(refused), Reason::NameTaken);
    let row = fixture.organization(&tree.company).await;
    assert_eq!((row.version, row.parent_id().unwrap().to_string()), (1, tree.reseller.id.clone()));
    assert_eq!(fixture.events().await.len(), events);
}

#[tokio::test]
async fn a_suspended_reseller_gives_companies_away_and_takes_none() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    suspend(&fixture, &provider, &tree.reseller).await.unwrap();
    let refused = move_company(&fixture, &provider, &tree.other_company, &tree.reseller).await;
    assert_eq!(refusal(refused), Reason::OrganizationNotActive);
    // A suspended company stays so on its way.
    suspend(&fixture, &provider, &tree.company).await.unwrap();
    moved(move_company(&fixture, &provider, &tree.company, &tree.other_reseller).await);
    assert_eq!(fixture.organization(&tree.company).await.state, State::Inactive);
}

#[tokio::test]
async fn two_moves_at_once_come_one_after_the_other() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    let third = fixture.reseller(&provider, "Westwind").await;
    for _ in 0..4 {
        let to = [&tree.other_reseller, &third, &tree.reseller];
        let all = join_all(to.map(|reseller| move_company(&fixture, &provider, &tree.company, reseller)));
        // The other way round at the same time, so that locks meet.
        let back = join_all(
            [&tree.reseller, &third, &tree.other_reseller]
                .map(|reseller| move_company(&fixture, &provider, &tree.other_company, reseller)),
        );
        let (one, other) = tokio::join!(all, back);
        one.into_iter().chain(other).for_each(|answer| drop(moved(answer)));
    }
    // Every event leads on from where the last one led to, and the row is where the last one led.
    for company in [&tree.company, &tree.other_company] {
        let (mut place, mut version) = (company.path.clone(), 1);
        for event in fixture.events().await {
            let Some(Payload::OrganizationMoved(moved)) = event.payload else { continue };
            let facts = moved.organization.unwrap();
            if facts.id == company.id {
                assert_eq!((&moved.previous_path, facts.version), (&place, version + 1));
                (place, version) = (facts.path, facts.version);
            }
        }
        let row = fixture.organization(company).await;
        let ids: Vec<_> = row.path.ids().iter().map(ToString::to_string).collect();
        assert_eq!((ids, row.version), (place, version));
    }
}

#[tokio::test]
async fn a_company_is_not_moved_below_a_reseller_that_is_being_suspended() {
    let (fixture, tree) = Fixture::in_force().await;
    fixture.rows.batch_execute("BEGIN").await.unwrap();
    fixture.set_state(&tree.other_reseller, "suspended").await;
    let suspend = async {
        fixture.somebody_waits().await;
        fixture.rows.batch_execute("COMMIT").await.unwrap();
    };
    let provider = admin(&tree.provider);
    let (refused, ()) =
        tokio::join!(move_company(&fixture, &provider, &tree.company, &tree.other_reseller), suspend);
    assert_eq!(refusal(refused), Reason::OrganizationNotActive);
}

#[tokio::test]
async fn the_same_move_is_answered_again() {
    let (fixture, tree) = Fixture::in_force().await;
    let provider = admin(&tree.provider);
    let request = MoveCompanyRequest {
        request_id: RequestId::generate().to_string(),
        ..request(&tree.company, &tree.other_reseller)
    };
    let first = moved(fixture.rpcs.move_company(by(&provider, request.clone())).await);
    moved(move_company(&fixture, &provider, &tree.company, &tree.reseller).await);
    assert_eq!(moved(fixture.rpcs.move_company(by(&provider, request)).await), first);
    assert_eq!(fixture.organization(&tree.company).await.version, 3);
}
