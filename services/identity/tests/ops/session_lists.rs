//! Seeing and ending the sessions of a user.

use access::{Authenticator, SignedIn};
use eventlog::request_record::Key;
use fault::{Outcome, Reason};
use identity::domain::evaluation::Demand;
use identity::ops::{
    FloorChange, ListSessions, OpenedSession, RevokeUserSessions, SessionPage, VerifyMfa, apply_floor_change,
};
use proto::events::event::Payload;
use proto::events::{ActorKind, SessionEnd};
use proto::identity::RevokeUserSessionsRequest;
use time::Duration;
use types::{AuthSource, RequestId, Role, SessionId, UserId};

use crate::support::{Bench, caller, lives, origin, refresh};

fn list(caller: &SignedIn, user: Option<UserId>) -> ListSessions {
    ListSessions { caller: caller.clone(), user_id: user, page_size: 50, page_token: String::new() }
}

fn ids(page: &SessionPage) -> Vec<SessionId> {
    page.sessions.iter().map(|session| session.id).collect()
}

async fn bearer(bench: &Bench, session: &OpenedSession) -> SignedIn {
    bench.identity.authenticate(&session.access_token.text).await.unwrap()
}

async fn revoke(bench: &Bench, caller: &SignedIn, user: Option<UserId>, reason: &str) -> Outcome<i32> {
    let command = RevokeUserSessions {
        caller: caller.clone(),
        user_id: user,
        reason: (!reason.is_empty()).then(|| reason.parse().unwrap()),
        key: None,
        origin: origin(),
    };
    bench.identity.revoke_user_sessions(command).await.map(|answer| answer.ended_sessions)
}

#[tokio::test]
async fn only_living_sessions_are_listed_the_newest_first() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let dead = bench.complete("ada@company.example").await;
    bench.clock.advance(Duration::hours(1));
    let mut living = Vec::new();
    for _ in 0..5 {
        living.insert(0, bench.complete("ada@company.example").await);
    }
    bench.user("bob@company.example").await;
    bench.complete("bob@company.example").await;
    let me = bearer(&bench, &living[0]).await;
    bench.identity.revoke_session(me.clone(), Some(living[4].session_id), origin()).await.unwrap();
    bench.clock.advance(Duration::minutes(10));
    refresh(&bench, &living[1]).await.unwrap();
    let expected: Vec<SessionId> = living[..4].iter().map(|session| session.session_id).collect();
    let page = bench.identity.list_sessions(list(&me, None)).await.unwrap();
    assert_eq!((ids(&page), page.next_page_token.as_str()), (expected.clone(), ""));
    assert!(!expected.contains(&dead.session_id));
    assert_eq!(page.sessions[0].client.address, Some([192, 0, 2, 7].into()));
    assert_eq!(page.sessions[0].refresh_time, bench.now() - Duration::minutes(10));
    assert_eq!(page.sessions[1].refresh_time, bench.now());

    let first =
        bench.identity.list_sessions(ListSessions { page_size: 3, ..list(&me, Some(user)) }).await.unwrap();
    let next = ListSessions { page_size: 3, page_token: first.next_page_token.clone(), ..list(&me, None) };
    let second = bench.identity.list_sessions(next).await.unwrap();
    assert_eq!([ids(&first), ids(&second)].concat(), expected);
    assert!(second.next_page_token.is_empty());
    let auditor = caller(Role::ResellerAuditor, &bench.reseller, &bench);
    let bob = bench.count("SELECT count(*) FROM user_account WHERE login LIKE 'bob@%'").await;
    assert_eq!(bob, 1);
    for token in ["x".to_owned(), first.next_page_token] {
        let foreign = ListSessions { page_token: token, ..list(&auditor, None) };
        // Another user's, or nobody's: the caller of this test is not in the database.
        let reason = bench.identity.list_sessions(foreign).await.unwrap_err().reason();
        assert!(matches!(reason, Reason::InvalidCursor | Reason::NotFound), "{reason}");
    }
    let forged = ListSessions { page_token: "x".to_owned(), ..list(&me, None) };
    assert_eq!(bench.identity.list_sessions(forged).await.unwrap_err().reason(), Reason::InvalidCursor);
}

#[tokio::test]
async fn what_the_floors_have_ended_is_not_listed() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let me = bearer(&bench, &session).await;
    for change in [
        "UPDATE user_account SET generation_floor = 1",
        "UPDATE user_account SET generation_floor = 0, version = version + 1",
    ] {
        bench.execute(change).await;
        assert!(bench.identity.list_sessions(list(&me, None)).await.unwrap().sessions.is_empty());
    }
}

#[tokio::test]
async fn sessions_of_others_are_seen_by_the_staff_above_them() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    bench.complete("ada@company.example").await;
    let other = bench.provider.child(types::OrganizationId::generate()).unwrap();
    for (role, path, expected) in [
        (Role::ProviderAuditor, &bench.provider, Ok(1)),
        (Role::ResellerOperator, &bench.reseller, Ok(1)),
        (Role::CompanyAuditor, &bench.company, Ok(1)),
        (Role::CompanyUser, &bench.company, Err(Reason::NotFound)),
        (Role::ResellerAdmin, &other, Err(Reason::NotFound)),
    ] {
        let who = caller(role, path, &bench);
        let page = bench.identity.list_sessions(list(&who, Some(user))).await;
        let found = page.map(|page| page.sessions.len()).map_err(|fault| fault.reason());
        assert_eq!(found, expected, "{role}");
    }
    let admin = caller(Role::ProviderAdmin, &bench.provider, &bench);
    let nobody = bench.identity.list_sessions(list(&admin, Some(UserId::generate()))).await;
    assert_eq!(nobody.unwrap_err().reason(), Reason::NotFound);
}

#[tokio::test]
async fn one_ends_ones_own_sessions_but_the_present_one() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let [present, other, third] = [
        bench.complete("ada@company.example").await,
        bench.complete("ada@company.example").await,
        bench.complete("ada@company.example").await,
    ];
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    bench.mfa.demand(Demand::None);
    let me = bearer(&bench, &present).await;
    assert_eq!(revoke(&bench, &me, None, "").await.unwrap(), 2);
    assert!(lives(&bench, &present).await);
    for dead in [&other, &third] {
        assert!(!lives(&bench, dead).await);
        assert_eq!(refresh(&bench, dead).await.unwrap_err().reason(), Reason::RefreshRefused);
    }
    let command = VerifyMfa {
        sign_in_token: Some(token),
        code: "123456".parse().unwrap(),
        key: None,
        origin: origin(),
    };
    assert_eq!(bench.identity.verify_mfa(command).await.unwrap_err().reason(), Reason::SignInRefused);
    // Named by one's own id it is the same.
    assert_eq!(revoke(&bench, &me, Some(user), "").await.unwrap(), 0);
    assert!(lives(&bench, &present).await);
    let events = bench.events().await;
    let ends = events.iter().filter(|event| match &event.payload {
        Some(Payload::SessionEnded(ended)) => ended.cause() == SessionEnd::Revoked,
        _ => false,
    });
    assert_eq!(ends.count(), 2);
    let revoked = events.iter().find_map(|event| match &event.payload {
        Some(Payload::UserSessionsRevoked(revoked)) => Some((event, revoked)),
        _ => None,
    });
    let (event, revoked) = revoked.unwrap();
    assert_eq!(event.r#type, "identity.user.sessions_revoked");
    assert_eq!((revoked.ended_sessions, revoked.ended_sign_ins), (2, 1));
    assert_eq!(event.subject.as_ref().unwrap().id, user.to_string());
}

#[tokio::test]
async fn who_administers_ends_all_sessions_of_who_is_below_with_a_reason_and_a_fresh_factor() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let external = AuthSource::External;
    let eve = bench.user_with("eve@company.example", &bench.company, Role::CompanyUser, external).await;
    let stale = |who: SignedIn| SignedIn { mfa_time: Some(bench.now() - Duration::minutes(16)), ..who };
    let reseller = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let other = bench.provider.child(types::OrganizationId::generate()).unwrap();
    for (who, reason, expected) in [
        (caller(Role::CompanyUser, &bench.company, &bench), "x", Reason::RoleNotAllowed),
        (caller(Role::ResellerAuditor, &bench.reseller, &bench), "x", Reason::RoleNotAllowed),
        (stale(reseller.clone()), "x", Reason::MfaStepUpRequired),
        (reseller.clone(), "", Reason::InvalidArgument),
        (caller(Role::CompanyAdmin, &bench.company, &bench), "x", Reason::TargetOutranksActor),
        (caller(Role::ResellerAdmin, &other, &bench), "x", Reason::NotFound),
    ] {
        let refused = revoke(&bench, &who, Some(user), reason).await.unwrap_err();
        assert_eq!(refused.reason(), expected, "{}", who.role);
    }
    assert!(lives(&bench, &session).await);
    assert_eq!(revoke(&bench, &reseller, Some(user), "a lost laptop").await.unwrap(), 1);
    assert!(!lives(&bench, &session).await);
    let operator = caller(Role::ResellerOperator, &bench.reseller, &bench);
    assert_eq!(revoke(&bench, &operator, Some(eve), "just in case").await.unwrap(), 0);
    let events = bench.events().await;
    let last = events.last().unwrap();
    let Some(Payload::UserSessionsRevoked(revoked)) = &last.payload else { panic!("another payload") };
    assert_eq!(revoked.reason, "just in case");
    assert_eq!(last.actor.as_ref().unwrap().kind(), ActorKind::User);
}

#[tokio::test]
async fn a_repeated_revocation_is_answered_alike_and_ends_nothing_new() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    bench.complete("ada@company.example").await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let id = RequestId::generate();
    let command = || RevokeUserSessions {
        caller: admin.clone(),
        user_id: Some(user),
        reason: Some("x".parse().unwrap()),
        key: Some(Key::new("admin", "revoke", id, &RevokeUserSessionsRequest::default())),
        origin: origin(),
    };
    assert_eq!(bench.identity.revoke_user_sessions(command()).await.unwrap().ended_sessions, 1);
    let since = bench.complete("ada@company.example").await;
    assert_eq!(bench.identity.revoke_user_sessions(command()).await.unwrap().ended_sessions, 1);
    assert!(lives(&bench, &since).await);
}

#[tokio::test]
async fn the_session_that_enrolled_a_factor_has_it_from_then_on() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let other = bench.complete("ada@company.example").await;
    let verified = bench.now() + Duration::minutes(1);
    bench.clock.advance(Duration::minutes(3));
    let change = FloorChange::Generation {
        path: bench.company.clone(),
        user,
        generation: 1,
        session: Some(session.session_id),
        sign_in: None,
        proved: Some(verified),
    };
    let context = (change, bench.now());
    // Told again, it changes nothing more.
    for _ in 0..2 {
        let followed = bench.identity.store.bookkeeping("follow", context.clone(), |unit, (change, now)| {
            Box::pin(apply_floor_change(unit, change, *now))
        });
        followed.await.unwrap();
    }
    bench.mfa.generation(1);
    bench.mfa.demand(Demand::Verify);
    assert!(!lives(&bench, &other).await);
    let refreshed = refresh(&bench, &session).await.unwrap();
    let me = bearer(&bench, &refreshed).await;
    assert_eq!(
        (me.amr.clone(), me.mfa_time),
        (vec!["pwd".into(), "otp".into(), "mfa".into()], Some(verified))
    );
    let types = bench.event_types().await;
    assert_eq!(types.iter().filter(|name| *name == "identity.session.stepped_up").count(), 1);
}
