//! Calls in a session whose answer was lost, made again: refreshing, proving once more, changing the password.

use access::Authenticator;
use eventlog::request_record::sealed;
use fault::{Outcome, Reason};
use futures::future::join_all;
use identity::ops::{ChangePassword, OpenedSession, REFRESH_KEPT, RefreshSession, StepUp};
use proto::events::event::Payload;
use proto::identity::{ChangePasswordRequest, VerifyMfaRequest};
use time::Duration;
use types::{Password, RequestId, ServiceName, Token};

use super::{asked, key, same};
use crate::support::{Bench, PASSWORD, lives, origin};

#[tokio::test]
async fn a_refresh_is_repeated_for_half_a_minute_and_an_alarm_after_that() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let opened = bench.complete("ada@company.example").await;
    let refresh = async |token: &Token, id: Option<RequestId>| {
        let command = RefreshSession {
            refresh_token: Some(token.clone()),
            key: id.and_then(|id| key(&bench, token, id, "")).map(|key| key.kept_for(REFRESH_KEPT)),
            origin: origin(),
        };
        bench.identity.refresh_session(command).await
    };
    let id = RequestId::generate();
    let outcomes = join_all((0..4).map(|_| refresh(&opened.refresh_token, Some(id))))
        .await
        .into_iter()
        .map(Outcome::unwrap);
    let answers: Vec<OpenedSession> = outcomes.collect();
    assert!(answers.iter().all(|one| same(one, &answers[0])));
    bench.clock.advance(Duration::seconds(29));
    assert!(same(&answers[0], &refresh(&opened.refresh_token, Some(id)).await.unwrap()));
    let refreshed = bench.event_types().await;
    assert_eq!(refreshed.iter().filter(|name| *name == "identity.session.refreshed").count(), 1);

    let second = refresh(&answers[0].refresh_token, Some(id)).await.unwrap();
    bench.clock.advance(Duration::seconds(1));
    assert_eq!(refresh(&opened.refresh_token, Some(id)).await.unwrap_err().reason(), Reason::RefreshRefused);
    assert!(!lives(&bench, &second).await);
    assert_eq!(bench.event_types().await.last().unwrap(), "identity.session.ended");
}

#[tokio::test]
async fn a_refresh_by_another_request_is_an_alarm_at_once() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    for id in [None, Some(RequestId::generate())] {
        let opened = bench.complete("ada@company.example").await;
        let first = RequestId::generate();
        for (id, is_good) in [(Some(first), true), (id, false), (Some(first), false)] {
            let command = RefreshSession {
                refresh_token: Some(opened.refresh_token.clone()),
                key: id.and_then(|id| key(&bench, &opened.refresh_token, id, "")),
                origin: origin(),
            };
            assert_eq!(bench.identity.refresh_session(command).await.is_ok(), is_good);
        }
    }
}

#[tokio::test]
async fn a_refresh_of_what_is_over_is_recorded_once() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let opened = bench.complete("ada@company.example").await;
    bench.clock.advance(Duration::hours(1));
    for token in [
        Some(opened.refresh_token.clone()),
        Some(opened.refresh_token),
        Some(Token::generate().unwrap()),
        None,
    ] {
        let command = RefreshSession { refresh_token: token, key: None, origin: origin() };
        let refused = bench.identity.refresh_session(command).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::RefreshRefused);
    }
    let events = bench.events().await;
    let refused: Vec<_> = events.iter().filter(|event| event.r#type == "identity.call.refused").collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].subject.as_ref().unwrap().id, opened.session_id.to_string());
    assert_eq!(refused[0].reason, "REFRESH_REFUSED");
    bench.identity.summarize_refusals().await.unwrap();
    let counted = bench.events().await.into_iter().skip(events.len()).map(|event| match event.payload {
        Some(Payload::SignInRefusalsCounted(counted)) => (counted.cause, counted.attempts),
        other => panic!("{other:?}"),
    });
    let mut counted: Vec<_> = counted.collect();
    counted.sort_unstable();
    assert_eq!(counted, [("repeated".to_owned(), 1), ("unknown_token".to_owned(), 2)]);
}

#[tokio::test]
async fn a_step_up_is_done_once_and_the_code_spent_once() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let opened = bench.complete("ada@company.example").await;
    let bearer = bench.identity.authenticate(&opened.access_token.text).await.unwrap();
    let id = RequestId::generate();
    let step_up = async || {
        let message = VerifyMfaRequest { code: "123456".to_owned(), ..VerifyMfaRequest::default() };
        let scope = bearer.session_id.to_string();
        let key = sealed::Key::new(&bench.keyring, ServiceName::Identity, scope, "step_up", id, &message);
        let command = StepUp {
            bearer: bearer.clone(),
            code: "123456".parse().unwrap(),
            key: Some(key),
            origin: asked(id),
        };
        bench.identity.step_up(command).await
    };
    let at = bench.now();
    step_up().await.unwrap();
    bench.clock.advance(Duration::minutes(6));
    let token = step_up().await.unwrap();
    let stepped_up = bench.identity.authenticate(&token.text).await.unwrap();
    assert_eq!(stepped_up.mfa_time, Some(at), "told again, not proved again");
    assert_eq!(bench.mfa.attempts().len(), 1);
    let types = bench.event_types().await;
    assert_eq!(types.iter().filter(|name| *name == "identity.session.stepped_up").count(), 1);
    bench.identity.revoke_session(bearer.clone(), None, origin()).await.unwrap();
    assert_eq!(step_up().await.unwrap_err().reason(), Reason::TokenInvalid);
}

#[tokio::test]
async fn a_password_is_changed_once_however_often_the_answer_is_lost() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let opened = bench.complete("ada@company.example").await;
    let bearer = bench.identity.authenticate(&opened.access_token.text).await.unwrap();
    let id = RequestId::generate();
    let change = async |new: &str| {
        let (current_password, new_password) = (PASSWORD.to_owned(), new.to_owned());
        let message = ChangePasswordRequest { current_password, new_password, request_id: id.to_string() };
        let scope = bearer.session_id.to_string();
        let key = sealed::Key::new(&bench.keyring, ServiceName::Identity, scope, "change", id, &message);
        let [current, new] = [PASSWORD, new].map(|text| Password::parse(text).unwrap());
        let (bearer, origin) = (bearer.clone(), asked(id));
        bench.identity.change_password(ChangePassword { bearer, current, new, key: Some(key), origin }).await
    };
    for _ in 0..3 {
        change("another good password").await.unwrap();
    }
    let types = bench.event_types().await;
    assert_eq!(types.iter().filter(|name| *name == "identity.user.password_changed").count(), 1);
    assert!(!types.contains(&"identity.sign_in.refused".to_owned()), "{types:?}");
    assert_eq!(change("a third good password").await.unwrap_err().reason(), Reason::RequestIdReused);
    bench.start("ada@company.example", "another good password").await.unwrap();
}
