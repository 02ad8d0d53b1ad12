//! The password step and the code step.

use fault::Reason;
use identity::domain::evaluation::Demand;
use identity::domain::sign_in::NextStep;
use identity::ops::{OpenedSession, StartedSignIn, VerifyMfa};
use proto::events::{ActorKind, Outcome as EventOutcome, SignInRefusal, SubjectKind};
use time::Duration;
use types::{AuthSource, Role, Token};
use wire::OrganizationState;

use crate::support::{Bench, Codes, PASSWORD, organization, origin, public};

async fn verify(bench: &Bench, token: &Token, code: &str) -> fault::Outcome<OpenedSession> {
    let command = VerifyMfa {
        sign_in_token: Some(token.clone()),
        code: code.parse().unwrap(),
        key: None,
        origin: origin(),
    };
    bench.identity.verify_mfa(command).await.map(|finished| finished.session().unwrap())
}

#[tokio::test]
async fn whatever_is_wrong_with_a_login_looks_the_same() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    bench.user("disabled@company.example").await;
    bench
        .user_with("external@company.example", &bench.company, Role::CompanyUser, AuthSource::External)
        .await;
    bench
        .execute("UPDATE user_account SET state = 'disabled' WHERE login = 'disabled@company.example'")
        .await;
    bench.user("without@company.example").await;
    bench.execute("UPDATE user_account SET password_hash = NULL WHERE login LIKE 'without@%'").await;
    let mut answers = Vec::new();
    for (login, password, refusal) in [
        ("ada@company.example", "wrong password", SignInRefusal::PasswordWrong),
        ("eve@company.example", PASSWORD, SignInRefusal::LoginUnknown),
        ("eve@elsewhere.example", PASSWORD, SignInRefusal::LoginUnknown),
        ("no login at all", PASSWORD, SignInRefusal::LoginUnknown),
        ("external@company.example", PASSWORD, SignInRefusal::NotLocal),
        ("without@company.example", PASSWORD, SignInRefusal::PasswordWrong),
        ("disabled@company.example", "wrong password", SignInRefusal::PasswordWrong),
        ("disabled@company.example", PASSWORD, SignInRefusal::UserNotActive),
    ] {
        answers.push(public(&bench.start(login, password).await.unwrap_err()));
        let expected = ("password".to_owned(), i32::from(refusal));
        assert_eq!(bench.refusals().await.last(), Some(&expected), "{login}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(bench.mfa.evaluations(), 0);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn a_refusal_belongs_to_the_organisation_of_the_realm_or_to_the_provider() {
    let bench = Bench::new().await;
    bench.user_with("root@provider.example", &bench.provider, Role::ProviderAdmin, AuthSource::Local).await;
    bench.user("ada@company.example").await;
    bench.start("eve@company.example", PASSWORD).await.unwrap_err();
    bench.start("eve@elsewhere.example", PASSWORD).await.unwrap_err();
    bench.start("ada@company.example", "wrong password").await.unwrap_err();
    let events = bench.events().await;
    let places: Vec<_> = events.iter().map(|event| event.organization_id.clone()).collect();
    let [company, provider] =
        [&bench.company, &bench.provider].map(|path| path.organization_id().to_string());
    assert_eq!(places, [company.clone(), provider, company]);
    for event in &events {
        assert_eq!(event.outcome(), EventOutcome::Refused);
        assert_eq!(event.reason, "SIGN_IN_REFUSED");
        assert_eq!(event.actor.as_ref().unwrap().kind(), ActorKind::Anonymous);
        assert_eq!(event.client.as_ref().unwrap().address, "192.0.2.7");
    }
    assert_eq!(events[2].subject.as_ref().unwrap().kind(), SubjectKind::User);
}

#[tokio::test]
async fn a_refusal_before_there_is_any_organisation_is_still_a_refusal() {
    let bench = Bench::new().await;
    let fault = bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::SignInRefused);
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn a_password_is_enough_only_where_mfa_demands_nothing() {
    let bench = Bench::new().await;
    let user = bench.user("ada@company.example").await;
    let session = bench.complete("Ada@Company.Example").await;
    let events = bench.events().await;
    let completed = events.iter().find(|event| event.r#type == "identity.sign_in.completed").unwrap();
    let actor = completed.actor.as_ref().unwrap();
    assert_eq!((actor.kind(), actor.id.as_str()), (ActorKind::User, user.to_string().as_str()));
    assert_eq!(
        (actor.amr.as_slice(), &actor.session_id),
        (&["pwd".to_owned()][..], &session.session_id.to_string())
    );
    for demand in [Demand::Verify, Demand::Enroll] {
        bench.mfa.demand(demand);
        let started = bench.start("ada@company.example", PASSWORD).await.unwrap();
        let StartedSignIn::Next { step, expire_time, .. } = started else { panic!("a session") };
        assert_eq!(Some(step), NextStep::of(demand));
        assert_eq!(expire_time, bench.now() + Duration::minutes(10));
    }
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 1);
}

#[tokio::test]
async fn a_code_finishes_a_sign_in_once() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    bench.clock.advance(Duration::seconds(20));
    let session = verify(&bench, &token, "123456").await.unwrap();
    let claims = bench.identity.tokens.verify(&session.access_token.text).await.unwrap().unwrap();
    assert_eq!(claims.amr, ["pwd", "otp", "mfa"]);
    assert_eq!(claims.auth_time, (bench.now() - Duration::seconds(20)).unix_timestamp());
    assert_eq!(verify(&bench, &token, "123456").await.unwrap_err().reason(), Reason::SignInRefused);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 1);
    let types = bench.event_types().await;
    assert_eq!(types, ["identity.sign_in.started", "identity.sign_in.completed", "identity.sign_in.refused"]);
}

#[tokio::test]
async fn many_at_once_finish_a_sign_in_once() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    let calls = (0..8).map(|_| verify(&bench, &token, "123456"));
    let outcomes = futures::future::join_all(calls).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 1);
}

#[tokio::test]
async fn five_wrong_codes_end_a_sign_in_and_each_is_recorded() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    for _ in 0..5 {
        assert_eq!(verify(&bench, &token, "000000").await.unwrap_err().reason(), Reason::SignInRefused);
    }
    assert_eq!(verify(&bench, &token, "123456").await.unwrap_err().reason(), Reason::SignInRefused);
    let code = ("verify_mfa".to_owned(), i32::from(SignInRefusal::CodeRefused));
    let outdated = ("verify_mfa".to_owned(), i32::from(SignInRefusal::Outdated));
    let mut expected = vec![code; 5];
    expected.push(outdated);
    assert_eq!(bench.refusals().await, expected);
}

#[tokio::test]
async fn a_sign_in_dies_of_age_of_change_and_of_the_wrong_step() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let late = bench.pending("ada@company.example", Demand::Verify).await;
    bench.clock.advance(Duration::minutes(10));
    let enrol = bench.pending("ada@company.example", Demand::Enroll).await;
    let changed = bench.pending("ada@company.example", Demand::Verify).await;
    bench.mfa.codes(Codes::Refused(Reason::GenerationOutdated));
    let outdated = bench.pending("ada@company.example", Demand::Verify).await;
    assert_eq!(verify(&bench, &outdated, "123456").await.unwrap_err().reason(), Reason::SignInRefused);
    bench.mfa.codes(Codes::OneIsRight);
    bench.execute("UPDATE user_account SET version = version + 1").await;
    let unknown = Token::generate().unwrap();
    let mut answers = Vec::new();
    for token in [late, enrol, changed, outdated, unknown] {
        answers.push(public(&verify(&bench, &token, "123456").await.unwrap_err()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn nobody_gets_in_while_mfa_cannot_be_asked() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    bench.mfa.reachable(false);
    let reason = verify(&bench, &token, "123456").await.unwrap_err().reason();
    assert_eq!(reason, Reason::DependencyUnavailable);
    let reason = bench.start("ada@company.example", PASSWORD).await.unwrap_err().reason();
    assert_eq!(reason, Reason::DependencyUnavailable);
    // Who does not know the password does not learn that mfa is down.
    let reason = bench.start("ada@company.example", "wrong password").await.unwrap_err().reason();
    assert_eq!(reason, Reason::SignInRefused);
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
    bench.mfa.reachable(true);
    verify(&bench, &token, "123456").await.unwrap();
}

#[tokio::test]
async fn nobody_of_a_suspended_organisation_gets_in() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    bench.project(&organization(&bench.company, "company", OrganizationState::Inactive, 2)).await;
    assert_eq!(
        bench.start("ada@company.example", PASSWORD).await.unwrap_err().reason(),
        Reason::SignInRefused
    );
    assert_eq!(verify(&bench, &token, "123456").await.unwrap_err().reason(), Reason::SignInRefused);
    assert!(bench.identity.introspect_token(&session.access_token.text).await.unwrap().is_none());
    let class = i32::from(SignInRefusal::OrganizationNotActive);
    assert_eq!(bench.refusals().await[0], ("password".to_owned(), class));
}

#[tokio::test]
async fn an_organisation_that_is_missing_is_asked_for() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    bench.execute("DELETE FROM organization").await;
    bench.complete("ada@company.example").await;
    // With everything above it: a suspended reseller would have shut them out.
    assert_eq!(bench.count("SELECT count(*) FROM organization").await, 3);
}

#[tokio::test]
async fn a_hash_of_lower_parameters_is_replaced_at_sign_in() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let params = argon2::Params::new(8_192, 1, 1, Some(32)).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let hash: argon2::PasswordHash =
        argon2::PasswordHasher::hash_password_with_salt(&argon2, PASSWORD.as_bytes(), b"0123456789abcdef")
            .unwrap();
    bench.execute(&format!("UPDATE user_account SET password_hash = '{hash}'")).await;
    bench.complete("ada@company.example").await;
    let upgraded = "SELECT count(*) FROM user_account
        WHERE password_hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%' AND version = 1";
    assert_eq!(bench.count(upgraded).await, 1);
    bench.complete("ada@company.example").await;
}

#[tokio::test]
async fn no_token_and_no_password_is_stored_in_plain() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let session = bench.complete("ada@company.example").await;
    let token = bench.pending("ada@company.example", Demand::Verify).await;
    let owner = bench.database.owner().await;
    for table in ["event", "sign_in", "session", "refresh_token", "user_account", "signing_key"] {
        let rows = owner.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap();
        for row in rows {
            let text: &str = row.get(0);
            let secrets =
                [token.expose(), session.refresh_token.expose(), &session.access_token.text, PASSWORD];
            for secret in secrets {
                let hex = data_encoding::HEXLOWER.encode(secret.as_bytes());
                assert!(!text.contains(secret) && !text.contains(&hex), "{table}");
            }
        }
    }
}
