//! Peer, user, role and second factor: who gets through, and what the refused are told.

use std::sync::atomic::Ordering;

use fault::Reason;
use proto::events::ListEventsRequest;
use proto::events::event_log_service_client::EventLogServiceClient;
use proto::tenant::{BootstrapRequest, CreateResellerRequest};

use crate::support::{Authority, START, assert_refused, channel, get, start, tree_client, with_bearer};

#[tokio::test]
async fn handlers_learn_peer_and_user_and_never_see_the_token() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut console = tree_client(server.address, &authority.files("console"));
    let answer = console.get_organization(get("caller", "user")).await.unwrap().into_inner();
    assert_eq!(answer.organization.unwrap().name, "console company_user no token");
    let mut operator = tree_client(server.address, &authority.files("operator"));
    let answer = operator.get_organization(get("caller", "admin")).await.unwrap().into_inner();
    assert_eq!(answer.organization.unwrap().name, "operator provider_admin no token");
    server.stop().await;
}

#[tokio::test]
async fn handlers_can_ask_again_for_whom_a_token_speaks_without_seeing_it() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut console = tree_client(server.address, &authority.files("console"));
    let answer = console.get_organization(get("alive", "user")).await.unwrap().into_inner();
    assert_eq!(answer.organization.unwrap().name, "company_user Liveness(hidden)");
    server.stop().await;
}

#[tokio::test]
async fn a_peer_outside_the_row_is_refused_whatever_token_it_has() {
    let authority = Authority::new();
    let server = start(&authority).await;
    for tls in [authority.files("billing"), authority.files("mfa"), authority.foreign_files("stranger")] {
        let mut client = tree_client(server.address, &tls);
        let status = client.get_organization(get("caller", "admin")).await.unwrap_err();
        assert_refused(&status, Reason::PeerNotAllowed);
    }
    let mut console = tree_client(server.address, &authority.files("console"));
    let status = console.bootstrap(BootstrapRequest::default()).await.unwrap_err();
    assert_refused(&status, Reason::PeerNotAllowed);
    let mut operator = tree_client(server.address, &authority.files("operator"));
    // Nobody is asked for; a token sent along, even a broken one, is not looked at.
    assert!(operator.bootstrap(with_bearer(BootstrapRequest::default(), "garbage")).await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_user_is_asked_for_by_token() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut console = tree_client(server.address, &authority.files("console"));
    for bearer in ["", "nobody's"] {
        let status = console.get_organization(get("caller", bearer)).await.unwrap_err();
        assert_refused(&status, Reason::TokenInvalid);
    }
    let status = console.get_organization(get("caller", "down")).await.unwrap_err();
    assert_refused(&status, Reason::DependencyUnavailable);
    assert!(server.recorded.refusals.lock().unwrap().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn role_and_fresh_second_factor_are_demanded_and_refusals_recorded() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut console = tree_client(server.address, &authority.files("console"));
    let create = |bearer| with_bearer(CreateResellerRequest::default(), bearer);
    assert!(console.create_reseller(create("admin")).await.is_ok());
    let status = console.create_reseller(create("stale")).await.unwrap_err();
    assert_refused(&status, Reason::MfaStepUpRequired);
    let status = console.create_reseller(create("user")).await.unwrap_err();
    assert_refused(&status, Reason::RoleNotAllowed);
    server.clock.advance(time::Duration::minutes(15) + time::Duration::seconds(1));
    let status = console.create_reseller(create("admin")).await.unwrap_err();
    assert_refused(&status, Reason::MfaStepUpRequired);

    let refusals = server.recorded.refusals.lock().unwrap().clone();
    let reasons: Vec<Reason> = refusals.iter().map(|refusal| refusal.reason).collect();
    assert_eq!(reasons, [Reason::MfaStepUpRequired, Reason::RoleNotAllowed, Reason::MfaStepUpRequired]);
    for refusal in refusals {
        assert_eq!(refusal.peer, "console");
        assert_eq!(refusal.method, "/countersign.tenant.v1.TenantService/CreateReseller");
        assert_eq!(refusal.trace_id.len(), 32);
        assert_eq!(refusal.caller.auth_time, START);
    }
    server.stop().await;
}

#[tokio::test]
async fn refusals_by_handlers_are_recorded_once_and_mistakes_are_not() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let mut console = tree_client(server.address, &authority.files("console"));
    for (trick, reason) in [
        ("missing", Reason::NotFound),
        ("recorded", Reason::NotFound),
        ("invalid", Reason::InvalidArgument),
        ("internal", Reason::Internal),
    ] {
        let status = console.get_organization(get(trick, "user")).await.unwrap_err();
        assert_refused(&status, reason);
    }
    let reasons: Vec<Reason> =
        server.recorded.refusals.lock().unwrap().iter().map(|refusal| refusal.reason).collect();
    assert_eq!(reasons, [Reason::NotFound]);
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_is_not_answered_as_one() {
    let authority = Authority::new();
    let server = start(&authority).await;
    server.recorded.is_full.store(true, Ordering::SeqCst);
    let mut console = tree_client(server.address, &authority.files("console"));
    let status = console.get_organization(get("missing", "user")).await.unwrap_err();
    assert_refused(&status, Reason::DependencyUnavailable);
    server.stop().await;
}

#[tokio::test]
async fn the_log_is_open_to_services_for_themselves_and_to_staff() {
    let authority = Authority::new();
    let server = start(&authority).await;
    let list = |bearer| with_bearer(ListEventsRequest::default(), bearer);
    let mut mfa = EventLogServiceClient::new(channel(server.address, &authority.files("mfa")));
    assert!(mfa.list_events(list("")).await.is_ok());
    let mut console = EventLogServiceClient::new(channel(server.address, &authority.files("console")));
    assert!(console.list_events(list("admin")).await.is_ok());
    for (bearer, reason) in [("", Reason::TokenInvalid), ("user", Reason::RoleNotAllowed)] {
        assert_refused(&console.list_events(list(bearer)).await.unwrap_err(), reason);
    }
    server.stop().await;
}
