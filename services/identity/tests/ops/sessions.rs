//! Refreshing, stepping up, revoking, expiring.

use access::Authenticator;
use fault::{Outcome, Reason};
use identity::domain::evaluation::Demand;
use identity::ops::{OpenedSession, RefreshSession, StepUp};
use proto::events::event::Payload;
use proto::events::{ActorKind, SessionEnd};
use time::Duration;
use types::{SessionId, Token};

use crate::support::{Bench, Codes, origin, public};

async fn refresh(bench: &Bench, token: &Token) -> Outcome<OpenedSession> {
    let command = RefreshSession { refresh_token: Some(token.clone()), key: None, origin: origin() };
    bench.identity.refresh_session(command).await
}

async fn lives(bench: &Bench, session: &OpenedSession) -> bool {
    bench.identity.introspect_token(&session.access_token.text).await.unwrap().is_some()
}

/// Why sessions ended, in order, and what kind of actor ended them.
async fn ends(bench: &Bench) -> Vec<(SessionEnd, ActorKind)> {
    let end = |event: proto::events::Event| match &event.payload {
        Some(Payload::SessionEnded(ended)) => Some((ended.cause(), event.actor.as_ref()?.kind())),
        _ => None,
    };
    bench.events().await.into_iter().filter_map(end).collect()
}

#[tokio::test]
async fn refreshing_rotates_the_token_and_never_renews_authentication() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let first = bench.complete("ada@company.example").await;
    let start = bench.now();
    bench.clock.advance(Duration::minutes(50));
    let second = refresh(&bench, &first.refresh_token).await.unwrap();
    assert_eq!(second.session_id, first.session_id);
    assert_ne!(second.refresh_token.expose(), first.refresh_token.expose());
    bench.clock.advance(Duration::minutes(50));
    let third = refresh(&bench, &second.refresh_token).await.unwrap();
    let standing = bench.identity.introspect_token(&third.access_token.text).await.unwrap().unwrap();
    assert_eq!((standing.session.auth_time, standing.session.mfa_time), (start, None));
    let refreshed = bench.event_types().await;
    assert_eq!(refreshed.iter().filter(|name| *name == "identity.session.refreshed").count(), 2);
}

#[tokio::test]
async fn a_spent_token_ends_the_session() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let first = bench.complete("ada@company.example").await;
    let second = refresh(&bench, &first.refresh_token).await.unwrap();
    assert_eq!(refresh(&bench, &first.refresh_token).await.unwrap_err().reason(), Reason::RefreshRefused);
    assert_eq!(ends(&bench).await, [(SessionEnd::RefreshTokenReused, ActorKind::Anonymous)]);
    assert!(!lives(&bench, &second).await);
    assert_eq!(refresh(&bench, &second.refresh_token).await.unwrap_err().reason(), Reason::RefreshRefused);
    assert_eq!(ends(&bench).await.len(), 1);
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_wins_and_the_others_raise_the_alarm() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let calls = (0..6).map(|_| refresh(&bench, &session.refresh_token));
    let outcomes = futures::future::join_all(calls).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(ends(&bench).await, [(SessionEnd::RefreshTokenReused, ActorKind::Anonymous)]);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_refresh_token_looks_the_same() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let idle = bench.complete("ada@company.example").await;
    let revoked = bench.complete("ada@company.example").await;
    let bearer = bench.identity.authenticate(&revoked.access_token.text).await.unwrap();
    bench.identity.revoke_session(bearer, None, origin()).await.unwrap();
    bench.clock.advance(Duration::hours(1));
    let mut answers = Vec::new();
    for token in [idle.refresh_token, revoked.refresh_token, Token::generate().unwrap()] {
        answers.push(public(&refresh(&bench, &token).await.unwrap_err()));
    }
    let none = RefreshSession { refresh_token: None, key: None, origin: origin() };
    answers.push(public(&bench.identity.refresh_session(none).await.unwrap_err()));
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_session_is_over_after_a_day() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let mut session = bench.complete("ada@company.example").await;
    for _ in 0..28 {
        bench.clock.advance(Duration::minutes(50));
        session = refresh(&bench, &session.refresh_token).await.unwrap();
    }
    bench.clock.advance(Duration::minutes(40));
    assert_eq!(refresh(&bench, &session.refresh_token).await.unwrap_err().reason(), Reason::RefreshRefused);
}

#[tokio::test]
async fn a_password_only_session_ends_when_policy_demands_more() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    for demand in [Demand::Enroll, Demand::Verify] {
        bench.mfa.demand(Demand::None);
        let session = bench.complete("ada@company.example").await;
        bench.mfa.demand(demand);
        let refused = refresh(&bench, &session.refresh_token).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::RefreshRefused);
        assert!(!lives(&bench, &session).await);
        assert_eq!(ends(&bench).await.last(), Some(&(SessionEnd::MfaRequired, ActorKind::User)));
    }
}

#[tokio::test]
async fn a_refresh_that_cannot_be_decided_spends_nothing() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    bench.mfa.reachable(false);
    let refused = refresh(&bench, &session.refresh_token).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::DependencyUnavailable);
    bench.mfa.reachable(true);
    refresh(&bench, &session.refresh_token).await.unwrap();
}

#[tokio::test]
async fn another_generation_ends_the_session_at_refresh() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    bench.mfa.generation(1);
    // What mfa did has not been heard of here: it may be for this very session to live on.
    let refused = refresh(&bench, &session.refresh_token).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::DependencyUnavailable);
    assert!(ends(&bench).await.is_empty());
    bench.execute("UPDATE user_account SET generation_floor = 1").await;
    refresh(&bench, &session.refresh_token).await.unwrap_err();
    assert_eq!(ends(&bench).await, [(SessionEnd::FactorChanged, ActorKind::User)]);
}

#[tokio::test]
async fn stepping_up_adds_a_fresh_second_factor() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    assert!(!bearer.has_fresh_mfa(bench.now()));
    let step_up = |code: &str| {
        let code = code.parse().unwrap();
        bench.identity.step_up(StepUp { bearer: bearer.clone(), code, key: None, origin: origin() })
    };
    assert_eq!(step_up("000000").await.unwrap_err().reason(), Reason::CodeRefused);
    bench.mfa.codes(Codes::Refused(Reason::FactorMissing));
    assert_eq!(step_up("123456").await.unwrap_err().reason(), Reason::FactorMissing);
    bench.mfa.codes(Codes::OneIsRight);
    bench.clock.advance(Duration::minutes(1));
    let token = step_up("123456").await.unwrap();
    let bearer = bench.identity.authenticate(&token.text).await.unwrap();
    assert!(bearer.has_fresh_mfa(bench.now()));
    assert_eq!(bearer.amr, ["pwd", "otp", "mfa"]);
    assert_eq!(bearer.auth_time, bench.now() - Duration::minutes(1));
    // It counts for the session: refreshing keeps it, and does not renew it.
    bench.clock.advance(Duration::minutes(20));
    bench.mfa.demand(Demand::Verify);
    let refreshed = refresh(&bench, &session.refresh_token).await.unwrap();
    let bearer = bench.identity.authenticate(&refreshed.access_token.text).await.unwrap();
    assert!(!bearer.has_fresh_mfa(bench.now()));
}

#[tokio::test]
async fn one_revokes_ones_own_sessions_only() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    bench.user("bob@company.example").await;
    let [session, other] =
        [bench.complete("ada@company.example").await, bench.complete("ada@company.example").await];
    let bobs = bench.complete("bob@company.example").await;
    let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    for foreign in [bobs.session_id, SessionId::generate()] {
        let refused = bench.identity.revoke_session(bearer.clone(), Some(foreign), origin()).await;
        assert_eq!(refused.unwrap_err().reason(), Reason::NotFound);
    }
    for _ in 0..2 {
        bench.identity.revoke_session(bearer.clone(), Some(other.session_id), origin()).await.unwrap();
    }
    assert!(lives(&bench, &session).await && lives(&bench, &bobs).await && !lives(&bench, &other).await);
    bench.identity.revoke_session(bearer, None, origin()).await.unwrap();
    assert!(!lives(&bench, &session).await);
    assert_eq!(ends(&bench).await, vec![(SessionEnd::Revoked, ActorKind::User); 2]);
}

#[tokio::test]
async fn what_is_long_dead_is_removed_and_what_lives_is_kept() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    bench.pending("ada@company.example", Demand::Verify).await;
    bench.mfa.demand(Demand::None);
    let session = bench.complete("ada@company.example").await;
    refresh(&bench, &session.refresh_token).await.unwrap();
    bench.clock.advance(Duration::hours(48) + Duration::minutes(1));
    let living = bench.complete("ada@company.example").await;
    assert_eq!(bench.identity.expire().await.unwrap(), 2);
    assert_eq!(bench.count("SELECT count(*) FROM sign_in").await, 0);
    assert_eq!(bench.count("SELECT count(*) FROM refresh_token").await, 1);
    assert!(lives(&bench, &living).await);
}
