//! The first administrator.

use fault::{Outcome, Reason};
use identity::ops::{Bootstrap, Bootstrapped};
use proto::events::{ActorKind, Event, Outcome as EventOutcome};
use types::Password;

use crate::support::{Bench, PASSWORD, origin};

async fn bootstrap(bench: &Bench, login: &str, password: &str) -> Outcome<Bootstrapped> {
    let command = Bootstrap {
        organization_id: bench.provider.organization_id(),
        login: login.parse().unwrap(),
        display_name: "Root".parse().unwrap(),
        email: "".parse().unwrap(),
        password: Password::parse(password).unwrap(),
        origin: origin(),
    };
    bench.identity.bootstrap(command).await
}

#[tokio::test]
async fn the_first_administrator_is_created_once_and_gets_a_ticket() {
    let bench = Bench::new().await;
    bench.mfa.reachable(false);
    let unavailable = bootstrap(&bench, "root@provider.example", PASSWORD).await.unwrap_err();
    assert_eq!(unavailable.reason(), Reason::DependencyUnavailable);
    bench.mfa.reachable(true);
    let first = bootstrap(&bench, "root@provider.example", PASSWORD).await.unwrap();
    let again = bootstrap(&bench, "root@provider.example", PASSWORD).await.unwrap();
    assert_eq!(first.user, again.user);
    assert_ne!(first.ticket.ticket, again.ticket.ticket);
    for (login, password) in
        [("eve@provider.example", PASSWORD), ("root@provider.example", "another good password")]
    {
        let refused = bootstrap(&bench, login, password).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::AlreadyBootstrapped, "{login}");
    }
    bench.user("ada@company.example").await;
    let refused = bootstrap(&bench, "root@provider.example", PASSWORD).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AlreadyBootstrapped);
    let events = bench.events().await;
    assert_eq!(events[0].actor.as_ref().unwrap().kind(), ActorKind::Operator);
    assert_eq!(events[0].r#type, "identity.user.created");
    // The first sign-in made the signing key.
    let others: Vec<Event> =
        events.into_iter().skip(1).filter(|event| event.r#type != "identity.signing_key.created").collect();
    assert_eq!(refusals(&others, &bench), ["ALREADY_BOOTSTRAPPED"; 3]);
}

/// The reasons of events that are refusals of the operator's bootstrap, in the provider's log.
fn refusals(events: &[Event], bench: &Bench) -> Vec<String> {
    let refusal = |event: &Event| {
        assert_eq!(
            (event.r#type.as_str(), event.outcome()),
            ("identity.call.refused", EventOutcome::Refused)
        );
        assert_eq!(event.actor.as_ref().unwrap().kind(), ActorKind::Operator);
        assert_eq!(event.organization_id, bench.provider.organization_id().to_string());
        let subject = &event.subject.as_ref().unwrap().id;
        assert_eq!(subject, "/countersign.identity.v1.UserService/Bootstrap");
        event.reason.clone()
    };
    events.iter().map(refusal).collect()
}

#[tokio::test]
async fn a_bootstrap_that_is_refused_is_on_the_log_and_creates_nobody() {
    let bench = Bench::new().await;
    for (login, password, reason) in [
        ("root@provider.example", "password1", Reason::PasswordNotAcceptable),
        ("root@elsewhere.example", PASSWORD, Reason::RealmNotOwned),
    ] {
        assert_eq!(bootstrap(&bench, login, password).await.unwrap_err().reason(), reason);
    }
    let events = bench.events().await;
    assert_eq!(refusals(&events, &bench), ["PASSWORD_NOT_ACCEPTABLE", "REALM_NOT_OWNED"]);
    assert!(!format!("{events:?}").contains("password1"));
    assert_eq!(bench.count("SELECT count(*) FROM user_account").await, 0);
    // What cannot be decided is no refusal, and what cannot be recorded is not answered as if it had been.
    bench.execute("REVOKE INSERT ON event FROM countersign_identity").await;
    let unrecorded = bootstrap(&bench, "root@provider.example", "password1").await.unwrap_err();
    assert_eq!(unrecorded.reason(), Reason::Internal);
}

#[tokio::test]
async fn only_the_provider_is_bootstrapped_and_only_one_of_many_wins() {
    let bench = Bench::new().await;
    let refused = bootstrap(&bench, "root@elsewhere.example", PASSWORD).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::RealmNotOwned);
    let logins: Vec<String> = (0..4).map(|number| format!("root{number}@provider.example")).collect();
    let outcomes =
        futures::future::join_all(logins.iter().map(|login| bootstrap(&bench, login, PASSWORD))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(bench.count("SELECT count(*) FROM user_account").await, 1);
}
