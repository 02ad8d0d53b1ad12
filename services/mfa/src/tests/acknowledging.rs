//! "I saved it", said twice: the second time nothing happens, and the answer is the same.

use std::sync::Arc;

use access::SignedIn;
use fault::Reason;
use proto::events::UserPasswordChanged;
use proto::events::event::Payload;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::verification_service_server::VerificationService;
use proto::mfa::{AcknowledgeEnrollmentRequest, AcknowledgeSignInEnrollmentResponse, Factor};
use tokio::task::JoinSet;
use tonic::Status;
use types::{RequestId, SignInId};

use super::enforcing::company;
use super::fixture::{Fixture, SignIn, by, followed, refusal, session, session_in};
use crate::peers::FollowIdentity;

impl Fixture {
    async fn acknowledged(&self, sign_in: &SignIn) -> Result<AcknowledgeSignInEnrollmentResponse, Status> {
        let answer = self.verification.acknowledge_sign_in_enrollment(sign_in.acknowledge()).await;
        answer.map(tonic::Response::into_inner)
    }

    async fn acknowledge_once(&self, caller: &SignedIn, request_id: RequestId) -> Result<Factor, Status> {
        let request = AcknowledgeEnrollmentRequest { request_id: request_id.to_string() };
        let answer = self.factors.acknowledge_enrollment(by(caller, request)).await?;
        Ok(answer.into_inner().factor.unwrap())
    }

    async fn enrolled(&self) -> usize {
        self.event_types().await.iter().filter(|name| *name == "mfa.factor.enrolled").count()
    }

    /// A sign-in whose enrolment is confirmed.
    async fn confirmed(&self, user: &wire::UserFacts) -> SignIn {
        let sign_in = self.sign_in(user).await;
        let phone = self.begin(&sign_in, "").await.unwrap();
        self.confirm(&sign_in, &phone.code(self)).await.unwrap();
        sign_in
    }
}

#[tokio::test]
async fn the_sign_in_that_acknowledged_gets_the_same_answer_until_something_changes() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.confirmed(&tree.company_user).await;
    let first = fixture.acknowledged(&sign_in).await.unwrap();
    fixture.tick(120);
    assert_eq!(fixture.acknowledged(&sign_in).await.unwrap(), first);
    assert_eq!((fixture.enrolled().await, fixture.count("factor").await), (1, 1));
    // Nobody else does.
    let other = SignIn { id: SignInId::generate(), ..sign_in.clone() };
    assert_eq!(refusal(fixture.acknowledged(&other).await), Reason::GenerationOutdated);
    let mut told_later = sign_in.clone();
    told_later.told.generation += 1;
    assert_eq!(refusal(fixture.acknowledged(&told_later).await), Reason::EnrollmentNotFound);
    // What is based on policy that has changed is dead.
    fixture.enforce(&tree.reseller_admin, company(&tree.company)).await.unwrap();
    assert_eq!(refusal(fixture.acknowledged(&sign_in).await), Reason::GenerationOutdated);
}

#[tokio::test]
async fn after_a_reset_it_is_not_the_same_any_more() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.confirmed(&tree.company_user).await;
    fixture.acknowledged(&sign_in).await.unwrap();
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    assert_eq!(refusal(fixture.acknowledged(&sign_in).await), Reason::GenerationOutdated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_at_once_none_is_refused_and_one_factor_is_made() {
    let (fixture, tree) = Fixture::with_tree().await;
    let replicas = [Arc::new(fixture.replica()), Arc::new(fixture.replica())];
    for user in [&tree.company_user, &tree.company_admin, &tree.reseller_admin] {
        let sign_in = fixture.confirmed(user).await;
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let (replica, request) = (Arc::clone(&replicas[number % 2]), sign_in.acknowledge());
            tasks.spawn(async move {
                replica.acknowledge_sign_in_enrollment(request).await.unwrap().into_inner()
            });
        }
        let answers = tasks.join_all().await;
        assert!(answers.iter().all(|answer| answer == &answers[0]));
    }
    assert_eq!(fixture.enrolled().await, 3);
}

#[tokio::test]
async fn the_session_that_acknowledged_gets_the_same_answer_and_waits_again() {
    let (fixture, tree) = Fixture::with_tree().await;
    let caller = session(&tree.company_user);
    let phone = fixture.begin_in(&caller, "").await.unwrap();
    fixture.confirm_in(&caller, &phone.code(&fixture)).await.unwrap();
    fixture.peers.set_behind(true);
    assert_eq!(refusal(fixture.acknowledge_in(&caller).await), Reason::NotYetInForce);
    fixture.peers.set_behind(false);
    let factor = fixture.acknowledge_in(&caller).await.unwrap();
    assert_eq!(factor.recovery_codes_left, 10);
    let awaited = fixture.peers.awaited();
    assert_eq!((awaited.len(), awaited[0]), (2, awaited[1]));
    let other = session_in(&tree.company_user, 1);
    assert_eq!(refusal(fixture.acknowledge_in(&other).await), Reason::EnrollmentNotFound);
    assert_eq!(fixture.enrolled().await, 1);
}

#[tokio::test]
async fn a_late_repetition_never_activates_what_came_after() {
    let (fixture, tree) = Fixture::with_tree().await;
    let (caller, request) = (session(&tree.company_user), RequestId::generate());
    let phone = fixture.begin_in(&caller, "").await.unwrap();
    fixture.confirm_in(&caller, &phone.code(&fixture)).await.unwrap();
    let first = fixture.acknowledge_once(&caller, request).await.unwrap();
    // The same session replaces the phone: begun and confirmed, and not saved yet.
    fixture.tick(30);
    let again = SignedIn { generation: 1, ..caller.clone() };
    let next = fixture.begin_in(&again, &phone.code(&fixture)).await.unwrap();
    fixture.confirm_in(&again, &next.code(&fixture)).await.unwrap();
    assert_eq!(fixture.acknowledge_once(&again, request).await.unwrap().id, first.id);
    assert_eq!(fixture.enrolled().await, 1);
    // Then saved; and what is repeated belongs to another generation.
    let second = fixture.acknowledge_in(&again).await.unwrap();
    assert_ne!(second.id, first.id);
    let late = fixture.acknowledge_once(&again, request).await;
    assert_eq!(refusal(late), Reason::GenerationOutdated);
    assert_eq!((fixture.enrolled().await, fixture.count("factor").await), (2, 1));
}

#[tokio::test]
async fn a_sign_in_of_before_a_new_password_activates_nothing() {
    let (fixture, tree) = Fixture::with_tree().await;
    let sign_in = fixture.confirmed(&tree.company_user).await;
    // Its last call was under way when the password changed, and that was acknowledged.
    let facts = fixture.peers.change_user(tree.company_user.id, |_| ());
    let changed = UserPasswordChanged { user: Some(facts.to_wire()), by_administrator: false };
    let event = followed("identity.user.password_changed", Payload::UserPasswordChanged(changed));
    fixture.follow(FollowIdentity, &event).await;
    assert_eq!(refusal(fixture.acknowledged(&sign_in).await), Reason::GenerationOutdated);
    assert_eq!((fixture.enrolled().await, fixture.count("factor").await), (0, 0));
    assert_eq!(fixture.event_types().await.last().map(String::as_str), Some("mfa.enrollment.refused"));
    // Who signs in with the new one enrols.
    let later = fixture.confirmed(&facts).await;
    fixture.acknowledged(&later).await.unwrap();
    assert_eq!((fixture.enrolled().await, fixture.count("factor").await), (1, 1));
}
