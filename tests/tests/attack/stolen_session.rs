//! Whoever has stolen a session, or a password, and wants to stay.

use countersign_tests::evidence::{Throttle, events, tally};
use proto::events::SessionEnd;
use proto::events::event::Payload;
use proto::identity::{GetCurrentUserRequest, RefreshSessionRequest, Session};
use proto::mfa::{
    AcknowledgeEnrollmentRequest, BeginEnrollmentRequest, ConfirmEnrollmentRequest, ListFactorsRequest,
    RegenerateRecoveryCodesRequest, RemoveFactorRequest,
};
use proto::tenant::GetOrganizationRequest;
use testkit::{Console, as_user, reason};
use time::Duration;
use tonic::{Code, Status};

use crate::siege::Siege;

/// What each of the three services says to an access token.
async fn heard(console: &Console, session: &Session, organization_id: &str) -> [String; 3] {
    let said = |outcome: Result<(), Status>| outcome.map_or_else(reason, |()| "OK".to_owned());
    let get = GetOrganizationRequest { organization_id: organization_id.to_owned() };
    let tenant = console.tenants.clone().get_organization(as_user(session, get)).await.map(drop);
    let current = as_user(session, GetCurrentUserRequest {});
    let identity = console.sessions.clone().get_current_user(current).await.map(drop);
    let list = as_user(session, ListFactorsRequest::default());
    let mfa = console.factors.clone().list_factors(list).await.map(drop);
    [said(tenant), said(identity), said(mfa)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_that_is_used_twice_ends_its_whole_family_everywhere() {
    let siege = Siege::lay().await;
    let company = &siege.tree.company.id;
    let first = siege.consoles[0].verify(&siege.sign_in().await, &siege.code()).await.unwrap();
    let second = siege.consoles[1].refresh(&first).await.unwrap();
    let third = siege.consoles[0].refresh(&second).await.unwrap();
    for console in &siege.consoles {
        assert_eq!(heard(console, &third, company).await, ["OK"; 3]);
    }
    // The thief has an old one. Under a request id of their own it is no less an alarm.
    let request = RefreshSessionRequest {
        refresh_token: second.refresh_token.clone(),
        request_id: "0193f0aa-0000-7000-8000-000000000001".to_owned(),
        ..RefreshSessionRequest::default()
    };
    let refused = siege.consoles[1].sessions.clone().refresh_session(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(refused)), (Code::Unauthenticated, "REFRESH_REFUSED".to_owned()));
    for console in &siege.consoles {
        for session in [&first, &second, &third] {
            assert_eq!(heard(console, session, company).await, ["TOKEN_INVALID"; 3]);
            assert_eq!(reason(console.refresh(session).await.unwrap_err()), "REFRESH_REFUSED");
        }
    }
    let told = tally(&siege.system.identity_database, &first.session_id).await;
    assert_eq!(told.get("identity.session.refreshed"), Some(&2), "{told:?}");
    assert_eq!(told.get("identity.session.ended"), Some(&1), "{told:?}");
    let log = events(&siege.system.identity_database).await;
    let ended = log.iter().find_map(|event| match &event.payload {
        Some(Payload::SessionEnded(ended)) if ended.session_id == first.session_id => Some(ended),
        _ => None,
    });
    assert_eq!(ended.unwrap().cause(), SessionEnd::RefreshTokenReused);
}

/// "Replace the factor with the password alone", "… with a stolen session": neither password nor session is the factor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_password_nor_session_replaces_a_factor() {
    let siege = Siege::lay().await;
    let console = &siege.consoles[0];
    // Password alone: no enrolment, not even with a ticket's shape.
    let token = siege.sign_in().await;
    for ticket in ["", token.as_str()] {
        assert_eq!(reason(console.begin(&token, ticket).await.unwrap_err()), "SIGN_IN_REFUSED");
    }
    assert_eq!(reason(console.confirm(&token, &siege.code()).await.unwrap_err()), "SIGN_IN_REFUSED");
    assert_eq!(reason(console.acknowledge(&token).await.unwrap_err()), "SIGN_IN_REFUSED");

    // A session with a fresh second factor, and the code that it was opened with.
    let used = siege.code();
    let session = siege.consoles[1].verify(&token, &used).await.unwrap();
    let mut factors = console.factors.clone();
    let list = as_user(&session, ListFactorsRequest::default());
    let factor_id = factors.list_factors(list).await.unwrap().into_inner().factors[0].id.clone();
    for code in [String::new(), used, siege.wrong_codes(1).remove(0)] {
        let is_empty = code.is_empty();
        let expected = if is_empty { "INVALID_ARGUMENT" } else { "CODE_REFUSED" };
        let begin = BeginEnrollmentRequest { code: code.clone(), ..BeginEnrollmentRequest::default() };
        let remove = RemoveFactorRequest {
            factor_id: factor_id.clone(),
            code: code.clone(),
            ..RemoveFactorRequest::default()
        };
        let regenerate = RegenerateRecoveryCodesRequest { code, ..RegenerateRecoveryCodesRequest::default() };
        let begun = factors.begin_enrollment(as_user(&session, begin)).await.map(drop);
        let removed = factors.remove_factor(as_user(&session, remove)).await.map(drop);
        let regenerated = factors.regenerate_recovery_codes(as_user(&session, regenerate)).await.map(drop);
        // Without a code there is nothing to begin: the answer says that a factor exists.
        assert_eq!(reason(begun.unwrap_err()), if is_empty { "FACTOR_EXISTS" } else { expected });
        // The policy keeps the factor, whatever is shown.
        let removed = reason(removed.unwrap_err());
        assert!([expected, "MFA_ENFORCED"].contains(&removed.as_str()), "{removed}");
        assert_eq!(reason(regenerated.unwrap_err()), expected);
    }
    let confirm = ConfirmEnrollmentRequest { code: siege.code(), ..ConfirmEnrollmentRequest::default() };
    let confirmed = factors.confirm_enrollment(as_user(&session, confirm)).await.map(drop);
    assert_eq!(reason(confirmed.unwrap_err()), "ENROLLMENT_NOT_FOUND");
    let acknowledge = as_user(&session, AcknowledgeEnrollmentRequest::default());
    let acknowledged = factors.acknowledge_enrollment(acknowledge).await.map(drop);
    assert_eq!(reason(acknowledged.unwrap_err()), "ENROLLMENT_NOT_FOUND");
    // All of it went into the one budget.
    assert!(Throttle::of(&siege.system, siege.user_id()).await.wrong_codes >= 2);
    siege.system.clock.advance(Duration::seconds(30));
    console.verify(&siege.sign_in().await, &siege.code()).await.unwrap();
}
