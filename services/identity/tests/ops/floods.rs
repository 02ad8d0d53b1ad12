//! Guessing is slowed down, nobody is locked out, and neither the log nor memory grows with an outsider's effort.

use access::Authenticator;
use fault::{Fault, Outcome, Reason};
use identity::domain::evaluation::Demand;
use identity::domain::refusal_counts::Cause;
use identity::ops::{ChangePassword, OpenedSession, StartSignIn, StartedSignIn, StepUp, VerifyMfa};
use proto::events::SignInRefusalsCounted;
use proto::events::event::Payload;
use time::Duration;
use types::{Password, Token};

use crate::support::{Bench, Codes, PASSWORD, origin, public};

const WRONG: &str = "wrong password";
const ADA: &str = "ada@company.example";

async fn verify(bench: &Bench, token: &Token, code: &str) -> Outcome<OpenedSession> {
    let (sign_in_token, code) = (Some(token.clone()), code.parse().unwrap());
    let command = VerifyMfa { sign_in_token, code, key: None, origin: origin() };
    bench.identity.verify_mfa(command).await.map(|finished| finished.session().unwrap())
}

/// A sign-in from an address.
async fn start_at(bench: &Bench, address: &str, login: &str, password: &str) -> Outcome<StartedSignIn> {
    let mut origin = origin();
    origin.client.address = address.parse().ok();
    let password = Password::parse(password).unwrap();
    bench.identity.start_sign_in(StartSignIn { login: login.parse().ok(), password, origin }).await
}

/// Why it was refused.
async fn refused_at(bench: &Bench, address: &str, login: &str, password: &str) -> Fault {
    start_at(bench, address, login, password).await.unwrap_err()
}

fn told(fault: &Fault) -> (Reason, Option<u64>) {
    (fault.reason(), fault.retry_after().map(|wait| wait.as_secs()))
}

/// What was summed up, in order.
async fn summaries(bench: &Bench) -> Vec<SignInRefusalsCounted> {
    let counted = |payload| match payload {
        Payload::SignInRefusalsCounted(counted) => Some(counted),
        _ => None,
    };
    bench.events().await.into_iter().filter_map(|event| event.payload.and_then(counted)).collect()
}

#[tokio::test]
async fn failures_cost_a_delay_that_doubles_and_ends() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    for _ in 0..6 {
        assert_eq!(told(&refused_at(&bench, "192.0.2.1", ADA, WRONG).await), (Reason::SignInRefused, None));
    }
    for wait in [1, 2, 4, 8, 16, 30, 30] {
        // Also who knows the password: nothing is looked at.
        for password in [PASSWORD, WRONG] {
            let fault = refused_at(&bench, "192.0.2.1", ADA, password).await;
            assert_eq!(told(&fault), (Reason::SignInDelayed, Some(wait)));
        }
        bench.clock.advance(Duration::seconds(i64::try_from(wait).unwrap()));
        let fault = refused_at(&bench, "192.0.2.1", ADA, WRONG).await;
        assert_eq!(fault.reason(), Reason::SignInRefused, "{wait}");
    }
    // Whoever waits as told gets in, and has a clean record then.
    bench.clock.advance(Duration::seconds(30));
    start_at(&bench, "192.0.2.1", ADA, PASSWORD).await.unwrap();
    refused_at(&bench, "192.0.2.1", ADA, WRONG).await;
    start_at(&bench, "192.0.2.1", ADA, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_delay_tells_nothing_about_a_login() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    bench.user("disabled@company.example").await;
    bench.execute("UPDATE user_account SET state = 'disabled' WHERE login LIKE 'disabled@%'").await;
    let mut told = Vec::new();
    for (number, login) in
        [ADA, "disabled@company.example", "eve@company.example", "eve@elsewhere.example", "no login"]
            .into_iter()
            .enumerate()
    {
        let mut answers = Vec::new();
        let before = (bench.identity.passwords.computed(), bench.events().await.len());
        for attempt in 0..20 {
            let password = if attempt % 2 == 0 { WRONG } else { "another wrong one" };
            answers.push(public(&refused_at(&bench, &format!("192.0.2.{number}"), login, password).await));
        }
        let after = (bench.identity.passwords.computed(), bench.events().await.len());
        told.push((answers, after.0 - before.0, after.1 - before.1));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].1, told[0].2), (6, 6), "six were looked at");
}

#[tokio::test]
async fn nobody_is_kept_out_of_where_they_signed_in_before() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    start_at(&bench, "192.0.2.1", ADA, PASSWORD).await.unwrap();
    start_at(&bench, "2001:db8:1:2:3::1", ADA, PASSWORD).await.unwrap();
    // Some thirty strangers, at her login and at others' from her address.
    for stranger in 0..30 {
        refused_at(&bench, &format!("198.51.100.{stranger}"), ADA, WRONG).await;
    }
    for other in 0..60 {
        refused_at(&bench, "192.0.2.1", &format!("user{other}@company.example"), WRONG).await;
    }
    for (address, login) in [("203.0.113.1", ADA), ("192.0.2.1", "bob@company.example")] {
        assert_eq!(refused_at(&bench, address, login, PASSWORD).await.reason(), Reason::SignInDelayed);
    }
    // The network of an IPv6 address is the address.
    for address in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1:2:ffff::9"] {
        start_at(&bench, address, ADA, PASSWORD).await.unwrap();
    }
    assert_eq!(
        refused_at(&bench, "2001:db8:1:3::1", ADA, PASSWORD).await.reason(),
        Reason::SignInDelayed,
        "another network"
    );
}

#[tokio::test]
async fn a_burst_is_looked_at_no_more_often_than_single_attempts() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let burst = (0..100).map(|_| refused_at(&bench, "192.0.2.1", ADA, WRONG));
    let answers: Vec<_> = futures::future::join_all(burst).await.iter().map(Fault::reason).collect();
    let looked_at = answers.iter().filter(|reason| **reason == Reason::SignInRefused).count();
    assert_eq!(looked_at, 6, "{answers:?}");
    assert_eq!(bench.refusals().await.len(), 6);
    // The right password in a burst is no failure.
    bench.clock.advance(Duration::minutes(15));
    for _ in 0..3 {
        let burst = (0..4).map(|_| start_at(&bench, "192.0.2.1", ADA, PASSWORD));
        assert!(futures::future::join_all(burst).await.iter().all(Result::is_ok));
    }
}

#[tokio::test]
async fn a_right_password_that_lets_nobody_in_is_a_failure_like_a_wrong_one() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    bench.execute("UPDATE user_account SET state = 'disabled'").await;
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(refused_at(&bench, "192.0.2.1", ADA, PASSWORD).await.reason());
    }
    assert_eq!(answers[..6], [Reason::SignInRefused; 6]);
    assert_eq!(answers[6..], [Reason::SignInDelayed; 2]);
}

async fn change(bench: &Bench, session: &OpenedSession, current: &str) -> Outcome<()> {
    let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    let [current, new] = [current, "another good password"].map(|text| Password::parse(text).unwrap());
    bench.identity.change_password(ChangePassword { bearer, current, new, key: None, origin: origin() }).await
}

#[tokio::test]
async fn the_present_password_is_guessed_no_faster_in_a_session() {
    let bench = Bench::new().await;
    let user = bench.user(ADA).await;
    let [stolen, other] = [bench.complete(ADA).await, bench.complete(ADA).await];
    for _ in 0..6 {
        assert_eq!(change(&bench, &stolen, WRONG).await.unwrap_err().reason(), Reason::CodeRefused);
    }
    let fault = change(&bench, &stolen, PASSWORD).await.unwrap_err();
    assert_eq!(told(&fault), (Reason::SignInDelayed, Some(1)));
    let expected = ("present_password".to_owned(), i32::from(proto::events::SignInRefusal::PasswordWrong));
    assert_eq!(bench.refusals().await, vec![expected; 6]);
    let events = bench.events().await;
    let refused = events.iter().rfind(|event| event.r#type == "identity.sign_in.refused").unwrap();
    assert_eq!(refused.reason, "CODE_REFUSED");
    assert_eq!(refused.actor.as_ref().unwrap().id, user.to_string());
    // Failures elsewhere do not delay a session's user.
    for stranger in 0..30 {
        refused_at(&bench, &format!("198.51.100.{stranger}"), ADA, WRONG).await;
    }
    change(&bench, &other, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn what_leaves_no_event_of_its_own_is_summed_up() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    for _ in 0..50 {
        refused_at(&bench, "192.0.2.1", ADA, WRONG).await;
    }
    let first = bench.now();
    bench.clock.advance(Duration::milliseconds(500));
    refused_at(&bench, "192.0.2.1", ADA, WRONG).await;
    bench.identity.refusals.count(Cause::Overloaded, bench.now());
    assert_eq!(bench.events().await.len(), 6);
    bench.identity.summarize_refusals().await.unwrap();
    bench.identity.summarize_refusals().await.unwrap();
    let counted = |attempts, start, cause: &str| SignInRefusalsCounted {
        attempts,
        start_time: Some(wire::timestamp_to_wire(start)),
        end_time: Some(wire::timestamp_to_wire(bench.now())),
        cause: cause.to_owned(),
    };
    let expected = vec![counted(45, first, "delayed"), counted(1, bench.now(), "overloaded")];
    assert_eq!(summaries(&bench).await, expected);
    let event = bench.events().await.pop().unwrap();
    assert_eq!(event.r#type, "identity.sign_in.refusals_counted");
    assert_eq!(event.organization_id, bench.provider.organization_id().to_string());
}

#[tokio::test]
async fn what_cannot_be_summed_up_stays_counted() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    for _ in 0..7 {
        refused_at(&bench, "192.0.2.1", ADA, WRONG).await;
    }
    bench.execute("REVOKE INSERT ON event FROM countersign_identity").await;
    bench.identity.summarize_refusals().await.unwrap_err();
    refused_at(&bench, "192.0.2.1", ADA, WRONG).await;
    bench.execute("GRANT INSERT (event_id, type, organization_id, path, subject_key, actor_key, record_time, salt, envelope)
        ON event TO countersign_identity").await;
    bench.identity.summarize_refusals().await.unwrap();
    assert_eq!(summaries(&bench).await.iter().map(|counted| counted.attempts).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn codes_against_a_lock_end_the_sign_in_and_leave_no_event_here() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let token = bench.pending(ADA, Demand::Verify).await;
    bench.mfa.codes(Codes::OnlyCounted);
    let before = bench.events().await.len();
    for _ in 0..5 {
        let fault = verify(&bench, &token, "123456").await.unwrap_err();
        assert_eq!(public(&fault), public(&Reason::SignInRefused.into()));
    }
    assert_eq!(bench.events().await.len(), before);
    let wrong = "SELECT wrong_codes::bigint FROM sign_in WHERE state = 'dead'";
    assert_eq!(bench.count(wrong).await, 5);
    // Dead now: a few more refusals are recorded, whatever mfa would say.
    bench.mfa.codes(Codes::OneIsRight);
    for _ in 0..20 {
        assert_eq!(verify(&bench, &token, "123456").await.unwrap_err().reason(), Reason::SignInRefused);
    }
    assert_eq!(bench.events().await.len(), before + 5);
    bench.identity.summarize_refusals().await.unwrap();
    let mut causes: Vec<_> =
        summaries(&bench).await.into_iter().map(|counted| (counted.cause, counted.attempts)).collect();
    causes.sort();
    assert_eq!(causes, [("locked".to_owned(), 5), ("repeated".to_owned(), 15)]);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn a_sign_in_at_another_step_is_refused_often_and_recorded_seldom() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let token: Token = bench.pending(ADA, Demand::Enroll).await;
    for _ in 0..20 {
        assert_eq!(verify(&bench, &token, "123456").await.unwrap_err().reason(), Reason::SignInRefused);
    }
    assert_eq!(bench.refusals().await.len(), 5);
    assert_eq!(bench.count("SELECT count(*) FROM sign_in WHERE state = 'open'").await, 1);
}

#[tokio::test]
async fn a_step_up_against_a_lock_is_refused_like_every_other() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let session = bench.complete(ADA).await;
    let mut answers = Vec::new();
    for codes in [Codes::Refused(Reason::CodeRefused), Codes::OnlyCounted] {
        bench.mfa.codes(codes);
        let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
        let command = StepUp { bearer, code: "123456".parse().unwrap(), key: None, origin: origin() };
        let status = rpc::into_status(bench.identity.step_up(command).await.unwrap_err());
        answers.push((status.code(), status.message().to_owned(), status.details().to_vec()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    bench.identity.summarize_refusals().await.unwrap();
    assert_eq!(summaries(&bench).await[0].cause, "locked");
}

#[tokio::test]
async fn whoever_only_begins_sign_ins_is_slowed_down_like_a_guesser() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    bench.mfa.demand(Demand::Verify);
    start_at(&bench, "192.0.2.1", ADA, PASSWORD).await.unwrap();
    let others = "INSERT INTO sign_in (organization_id, sign_in_id, user_id, token_hash, next_step, state, generation,
            policy_version, user_version, wrong_codes, create_time, expire_time, client_address, client_user_agent)
        SELECT organization_id, gen_random_uuid(), user_id, sha256(gen_random_uuid()::text::bytea), next_step, state,
            generation, policy_version, user_version, wrong_codes, create_time, expire_time, client_address, client_user_agent
        FROM sign_in, generate_series(1, 999)";
    bench.execute(others).await;
    let mut delayed = 0;
    for _ in 0..10 {
        match start_at(&bench, "192.0.2.1", ADA, PASSWORD).await {
            Ok(_) => assert_eq!(delayed, 0),
            Err(fault) => {
                assert_eq!(fault.reason(), Reason::SignInDelayed);
                delayed += 1;
            }
        }
    }
    assert!(delayed >= 4, "{delayed}");
    // Ten minutes later none of them waits any more.
    bench.clock.advance(Duration::minutes(15));
    start_at(&bench, "192.0.2.1", ADA, PASSWORD).await.unwrap();
    start_at(&bench, "192.0.2.1", ADA, PASSWORD).await.unwrap();
}
