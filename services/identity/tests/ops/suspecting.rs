//! Passwords that somebody else is likely to know: the next full sign-in replaces them.

use access::Authenticator;
use fault::{Outcome, Reason};
use identity::domain::evaluation::Demand;
use identity::domain::sign_in::NextStep;
use identity::ops::{
    AcceptInvitation, AcknowledgeMfaEnrollment, ChangePassword, FinishedSignIn, OpenedSession,
    ReplacePassword, SetPassword, StartedSignIn, VerifyMfa, VerifyRecoveryCode, apply_password_suspected,
};
use proto::events::NotificationKind;
use proto::events::event::Payload;
use time::Duration;
use types::{Password, Role, Token, UserId};

use crate::support::{Bench, PASSWORD, RECOVERY_CODE, caller, lives, origin, refresh};

const NEW: &str = "another good password";

/// What following `mfa.password.suspected` does.
async fn suspect(bench: &Bench, user: UserId) {
    let context = (bench.company.clone(), user, bench.now());
    bench
        .identity
        .store
        .bookkeeping("follow", context, |unit, (path, user, now)| {
            Box::pin(apply_password_suspected(unit, path, *user, *now))
        })
        .await
        .unwrap();
}

async fn replace(bench: &Bench, token: &Token, new: &str) -> Outcome<OpenedSession> {
    let command = ReplacePassword {
        sign_in_token: Some(token.clone()),
        new: Password::parse(new).unwrap(),
        key: None,
        origin: origin(),
    };
    bench.identity.replace_password(command).await
}

async fn verify(bench: &Bench, token: &Token) -> Outcome<FinishedSignIn> {
    let code = "123456".parse().unwrap();
    let command = VerifyMfa { sign_in_token: Some(token.clone()), code, key: None, origin: origin() };
    bench.identity.verify_mfa(command).await
}

fn awaits_password(outcome: Outcome<FinishedSignIn>) -> bool {
    matches!(outcome.unwrap(), FinishedSignIn::ChangePassword)
}

#[tokio::test]
async fn a_suspicion_is_told_once_and_ends_no_session() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    suspect(&bench, user).await;
    suspect(&bench, user).await;
    // Of who is not here, or has no password, there is nothing to suspect.
    suspect(&bench, UserId::generate()).await;
    let invited = bench.user("invited@company.example").await;
    bench.execute("UPDATE user_account SET password_hash = NULL WHERE login LIKE 'invited@%'").await;
    suspect(&bench, invited).await;
    let suspected = bench.event_types().await;
    let suspected = suspected.iter().filter(|name| *name == "identity.user.password_suspected").count();
    assert_eq!(suspected, 1);
    assert_eq!(bench.count("SELECT count(*) FROM user_account WHERE must_change_password").await, 1);
    let session = refresh(&bench, &session).await.unwrap();
    assert!(lives(&bench, &session).await);
}

#[tokio::test]
async fn the_password_alone_leads_to_a_new_password_and_only_then_to_a_session() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let before = bench.complete("ada@company.example").await;
    suspect(&bench, user).await;
    let StartedSignIn::Next { token, expire_time, step, .. } =
        bench.start("ada@company.example", PASSWORD).await.unwrap()
    else {
        panic!("a session")
    };
    assert_eq!((step, expire_time), (NextStep::ChangePassword, bench.now() + Duration::minutes(10)));
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 1);
    assert_eq!(verify(&bench, &token).await.unwrap_err().reason(), Reason::SignInRefused, "only that step");

    for (password, field) in [(PASSWORD, "new_password"), ("short", "password"), ("password1", "password")] {
        let refused = replace(&bench, &token, password).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::PasswordNotAcceptable, "{password}");
        assert_eq!(refused.fields()[0].field, field);
    }
    let session = replace(&bench, &token, NEW).await.unwrap();
    let standing = bench.identity.introspect_token(&session.access_token.text).await.unwrap().unwrap();
    assert_eq!(standing.session.methods.amr(), ["pwd"]);
    assert!(!standing.user.must_change_password);
    assert!(!lives(&bench, &before).await, "what somebody else may have opened ends");
    assert_eq!(
        replace(&bench, &token, "a third good password").await.unwrap_err().reason(),
        Reason::SignInRefused
    );
    bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    assert!(matches!(bench.start("ada@company.example", NEW).await, Ok(StartedSignIn::Complete { .. })));
}

#[tokio::test]
async fn every_second_factor_leads_to_a_new_password_and_counts_in_the_session() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    for (demand, expected) in [
        (Demand::Verify, vec!["pwd", "otp", "mfa"]),
        (Demand::Enroll, vec!["pwd", "otp", "mfa"]),
        (Demand::Verify, vec!["pwd", "mfa"]),
    ] {
        suspect(&bench, user).await;
        let token = bench.pending("ada@company.example", demand).await;
        let finished = match (demand, expected.len()) {
            (Demand::Enroll, _) => {
                let command = AcknowledgeMfaEnrollment {
                    sign_in_token: Some(token.clone()),
                    key: None,
                    origin: origin(),
                };
                bench.identity.acknowledge_mfa_enrollment(command).await
            }
            (_, 3) => verify(&bench, &token).await,
            _ => {
                let command = VerifyRecoveryCode {
                    sign_in_token: Some(token.clone()),
                    recovery_code: RECOVERY_CODE.parse().unwrap(),
                    key: None,
                    origin: origin(),
                };
                bench.identity.verify_recovery_code(command).await.map(|recovered| recovered.finished)
            }
        };
        assert!(awaits_password(finished), "{demand:?}");
        assert_eq!(verify(&bench, &token).await.unwrap_err().reason(), Reason::SignInRefused);
        let proved = bench.now();
        bench.clock.advance(Duration::minutes(2));
        let number = bench.count("SELECT version FROM user_account").await;
        let session = replace(&bench, &token, &format!("{NEW} {number}")).await.unwrap();
        let standing = bench.identity.introspect_token(&session.access_token.text).await.unwrap().unwrap();
        assert_eq!(standing.session.methods.amr(), expected);
        assert_eq!(standing.session.mfa_time, Some(proved), "a new password proves no second factor");
        bench
            .execute(&format!("UPDATE user_account SET password_hash = '{}'", bench.hash(PASSWORD).await))
            .await;
    }
    let types = bench.event_types().await;
    assert_eq!(types.iter().filter(|name| *name == "identity.sign_in.continued").count(), 3);
}

#[tokio::test]
async fn a_sign_in_that_waits_for_a_password_dies_like_every_other() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    suspect(&bench, user).await;
    for change in [
        "UPDATE user_account SET version = version + 1",
        "UPDATE user_account SET generation_floor = generation_floor + 1",
        "UPDATE user_account SET state = 'disabled'",
    ] {
        let token = bench.pending("ada@company.example", Demand::Verify).await;
        assert!(awaits_password(verify(&bench, &token).await));
        bench.execute(change).await;
        let refused = replace(&bench, &token, NEW).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::SignInRefused, "{change}");
        bench.execute("UPDATE user_account SET generation_floor = 0").await;
    }
    bench.execute("UPDATE user_account SET state = 'active'").await;
    let late = bench.pending("ada@company.example", Demand::Verify).await;
    assert!(awaits_password(verify(&bench, &late).await));
    bench.clock.advance(Duration::minutes(10));
    assert_eq!(replace(&bench, &late, NEW).await.unwrap_err().reason(), Reason::SignInRefused);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn every_new_password_clears_the_suspicion_and_the_user_is_told() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    suspect(&bench, user).await;
    let suspected = "SELECT count(*) FROM user_account WHERE must_change_password";

    let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    let change = |new: &str| {
        let [current, new] = [PASSWORD, new].map(|text| Password::parse(text).unwrap());
        bench.identity.change_password(ChangePassword {
            bearer: bearer.clone(),
            current,
            new,
            key: None,
            origin: origin(),
        })
    };
    assert_eq!(change(PASSWORD).await.unwrap_err().reason(), Reason::PasswordNotAcceptable);
    assert_eq!(bench.count(suspected).await, 1);
    change(NEW).await.unwrap();
    assert_eq!(bench.count(suspected).await, 0);

    suspect(&bench, user).await;
    let admin = caller(Role::ResellerAdmin, &bench.reseller, &bench);
    let password = Password::parse(PASSWORD).unwrap();
    let set = SetPassword { caller: admin, user_id: user, password, origin: origin() };
    bench.identity.set_password(set).await.unwrap();
    assert_eq!(bench.count(suspected).await, 0);

    let events = bench.events().await;
    let changed = events.iter().filter(|event| event.r#type == "identity.user.password_changed");
    let changed: Vec<String> = changed.map(|event| event.id.clone()).collect();
    let told = events.iter().filter_map(|event| match &event.payload {
        Some(Payload::NotificationDue(due)) if due.kind() == NotificationKind::PasswordChanged => {
            Some(due.event_id.clone())
        }
        _ => None,
    });
    assert_eq!((told.collect::<Vec<_>>(), changed.len()), (changed, 2));
}

#[tokio::test]
async fn the_gate_itself_asks_for_the_new_password() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Enroll).await;
    // Suspected while mfa acknowledges: nothing before the gate could have known.
    bench.mfa.before_acknowledging({
        let context = (bench.company.clone(), user, bench.now());
        let store = bench.identity.store.clone();
        Box::pin(async move {
            store
                .bookkeeping("follow", context, |unit, (path, user, now)| {
                    Box::pin(apply_password_suspected(unit, path, *user, *now))
                })
                .await
                .unwrap();
        })
    });
    let command = AcknowledgeMfaEnrollment { sign_in_token: Some(token), key: None, origin: origin() };
    assert!(awaits_password(bench.identity.acknowledge_mfa_enrollment(command).await));
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn nobody_who_is_not_invited_clears_it_by_an_invitation() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    suspect(&bench, user).await;
    let command = AcceptInvitation {
        invitation: Some(Token::generate().unwrap()),
        password: Password::parse(NEW).unwrap(),
        origin: origin(),
    };
    assert_eq!(
        bench.identity.accept_invitation(command).await.unwrap_err().reason(),
        Reason::InvitationRefused
    );
    assert_eq!(bench.count("SELECT count(*) FROM user_account WHERE must_change_password").await, 1);
}
