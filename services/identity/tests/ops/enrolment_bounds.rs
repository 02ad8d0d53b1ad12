//! Who knows a password alone asks about an enrolment without end: counted before mfa is asked, and then the sign-in dies.

use fault::{Outcome, Reason};
use identity::domain::evaluation::Demand;
use identity::ops::{AcknowledgeMfaEnrollment, BeginMfaEnrollment, ConfirmMfaEnrollment, PresentedTicket};
use proto::events::SignInRefusal;
use types::Token;

use crate::support::{Bench, origin};

const ADA: &str = "ada@company.example";

async fn begin(bench: &Bench, token: &Token, enrollment_ticket: PresentedTicket) -> Outcome<()> {
    let command =
        BeginMfaEnrollment { sign_in_token: Some(token.clone()), enrollment_ticket, origin: origin() };
    bench.identity.begin_mfa_enrollment(command).await.map(drop)
}

async fn confirm(bench: &Bench, token: &Token) -> Outcome<()> {
    let (sign_in_token, code) = (Some(token.clone()), "000000".parse().unwrap());
    let command = ConfirmMfaEnrollment { sign_in_token, code, key: None, origin: origin() };
    bench.identity.confirm_mfa_enrollment(command).await.map(drop)
}

async fn acknowledge(bench: &Bench, token: &Token) -> Outcome<()> {
    let command =
        AcknowledgeMfaEnrollment { sign_in_token: Some(token.clone()), key: None, origin: origin() };
    bench.identity.acknowledge_mfa_enrollment(command).await.map(drop)
}

fn refusals(of: &[(SignInRefusal, usize)]) -> Vec<(String, i32)> {
    let one = |refusal: SignInRefusal| ("enroll_mfa".to_owned(), i32::from(refusal));
    of.iter().flat_map(|(refusal, times)| vec![one(*refusal); *times]).collect()
}

async fn reason(outcome: impl Future<Output = Outcome<()>>) -> Reason {
    outcome.await.unwrap_err().reason()
}

#[tokio::test]
async fn after_ten_beginnings_the_sign_in_is_dead_and_mfa_is_asked_no_more() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let token = bench.pending(ADA, Demand::Enroll).await;
    for _ in 0..10 {
        begin(&bench, &token, PresentedTicket::Absent).await.unwrap();
    }
    for _ in 0..20 {
        let refused = begin(&bench, &token, PresentedTicket::Absent);
        assert_eq!(reason(refused).await, Reason::SignInRefused);
    }
    assert_eq!(bench.mfa.enrollment_calls(), 10);
    assert_eq!(bench.count("SELECT count(*) FROM sign_in WHERE state = 'dead'").await, 1);
    assert_eq!(reason(confirm(&bench, &token)).await, Reason::SignInRefused);
    // The death, five that came after it; the others are counted.
    let expected = refusals(&[(SignInRefusal::Exhausted, 1), (SignInRefusal::Outdated, 5)]);
    assert_eq!(bench.refusals().await, expected);
    // Whoever signs in anew enrols.
    let token = bench.pending(ADA, Demand::Enroll).await;
    begin(&bench, &token, PresentedTicket::Absent).await.unwrap();
    acknowledge(&bench, &token).await.unwrap();
}

#[tokio::test]
async fn tickets_that_are_refused_are_told_as_such_recorded_a_few_times_and_counted_like_the_others() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let token = bench.pending(ADA, Demand::Enroll).await;
    bench.mfa.refuse_enrollments(Some(Reason::EnrollmentTicketRequired));
    for _ in 0..2 {
        let refused = begin(&bench, &token, PresentedTicket::Absent);
        assert_eq!(reason(refused).await, Reason::EnrollmentTicketRequired);
    }
    bench.mfa.refuse_enrollments(Some(Reason::EnrollmentTicketRefused));
    for _ in 0..4 {
        let unknown = PresentedTicket::Token(Token::generate().unwrap());
        assert_eq!(reason(begin(&bench, &token, unknown)).await, Reason::EnrollmentTicketRefused);
        // One that is none by its form is answered alike, and mfa need not look.
        let malformed = begin(&bench, &token, PresentedTicket::Malformed);
        assert_eq!(reason(malformed).await, Reason::EnrollmentTicketRefused);
    }
    assert_eq!(bench.mfa.enrollment_calls(), 6);
    let last = begin(&bench, &token, PresentedTicket::Malformed);
    assert_eq!(reason(last).await, Reason::SignInRefused);
    let expected = refusals(&[(SignInRefusal::EnrollmentRefused, 5), (SignInRefusal::Exhausted, 1)]);
    assert_eq!(bench.refusals().await, expected);
}

#[tokio::test]
async fn thirty_confirmations_and_acknowledgements_are_the_end() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let token = bench.pending(ADA, Demand::Enroll).await;
    for _ in 0..15 {
        bench.mfa.refuse_enrollments(None);
        assert_eq!(reason(confirm(&bench, &token)).await, Reason::SignInRefused);
        bench.mfa.refuse_enrollments(Some(Reason::EnrollmentNotConfirmed));
        assert_eq!(reason(acknowledge(&bench, &token)).await, Reason::EnrollmentNotConfirmed);
    }
    for _ in 0..10 {
        assert_eq!(reason(acknowledge(&bench, &token)).await, Reason::SignInRefused);
    }
    assert_eq!(bench.mfa.enrollment_calls(), 30);
    assert_eq!(bench.count("SELECT count(*) FROM sign_in WHERE state = 'dead'").await, 1);
    // Five that cost nothing, and the death.
    assert_eq!(bench.refusals().await.len(), 6);
}
