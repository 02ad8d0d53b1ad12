//! Enrolment within a sign-in.

use fault::Reason;
use identity::domain::evaluation::Demand;
use identity::ops::{
    AcknowledgeMfaEnrollment, BeginMfaEnrollment, ConfirmMfaEnrollment, FloorChange, PresentedTicket,
    apply_floor_change,
};
use proto::events::SignInRefusal;
use types::{SignInId, Token, UserId};

use crate::support::{Bench, PASSWORD, origin};

fn acknowledge(token: &Token) -> AcknowledgeMfaEnrollment {
    AcknowledgeMfaEnrollment { sign_in_token: Some(token.clone()), key: None, origin: origin() }
}

fn confirm(token: &Token, code: &str) -> ConfirmMfaEnrollment {
    let code = code.parse().unwrap();
    ConfirmMfaEnrollment { sign_in_token: Some(token.clone()), code, key: None, origin: origin() }
}

/// What following `mfa.factor.enrolled` does.
async fn follow_enrolment(bench: &Bench, user: UserId, generation: i64, sign_in: Option<SignInId>) {
    let change = FloorChange::Generation {
        path: bench.company.clone(),
        user,
        generation,
        session: None,
        sign_in,
        proved: None,
    };
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

#[tokio::test]
async fn acknowledging_opens_a_session_on_the_new_generation_and_ends_what_is_older() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let other = bench.pending("ada@company.example", Demand::Enroll).await;
    let token = bench.pending("ada@company.example", Demand::Enroll).await;
    let (sign_in_token, enrollment_ticket) = (Some(token.clone()), PresentedTicket::Absent);
    let begin = BeginMfaEnrollment { sign_in_token, enrollment_ticket, origin: origin() };
    bench.identity.begin_mfa_enrollment(begin).await.unwrap();
    bench.identity.confirm_mfa_enrollment(confirm(&token, "123456")).await.unwrap();

    // The event may well be followed before mfa's answer is here.
    let sign_in: uuid::Uuid = bench
        .database
        .owner()
        .await
        .query_one("SELECT sign_in_id FROM sign_in ORDER BY sign_in_id DESC LIMIT 1", &[])
        .await
        .unwrap()
        .get(0);
    follow_enrolment(&bench, user, 1, Some(SignInId::from_uuid(sign_in))).await;
    // mfa refuses the old generation itself; here only identity's floor is looked at.
    let refused = bench.identity.acknowledge_mfa_enrollment(acknowledge(&other)).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::SignInRefused);
    assert!(bench.identity.introspect_token(&session.access_token.text).await.unwrap().is_none());
    let states = bench.count("SELECT count(*) FROM sign_in WHERE state = 'open'").await;
    assert_eq!(states, 1, "the sign-in that made the generation lives on");
}

#[tokio::test]
async fn the_session_of_an_enrolment_has_a_second_factor() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Enroll).await;
    let opened = bench.identity.acknowledge_mfa_enrollment(acknowledge(&token)).await.unwrap();
    let opened = opened.session().unwrap();
    let standing = bench.identity.introspect_token(&opened.access_token.text).await.unwrap().unwrap();
    assert_eq!(standing.session.basis.generation, 1);
    assert_eq!(standing.session.methods.amr(), ["pwd", "otp", "mfa"]);
    assert_eq!(standing.session.mfa_time, Some(bench.now()));
    let again = bench.identity.acknowledge_mfa_enrollment(acknowledge(&token)).await;
    assert_eq!(again.unwrap_err().reason(), Reason::SignInRefused);
}

#[tokio::test]
async fn the_event_followed_before_the_answer_does_not_bar_the_sign_in_that_made_it() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Enroll).await;
    let sign_in: uuid::Uuid =
        bench.database.owner().await.query_one("SELECT sign_in_id FROM sign_in", &[]).await.unwrap().get(0);
    // mfa waits until its event is applied here, and only then answers.
    bench.mfa.before_acknowledging({
        let (store, path, now) = (bench.identity.store.clone(), bench.company.clone(), bench.now());
        let change = FloorChange::Generation {
            path,
            user,
            generation: 1,
            session: None,
            sign_in: Some(SignInId::from_uuid(sign_in)),
            proved: None,
        };
        Box::pin(async move {
            store
                .bookkeeping("follow", (change, now), |unit, (change, now)| {
                    Box::pin(apply_floor_change(unit, change, *now))
                })
                .await
                .unwrap();
        })
    });
    bench.identity.acknowledge_mfa_enrollment(acknowledge(&token)).await.unwrap();
}

#[tokio::test]
async fn wrong_codes_at_enrolment_do_not_end_the_sign_in() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Enroll).await;
    for _ in 0..6 {
        let refused = bench.identity.confirm_mfa_enrollment(confirm(&token, "000000")).await;
        assert_eq!(refused.unwrap_err().reason(), Reason::SignInRefused);
    }
    bench.identity.confirm_mfa_enrollment(confirm(&token, "123456")).await.unwrap();
    let class = ("enroll_mfa".to_owned(), i32::from(SignInRefusal::CodeRefused));
    // The sixth is counted, as they cost the sign-in nothing.
    assert_eq!(bench.refusals().await, vec![class; 5]);
}

#[tokio::test]
async fn an_abandoned_enrolment_locks_nobody_out() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Enroll).await;
    bench.identity.confirm_mfa_enrollment(confirm(&token, "123456")).await.unwrap();
    bench.start("ada@company.example", PASSWORD).await.unwrap();
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}
