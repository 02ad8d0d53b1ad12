//! A caller who hangs up while mfa decides: what mfa counted costs the sign-in all the same.

use std::time::Duration;

use access::Authenticator;
use fault::Outcome;
use identity::domain::evaluation::Demand;
use identity::ops::{ConfirmMfaEnrollment, StepUp, VerifyMfa, VerifyRecoveryCode};
use proto::events::SignInRefusal;
use tokio::sync::oneshot;

use crate::support::{Bench, Codes, origin};

const ADA: &str = "ada@company.example";

/// Makes a call, hangs up while mfa is deciding, and lets mfa answer then.
async fn hang_up<T>(bench: &Bench, call: impl Future<Output = Outcome<T>>) {
    let (asked, is_asked) = oneshot::channel();
    let (answer, may_answer) = oneshot::channel::<()>();
    bench.mfa.before_deciding(Box::pin(async move {
        asked.send(()).unwrap();
        may_answer.await.unwrap();
    }));
    tokio::select! {
        asked = is_asked => asked.unwrap(),
        _ = call => panic!("answered before mfa was"),
    }
    answer.send(()).unwrap();
}

/// Waits until a number of the database is what it must become.
async fn becomes(bench: &Bench, sql: &str, expected: i64) {
    let wait = async {
        while bench.count(sql).await != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("{sql}: {expected}"));
}

#[tokio::test]
async fn a_wrong_code_costs_the_sign_in_one_and_leaves_its_event() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let token = bench.pending(ADA, Demand::Verify).await;
    let wrong = || VerifyMfa {
        sign_in_token: Some(token.clone()),
        code: "000000".parse().unwrap(),
        key: None,
        origin: origin(),
    };
    hang_up(&bench, bench.identity.verify_mfa(wrong())).await;
    becomes(&bench, "SELECT wrong_codes::bigint FROM sign_in", 1).await;
    let recovery = VerifyRecoveryCode {
        sign_in_token: Some(token.clone()),
        recovery_code: "zzzz-zzzz-zzzz-zzzz".parse().unwrap(),
        key: None,
        origin: origin(),
    };
    hang_up(&bench, bench.identity.verify_recovery_code(recovery)).await;
    becomes(&bench, "SELECT wrong_codes::bigint FROM sign_in", 2).await;
    let class = ("verify_mfa".to_owned(), i32::from(SignInRefusal::CodeRefused));
    assert_eq!(bench.refusals().await, [class.clone(), class]);
    // Against a lock that is on mfa's log, too, and without an event.
    bench.mfa.codes(Codes::OnlyCounted);
    hang_up(&bench, bench.identity.verify_mfa(wrong())).await;
    becomes(&bench, "SELECT wrong_codes::bigint FROM sign_in", 3).await;
    assert_eq!(bench.refusals().await.len(), 2);
}

#[tokio::test]
async fn a_right_code_finishes_the_sign_in() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let token = bench.pending(ADA, Demand::Verify).await;
    let (sign_in_token, code) = (Some(token), "123456".parse().unwrap());
    let command = VerifyMfa { sign_in_token, code, key: None, origin: origin() };
    hang_up(&bench, bench.identity.verify_mfa(command)).await;
    becomes(&bench, "SELECT count(*) FROM session", 1).await;
    assert_eq!(bench.event_types().await.pop().unwrap(), "identity.sign_in.completed");
}

#[tokio::test]
async fn a_step_up_and_a_wrong_code_at_an_enrolment_leave_their_events() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let session = bench.complete(ADA).await;
    let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    let command = StepUp { bearer, code: "123456".parse().unwrap(), key: None, origin: origin() };
    hang_up(&bench, bench.identity.step_up(command)).await;
    becomes(&bench, "SELECT count(*) FROM session WHERE mfa_time IS NOT NULL", 1).await;
    assert_eq!(bench.event_types().await.pop().unwrap(), "identity.session.stepped_up");

    let token = bench.pending(ADA, Demand::Enroll).await;
    let (sign_in_token, code) = (Some(token), "000000".parse().unwrap());
    let command = ConfirmMfaEnrollment { sign_in_token, code, key: None, origin: origin() };
    hang_up(&bench, bench.identity.confirm_mfa_enrollment(command)).await;
    becomes(&bench, "SELECT further_refusals::bigint FROM sign_in", 1).await;
    let class = ("enroll_mfa".to_owned(), i32::from(SignInRefusal::CodeRefused));
    assert_eq!(bench.refusals().await, [class]);
}
