//! Wrong codes, many at once, from calls that are given up, and against a lock.

use std::sync::Arc;
use std::time::Duration;

use countersign_tests::evidence::{Throttle, Verdicts, sessions};
use futures::future::join_all;
use proto::identity::{Session, VerifyMfaRequest};
use testkit::{ADMIN_LOGIN, Console, reason};
use tokio::sync::Barrier;
use tonic::{Code, Request, Status};

use crate::siege::{Siege, whole};

/// As many wrong codes lock.
const LIMIT: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_hundred_wrong_codes_at_once_five_are_looked_at() {
    let siege = Siege::lay().await;
    let (system, user_id) = (&siege.system, siege.user_id());
    // A sign-in bears five wrong codes: a hundred of them bear five hundred.
    let (tokens, codes) = (siege.sign_ins(100).await, siege.wrong_codes(500));
    let all_ready = Arc::new(Barrier::new(codes.len()));
    let calls: Vec<_> = codes
        .into_iter()
        .enumerate()
        .map(|(number, code)| {
            let (token, console) = (tokens[number / LIMIT].clone(), siege.consoles[number % 2].clone());
            let all_ready = Arc::clone(&all_ready);
            tokio::spawn(async move {
                all_ready.wait().await;
                console.verify(&token, &code).await
            })
        })
        .collect();
    for call in calls {
        assert_eq!(reason(call.await.unwrap().unwrap_err()), "SIGN_IN_REFUSED");
    }
    let verdicts = Verdicts::of(system, user_id).await;
    assert_eq!((verdicts.evaluated(), verdicts.wrong, verdicts.locked), (LIMIT, LIMIT, 1));
    // All others are counted, and are not on the log one by one.
    let throttle = Throttle::of(system, user_id).await;
    assert_eq!((throttle.lock_level, throttle.is_locked, throttle.recent_failures), (1, true, 5));
    assert_eq!(usize::try_from(throttle.refused_while_locked).unwrap(), 500 - LIMIT - 1);
    assert_eq!(sessions(system, user_id).await, 1, "the enrolment's");
}

/// Holds the victim's row, so that attempts are under way for as long as a test wants.
macro_rules! hold {
    ($siege:expr) => {{
        let holder = $siege.system.mfa_database.owner().await;
        holder.batch_execute("BEGIN").await.unwrap();
        let lock = "SELECT 1 FROM user_mfa WHERE user_id::text = $1 FOR UPDATE";
        holder.query_one(lock, &[&$siege.user_id()]).await.unwrap();
        holder
    }};
}

/// Waits until so many attempts wait for the victim's row.
async fn wait_for(siege: &Siege, attempts: i64) {
    let rows = siege.system.mfa_database.owner().await;
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0";
    let are_waiting = async || rows.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) >= attempts;
    siege.system.eventually("the attempts are under way", are_waiting).await;
}

async fn verify_within(
    console: &Console,
    token: &str,
    code: &str,
    time: Duration,
) -> Result<Session, Status> {
    let (sign_in_token, code) = (token.to_owned(), code.to_owned());
    let mut request = Request::new(VerifyMfaRequest { sign_in_token, code, ..VerifyMfaRequest::default() });
    request.set_timeout(time);
    Ok(console.sign_ins.clone().verify_mfa(request).await?.into_inner().session.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_nobody_waits_for_any_more_counts() {
    let siege = Siege::lay().await;
    let (system, user_id) = (&siege.system, siege.user_id());
    let (tokens, codes) = (siege.sign_ins(LIMIT).await, siege.wrong_codes(LIMIT));
    let holder = hold!(siege);
    let mut calls = Vec::new();
    for (number, (token, code)) in tokens.into_iter().zip(codes).enumerate() {
        let console = siege.consoles[number % 2].clone();
        // Of some the deadline passes, of the others the caller hangs up.
        let time = if number < 2 { Duration::from_secs(2) } else { Duration::from_secs(20) };
        calls.push(tokio::spawn(async move { verify_within(&console, &token, &code, time).await }));
    }
    wait_for(&siege, 5).await;
    for hung_up in calls.drain(2..) {
        hung_up.abort();
        assert!(hung_up.await.unwrap_err().is_cancelled());
    }
    for late in calls {
        let code = late.await.unwrap().unwrap_err().code();
        assert!(matches!(code, Code::DeadlineExceeded | Code::Cancelled | Code::Unavailable), "{code:?}");
    }
    assert_eq!(Verdicts::of(system, user_id).await.wrong, 0, "all of them are still under way");
    holder.batch_execute("ROLLBACK").await.unwrap();
    let all_counted = async || Verdicts::of(system, user_id).await.wrong == LIMIT;
    system.eventually("every attempt has counted", all_counted).await;
    let throttle = Throttle::of(system, user_id).await;
    assert_eq!((throttle.lock_level, throttle.is_locked, throttle.recent_failures), (1, true, 5));
    let token = siege.sign_in().await;
    let refused = siege.consoles[1].verify(&token, &siege.code()).await.unwrap_err();
    assert_eq!(reason(refused), "SIGN_IN_REFUSED");
}

/// A wrong code whose call is given up: by a deadline that the services are told, or by hanging up at some moment. Whether it
/// was answered before.
async fn give_up(console: &Console, token: &str, code: &str, number: usize) -> bool {
    let answer = if number.is_multiple_of(3) {
        verify_within(console, token, code, Duration::from_millis(1)).await
    } else {
        // Before, during and after whatever the services do with it.
        let moment = Duration::from_micros(200 * u64::try_from(number).unwrap());
        let answered = tokio::time::timeout(moment, console.verify(token, code)).await;
        answered.unwrap_or_else(|_| Err(Status::cancelled("hung up")))
    };
    let refused = answer.unwrap_err();
    let was_answered = reason(refused.clone()) == "SIGN_IN_REFUSED";
    let was_given_up = matches!(refused.code(), Code::Cancelled | Code::DeadlineExceeded | Code::Unavailable);
    assert!(was_answered || was_given_up, "{refused:?}");
    was_answered
}

/// How many attempts of the victim have counted: evaluated, or refused by the lock.
async fn counted(siege: &Siege) -> usize {
    let verdicts = Verdicts::of(&siege.system, siege.user_id()).await;
    let throttle = Throttle::of(&siege.system, siege.user_id()).await;
    verdicts.wrong + verdicts.locked + usize::try_from(throttle.refused_while_locked).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_of_a_millisecond_and_calls_cut_off_anywhere_buy_no_attempt() {
    let siege = Siege::lay().await;
    let (system, user_id) = (&siege.system, siege.user_id());
    let (tokens, codes) = (siege.sign_ins(61).await, siege.wrong_codes(301));
    // None can be answered while the victim's row is held: whatever counts in the end had nobody waiting for it.
    let holder = hold!(siege);
    // Of this one it is certain that it has come through before its caller hangs up. By a connection of its own: one on which
    // hundreds of calls are cut off is closed.
    let (console, last, wrong) = (system.console_of(0), tokens[60].clone(), codes[300].clone());
    let certain = tokio::spawn(async move { console.verify(&last, &wrong).await });
    wait_for(&siege, 1).await;
    let calls = codes[..300]
        .iter()
        .enumerate()
        .map(|(number, code)| give_up(&siege.consoles[number % 2], &tokens[number / LIMIT], code, number));
    let answered = join_all(calls).await.into_iter().filter(|answered| *answered).count();
    certain.abort();
    assert!(certain.await.unwrap_err().is_cancelled());
    assert_eq!(answered, 0, "nobody gets past a held row");
    holder.batch_execute("ROLLBACK").await.unwrap();
    system.eventually("attempts count for which nobody waits", async || counted(&siege).await > 0).await;
    // Whatever came through was counted; the rest of the limit is what is left, on either replica.
    for number in 0..LIMIT {
        let token = siege.sign_in().await;
        let wrong = &siege.wrong_codes(LIMIT)[number];
        let refused = siege.consoles[number % 2].verify(&token, wrong).await.unwrap_err();
        assert_eq!(reason(refused), "SIGN_IN_REFUSED");
    }
    assert!(Throttle::of(system, user_id).await.is_locked);
    let verdicts = Verdicts::of(system, user_id).await;
    assert_eq!((verdicts.evaluated(), verdicts.wrong), (LIMIT, LIMIT));
    assert_eq!(Throttle::of(system, user_id).await.recent_failures, 5);
    assert!(counted(&siege).await > LIMIT, "more have counted than the five that were waited for");
    let token = siege.sign_in().await;
    assert_eq!(reason(siege.consoles[0].verify(&token, &siege.code()).await.unwrap_err()), "SIGN_IN_REFUSED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_user_hears_the_same_of_a_right_a_wrong_and_a_used_code() {
    let siege = Siege::lay().await;
    let (system, used) = (&siege.system, siege.code());
    siege.consoles[0].verify(&siege.sign_in().await, &used).await.unwrap();
    system.clock.advance(time::Duration::seconds(30));
    let wrong = siege.wrong_codes(LIMIT + 1);
    let mut told = Vec::new();
    for code in &wrong[..LIMIT] {
        let refused = siege.consoles[0].verify(&siege.sign_in().await, code).await.unwrap_err();
        told.push(whole(&refused));
    }
    // Locked now. The used code is still within the accepted time.
    for code in [&siege.code(), &wrong[LIMIT], &used, &siege.code()] {
        for console in &siege.consoles {
            let started = console.start(ADMIN_LOGIN).await.unwrap();
            told.push(whole(&console.verify(&started.sign_in_token, code).await.unwrap_err()));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(Verdicts::of(system, siege.user_id()).await.wrong, LIMIT);
}
