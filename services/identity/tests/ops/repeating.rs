//! A call whose answer was lost, made again: the same answer, and nothing done twice.

mod in_sessions;

use access::Authenticator;
use eventlog::request_record::sealed;
use fault::{Outcome, Reason};
use futures::future::join_all;
use identity::domain::evaluation::Demand;
use identity::ops::{
    AcknowledgeMfaEnrollment, ConfirmMfaEnrollment, FinishedSignIn, OpenedSession, Origin, RecoveredSignIn,
    ReplacePassword, VerifyMfa, VerifyRecoveryCode, apply_password_suspected,
};
use proto::identity::VerifyMfaRequest;
use time::Duration;
use types::{Password, RequestId, ServiceName, Token};

use crate::support::{Bench, Codes, LEFT, RECOVERY_CODE, lives, origin};

/// A request as the wire makes its key, with what it asks for.
fn key(bench: &Bench, token: &Token, id: RequestId, content: &str) -> Option<sealed::Key> {
    let message = VerifyMfaRequest { code: content.to_owned(), ..VerifyMfaRequest::default() };
    let scope = data_encoding::HEXLOWER.encode(&keyring::digest::token_hash(token).0);
    let key = sealed::Key::new(&bench.keyring, ServiceName::Identity, scope, "method", id, &message);
    Some(key.with_secret(token.expose().as_bytes()).unwrap())
}

fn asked(id: RequestId) -> Origin {
    Origin { request_id: Some(id), ..origin() }
}

async fn verify(bench: &Bench, token: &Token, id: RequestId, code: &str) -> Outcome<FinishedSignIn> {
    let command = VerifyMfa {
        sign_in_token: Some(token.clone()),
        code: code.parse().unwrap(),
        key: key(bench, token, id, code),
        origin: asked(id),
    };
    bench.identity.verify_mfa(command).await
}

async fn session(outcome: impl Future<Output = Outcome<FinishedSignIn>>) -> OpenedSession {
    outcome.await.unwrap().session().unwrap()
}

fn same(one: &OpenedSession, other: &OpenedSession) -> bool {
    one.session_id == other.session_id
        && one.access_token.text == other.access_token.text
        && one.access_token.expire_time == other.access_token.expire_time
        && one.refresh_token.expose() == other.refresh_token.expose()
}

#[tokio::test]
async fn the_session_of_a_code_is_given_again_and_never_a_second_one() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    let id = RequestId::generate();
    let first = session(verify(&bench, &token, id, "123456")).await;
    let events = bench.event_types().await;
    bench.clock.advance(Duration::minutes(4));
    let again = session(verify(&bench, &token, id, "123456")).await;
    assert!(same(&first, &again));
    assert_eq!(bench.event_types().await, events);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 1);
    assert_eq!(bench.mfa.attempts().len(), 1);

    let other = verify(&bench, &token, id, "654321").await.unwrap_err();
    assert_eq!(other.reason(), Reason::RequestIdReused);
    let stranger = VerifyMfa {
        sign_in_token: Some(Token::generate().unwrap()),
        code: "123456".parse().unwrap(),
        key: key(&bench, &token, id, "123456"),
        origin: asked(id),
    };
    assert_eq!(bench.identity.verify_mfa(stranger).await.unwrap_err().reason(), Reason::SignInRefused);
    bench.clock.advance(Duration::minutes(6));
    let late = verify(&bench, &token, id, "123456").await.unwrap_err();
    assert_eq!(late.reason(), Reason::SignInRefused, "kept for ten minutes");
}

#[tokio::test]
async fn many_of_one_request_at_once_get_one_session() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    for _ in 0..5 {
        let token = bench.pending("ada@company.example", Demand::Verify).await;
        let before = bench.count("SELECT count(*) FROM session").await;
        let id = RequestId::generate();
        let opened = join_all((0..6).map(|_| session(verify(&bench, &token, id, "123456")))).await;
        assert!(opened.iter().all(|one| same(one, &opened[0])));
        assert_eq!(bench.count("SELECT count(*) FROM session").await, before + 1);
    }
}

#[tokio::test]
async fn a_lost_verdict_of_mfa_is_asked_for_under_the_same_attempt() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    let id = RequestId::generate();
    // mfa is asked; what it says does not arrive.
    bench.mfa.codes(Codes::Refused(Reason::DependencyUnavailable));
    for _ in 0..2 {
        let lost = verify(&bench, &token, id, "123456").await.unwrap_err();
        assert_eq!(lost.reason(), Reason::DependencyUnavailable);
    }
    bench.mfa.codes(Codes::OneIsRight);
    session(verify(&bench, &token, id, "123456")).await;
    let attempts = bench.mfa.attempts();
    assert_eq!((attempts.len(), attempts.iter().all(|one| *one == attempts[0])), (3, true));

    // Another code, another request, another sign-in: other attempts.
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    for (id, code) in [(id, "000000"), (RequestId::generate(), "000000"), (id, "000001")] {
        let _refused = verify(&bench, &token, id, code).await;
    }
    let mut attempts = bench.mfa.attempts();
    attempts.sort_unstable();
    attempts.dedup();
    // The last comes with other content under an id that was answered: mfa is not asked.
    assert_eq!(attempts.len(), 3);
}

#[tokio::test]
async fn a_refusal_is_given_again_and_costs_once() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    let id = RequestId::generate();
    for _ in 0..8 {
        let refused = verify(&bench, &token, id, "000000").await.unwrap_err();
        assert_eq!(refused.reason(), Reason::SignInRefused);
    }
    assert_eq!((bench.refusals().await.len(), bench.mfa.attempts().len()), (1, 1));
    assert_eq!(bench.count("SELECT wrong_codes::bigint FROM sign_in").await, 1);
    session(verify(&bench, &token, RequestId::generate(), "123456")).await;
}

#[tokio::test]
async fn a_dead_session_and_another_generation_are_never_given_again() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let bear =
        async |opened: &OpenedSession| bench.identity.authenticate(&opened.access_token.text).await.unwrap();
    for end in ["revoked", "generation at mfa", "generation here", "version"] {
        bench.mfa.generation(0);
        bench.execute("UPDATE user_account SET generation_floor = 0").await;
        let token = bench.pending("ada@company.example", Demand::Verify).await;
        let id = RequestId::generate();
        let opened = session(verify(&bench, &token, id, "123456")).await;
        match end {
            "revoked" => {
                bench.identity.revoke_session(bear(&opened).await, None, origin()).await.unwrap();
            }
            "generation at mfa" => bench.mfa.generation(1),
            "generation here" => bench.execute("UPDATE user_account SET generation_floor = 1").await,
            _ => bench.execute("UPDATE user_account SET version = version + 1").await,
        }
        let refused = verify(&bench, &token, id, "123456").await.unwrap_err();
        assert_eq!(refused.reason(), Reason::SignInRefused, "{end}");
    }
    // Nor while mfa cannot say.
    bench.mfa.generation(0);
    bench.execute("UPDATE user_account SET generation_floor = 0").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    let id = RequestId::generate();
    let first = session(verify(&bench, &token, id, "123456")).await;
    bench.mfa.reachable(false);
    let reason = verify(&bench, &token, id, "123456").await.unwrap_err().reason();
    assert_eq!(reason, Reason::DependencyUnavailable);
    bench.mfa.reachable(true);
    assert!(same(&first, &session(verify(&bench, &token, id, "123456")).await));
}

#[tokio::test]
async fn a_recovery_code_is_two_factors_and_its_answer_is_given_again() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    let recover = async |id, code: &str| {
        let command = VerifyRecoveryCode {
            sign_in_token: Some(token.clone()),
            recovery_code: code.parse().unwrap(),
            key: key(&bench, &token, id, code),
            origin: asked(id),
        };
        bench.identity.verify_recovery_code(command).await
    };
    let refused = recover(RequestId::generate(), "0000-0000-0000-0000").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::SignInRefused);
    let id = RequestId::generate();
    let RecoveredSignIn { finished, recovery_codes_left } = recover(id, RECOVERY_CODE).await.unwrap();
    let opened = finished.session().unwrap();
    let again = recover(id, RECOVERY_CODE).await.unwrap();
    assert_eq!((recovery_codes_left, again.recovery_codes_left), (LEFT, LEFT));
    assert!(same(&opened, &again.finished.session().unwrap()));
    let standing = bench.identity.introspect_token(&opened.access_token.text).await.unwrap().unwrap();
    assert_eq!(standing.session.methods.amr(), ["pwd", "mfa"]);
    assert_eq!(standing.session.mfa_time, Some(bench.now()));
    let bearer = bench.identity.authenticate(&opened.access_token.text).await.unwrap();
    assert!(bearer.has_fresh_mfa(bench.now()));
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 1);
}

#[tokio::test]
async fn an_enrolment_is_confirmed_under_one_attempt_and_acknowledged_once() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Enroll).await;
    let id = RequestId::generate();
    let confirm = async |id: Option<RequestId>, code: &str| {
        let command = ConfirmMfaEnrollment {
            sign_in_token: Some(token.clone()),
            code: code.parse().unwrap(),
            key: id.and_then(|id| key(&bench, &token, id, code)),
            origin: Origin { request_id: id, ..origin() },
        };
        bench.identity.confirm_mfa_enrollment(command).await
    };
    for asked in [Some(id), Some(id), None] {
        confirm(asked, "123456").await.unwrap();
    }
    // The same request with another code is another one, which mfa says; it costs and records nothing.
    let reused = confirm(Some(id), "000000").await.unwrap_err();
    assert_eq!((reused.reason(), bench.refusals().await.len()), (Reason::RequestIdReused, 0));
    let (attempts, keys) = (bench.mfa.attempts(), bench.mfa.replay_keys());
    assert!(attempts[0] == attempts[1] && attempts[1] != attempts[2]);
    assert!(keys[0] == keys[1] && keys[0].len() == 32 && keys[2].is_empty());

    let acknowledge = async || {
        let command = AcknowledgeMfaEnrollment {
            sign_in_token: Some(token.clone()),
            key: key(&bench, &token, id, "acknowledge"),
            origin: asked(id),
        };
        bench.identity.acknowledge_mfa_enrollment(command).await
    };
    let first = session(acknowledge()).await;
    let again = session(acknowledge()).await;
    assert!(same(&first, &again) && lives(&bench, &first).await);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 1);
}

#[tokio::test]
async fn a_new_password_is_set_once_and_its_session_given_again() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let context = (bench.company.clone(), user, bench.now());
    let suspected = bench.identity.store.bookkeeping("follow", context, |unit, (path, user, now)| {
        Box::pin(apply_password_suspected(unit, path, *user, *now))
    });
    suspected.await.unwrap();
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    let id = RequestId::generate();
    for _ in 0..2 {
        let finished = verify(&bench, &token, id, "123456").await.unwrap();
        assert!(matches!(finished, FinishedSignIn::ChangePassword));
    }
    let replace = async || {
        let command = ReplacePassword {
            sign_in_token: Some(token.clone()),
            new: Password::parse("another good password").unwrap(),
            key: key(&bench, &token, RequestId::from_uuid(uuid::Uuid::nil()), "replace"),
            origin: asked(id),
        };
        bench.identity.replace_password(command).await.unwrap()
    };
    let first = replace().await;
    assert!(same(&first, &replace().await));
    assert_eq!(bench.count("SELECT version FROM user_account").await, 2);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 1);
    // The step before is over, although its answer is still kept.
    assert_eq!(verify(&bench, &token, id, "123456").await.unwrap_err().reason(), Reason::SignInRefused);
}
