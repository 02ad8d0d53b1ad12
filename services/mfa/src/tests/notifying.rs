//! What users are told of, as events that the platform reads: about which event, and of whom.

use proto::events::event::Payload;
use proto::events::{Event, NotificationDue, NotificationKind};
use proto::mfa::DisableMfaRequest;
use proto::mfa::enforcement_service_server::EnforcementService;

use super::enforcing::user;
use super::fixture::{Fixture, by, session, session_in};

/// A notification, and the event it is about.
pub(super) struct Notice {
    pub(super) event: Event,
    pub(super) about: Event,
    pub(super) due: NotificationDue,
}

impl Fixture {
    /// Every notification so far. Each is about an event of the same user, recorded by the same unit before it.
    pub(super) async fn notices(&self) -> Vec<Notice> {
        let events = self.events().await;
        let notice = |(place, event): (usize, &Event)| {
            let Some(Payload::NotificationDue(due)) = event.payload.clone() else { return None };
            assert_eq!(event.r#type, "mfa.user.notification_due");
            let about = events[..place].iter().rev().find(|other| other.id == due.event_id).unwrap().clone();
            assert_eq!(
                (&about.subject, &about.path, &about.actor, &about.record_time),
                (&event.subject, &event.path, &event.actor, &event.record_time)
            );
            Some(Notice { event: event.clone(), about, due })
        };
        events.iter().enumerate().filter_map(notice).collect()
    }

    async fn told(&self) -> Vec<(NotificationKind, String)> {
        let notices = self.notices().await.into_iter();
        // Recovery codes have their own tests.
        let of_factors =
            notices.filter(|notice| notice.due.kind() != NotificationKind::RecoveryCodesGenerated);
        of_factors.map(|notice| (notice.due.kind(), notice.about.r#type)).collect()
    }
}

#[tokio::test]
async fn a_new_factor_a_reset_and_a_disable_that_destroys_are_told() {
    use NotificationKind::{FactorEnrolled, FactorReset};
    let (fixture, tree) = Fixture::with_tree().await;
    let mut expected = vec![(FactorEnrolled, "mfa.factor.enrolled".to_owned())];
    fixture.enroll(&tree.company_user).await;
    assert_eq!(fixture.told().await, expected);
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap();
    expected.push((FactorReset, "mfa.factor.reset".to_owned()));
    assert_eq!(fixture.told().await, expected);
    fixture.enroll(&tree.company_user).await;
    expected.push((FactorEnrolled, "mfa.factor.enrolled".to_owned()));

    let keep = DisableMfaRequest {
        target: user(&tree.company_user),
        reason: "a pilot ends".into(),
        keep_factors: true,
        ..Default::default()
    };
    fixture.policy.disable_mfa(by(&session(&tree.company_admin), keep)).await.unwrap();
    assert_eq!(fixture.told().await, expected);
    fixture.disable(&tree.company_admin, user(&tree.company_user)).await.unwrap();
    expected.push((FactorReset, "mfa.enforcement.disabled".to_owned()));
    assert_eq!(fixture.told().await, expected);
    // There was no factor any more: nothing to tell.
    fixture.disable(&tree.company_admin, user(&tree.company_user)).await.unwrap();
    assert_eq!(fixture.told().await, expected);
}

#[tokio::test]
async fn a_factor_that_its_user_removed_is_told() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let caller = session_in(&tree.company_user, 1);
    let factor = fixture.factors_of(&caller, None).await.unwrap().remove(0);
    fixture.remove(&caller, &factor.id, &phone.code(&fixture)).await.unwrap();
    let removed = (NotificationKind::FactorRemoved, "mfa.factor.removed".to_owned());
    assert_eq!(fixture.told().await.last(), Some(&removed));
}

#[tokio::test]
async fn what_cannot_be_told_does_not_happen() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let sign_in = fixture.sign_in(&tree.company_user).await;
    fixture.rows.batch_execute("REVOKE INSERT ON event FROM countersign_mfa").await.unwrap();
    for code in phone.wrong_codes(&fixture, 2) {
        let refused = fixture.verify(&sign_in, &code).await.unwrap_err();
        assert_ne!(rpc::reason_of(&refused), Some(fault::Reason::CodeRefused));
    }
    fixture.reset(&tree.company_admin, &tree.company_user).await.unwrap_err();
    assert_eq!(fixture.count("factor").await, 1);
}
