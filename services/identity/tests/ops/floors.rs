//! Nothing below a floor takes effect.

use fault::Reason;
use identity::domain::evaluation::Demand;
use identity::ops::{FloorChange, apply_floor_change};
use proto::events::SubjectKind;
use proto::events::event::Payload;
use types::{SessionId, UserId};

use crate::support::{Bench, PASSWORD};

async fn apply(bench: &Bench, change: FloorChange) {
    let now = bench.now();
    bench
        .identity
        .store
        .bookkeeping("follow", (change, now), |unit, (change, now)| {
            Box::pin(apply_floor_change(unit, change, *now))
        })
        .await
        .unwrap();
}

fn generation(bench: &Bench, user: UserId, generation: i64, session: Option<SessionId>) -> FloorChange {
    FloorChange::Generation {
        path: bench.company.clone(),
        user,
        generation,
        session,
        sign_in: None,
        proved: None,
    }
}

fn policy(bench: &Bench, version: i64) -> FloorChange {
    FloorChange::Policy { target: bench.company.organization_id().to_string(), version }
}

#[tokio::test]
async fn an_older_policy_is_asked_for_again_and_then_given_up() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    apply(&bench, policy(&bench, 3)).await;
    let refused = bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::DependencyUnavailable);
    assert_eq!(bench.mfa.evaluations(), 2);
    bench.mfa.demand(Demand::Enroll);
    let refused = bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::DependencyUnavailable);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
    assert_eq!(bench.count("SELECT count(*) FROM sign_in").await, 0);
    bench.mfa.demand(Demand::None);
    bench.mfa.policy(&bench.company.organization_id().to_string(), 3);
    bench.complete("ada@company.example").await;
}

#[tokio::test]
async fn a_floor_never_sinks_and_concerns_its_own_branch_only() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    apply(&bench, policy(&bench, 3)).await;
    apply(&bench, policy(&bench, 2)).await;
    assert_eq!(bench.count("SELECT version FROM policy_floor").await, 3);
    bench.mfa.policy(&bench.company.organization_id().to_string(), 2);
    bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    let (reseller, admin) = (types::Role::ResellerAdmin, types::AuthSource::Local);
    bench.user_with("rita@reseller.example", &bench.reseller, reseller, admin).await;
    bench.complete("rita@reseller.example").await;
}

#[tokio::test]
async fn a_changed_factor_ends_sessions_and_open_sign_ins() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let other = bench.user("bob@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let others = bench.complete("bob@company.example").await;
    bench.pending("ada@company.example", Demand::Verify).await;
    apply(&bench, generation(&bench, user, 1, None)).await;
    assert!(bench.identity.introspect_token(&session.access_token.text).await.unwrap().is_none());
    let living = bench.identity.introspect_token(&others.access_token.text).await.unwrap().unwrap();
    assert_eq!(living.user.id, other);
    let events = bench.events().await;
    let floored = events.last().unwrap();
    assert_eq!(floored.r#type, "identity.user.sessions_floored");
    assert_eq!(floored.subject.as_ref().unwrap().kind(), SubjectKind::User);
    let Some(Payload::SessionsFloored(payload)) = &floored.payload else { panic!("another payload") };
    assert_eq!(payload.generation_floor, 1);
    assert_eq!(payload.ended_session_ids, [session.session_id.to_string()]);
    assert_eq!(payload.ended_sign_ins, 1);

    // Again: nothing more ends, nothing is said.
    apply(&bench, generation(&bench, user, 1, None)).await;
    assert_eq!(bench.events().await.len(), events.len());
    // A sign-in decided on the old generation is refused for good.
    bench.mfa.demand(Demand::None);
    assert_eq!(
        bench.start("ada@company.example", PASSWORD).await.unwrap_err().reason(),
        Reason::SignInRefused
    );
    bench.mfa.generation(1);
    bench.complete("ada@company.example").await;
}

#[tokio::test]
async fn the_session_that_changed_the_factor_lives_on() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let other = bench.complete("ada@company.example").await;
    apply(&bench, generation(&bench, user, 1, Some(session.session_id))).await;
    let standing = bench.identity.introspect_token(&session.access_token.text).await.unwrap().unwrap();
    assert_eq!(standing.session.basis.generation, 1);
    assert!(bench.identity.introspect_token(&other.access_token.text).await.unwrap().is_none());
}

#[tokio::test]
async fn a_change_of_a_user_that_is_not_here_changes_nothing() {
    let bench = Bench::new().await;
    apply(&bench, generation(&bench, UserId::generate(), 1, None)).await;
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn a_session_waits_for_a_floor_that_is_rising() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let target = bench.company.organization_id().to_string();
    // What following mfa does, held just before its commit.
    let following = bench.database.service().await;
    let raise = format!(
        "BEGIN;
         SELECT pg_advisory_xact_lock(hashtextextended('countersign.identity.policy_floor {target}', 0));
         INSERT INTO policy_floor (target, version) VALUES ('{target}', 1)"
    );
    following.batch_execute(&raise).await.unwrap();
    let identity = bench.identity.clone();
    let command = identity::ops::StartSignIn {
        login: "ada@company.example".parse().ok(),
        password: types::Password::parse(PASSWORD).unwrap(),
        origin: crate::support::origin(),
    };
    let started = tokio::spawn(async move { identity.start_sign_in(command).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while bench.count(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    following.batch_execute("COMMIT").await.unwrap();
    let refused = started.await.unwrap().unwrap_err();
    assert_eq!(refused.reason(), Reason::DependencyUnavailable);
    assert_eq!(bench.mfa.evaluations(), 2);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}
