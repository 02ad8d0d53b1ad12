//! External users: an identity broker asserts their sign-ins, and nothing else lets them in.

use access::Authenticator;
use fault::{Outcome, Reason};
use identity::domain::evaluation::Demand;
use identity::domain::external::ExternalMethods;
use identity::ops::{AssertExternalSignIn, OpenedSession, Origin, StepUp};
use rpc::CallInfo;
use time::Duration;
use types::{AuthSource, OrganizationId, Role};
use wire::OrganizationState;

use crate::support::{BROKER, Bench, PASSWORD, lives, organization, origin, public, refresh};

fn command(subject: &str, amr: &[&str]) -> AssertExternalSignIn {
    let values: Vec<String> = amr.iter().map(|value| (*value).to_owned()).collect();
    let call = CallInfo { peer: BROKER.to_owned(), ..origin().call };
    AssertExternalSignIn {
        realm: "company.example".parse().unwrap(),
        subject: subject.parse().unwrap(),
        methods: ExternalMethods::parse(&values).unwrap(),
        auth_time: None,
        origin: Origin { call, ..origin() },
    }
}

pub(crate) async fn assert(bench: &Bench, subject: &str, amr: &[&str]) -> Outcome<OpenedSession> {
    bench.identity.assert_external_sign_in(command(subject, amr)).await
}

async fn external_user(bench: &Bench, login: &str) {
    bench.user_with(login, &bench.company, Role::CompanyAdmin, AuthSource::External).await;
}

#[tokio::test]
async fn a_broker_opens_a_session_for_an_external_user() {
    let bench = Bench::new().await;
    external_user(&bench, "ada@company.example").await;
    let before = bench.now();
    bench.clock.advance(Duration::minutes(4));
    let asserted = AssertExternalSignIn {
        auth_time: Some(before),
        ..command("ada@company.example", &["pwd", "hwk", "mfa"])
    };
    let session = bench.identity.assert_external_sign_in(asserted).await.unwrap();
    let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    assert_eq!(bearer.amr, ["pwd", "hwk", "mfa"]);
    assert_eq!((bearer.auth_time, bearer.mfa_time), (before, Some(before)));
    let events = bench.events().await;
    let completed = events.iter().find(|event| event.r#type == "identity.sign_in.completed").unwrap();
    assert_eq!(completed.peer, BROKER);
    // It is refreshed like every session, says the same, and is not stepped up here.
    bench.clock.advance(Duration::minutes(20));
    let refreshed = refresh(&bench, &session).await.unwrap();
    let bearer = bench.identity.authenticate(&refreshed.access_token.text).await.unwrap();
    assert_eq!((bearer.amr.len(), bearer.mfa_time), (3, Some(before)));
    assert!(!bearer.has_fresh_mfa(bench.now()));
    let step_up = StepUp { bearer, code: "123456".parse().unwrap(), key: None, origin: origin() };
    assert_eq!(bench.identity.step_up(step_up).await.unwrap_err().reason(), Reason::FactorMissing);
}

#[tokio::test]
async fn only_the_word_mfa_counts_as_a_second_factor() {
    let bench = Bench::new().await;
    external_user(&bench, "ada@company.example").await;
    for amr in [&[][..], &["pwd", "otp"], &["MFA"]] {
        let session = assert(&bench, "ada@company.example", amr).await.unwrap();
        let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
        assert_eq!(bearer.amr, *amr);
        assert_eq!(bearer.mfa_time, None);
    }
}

#[tokio::test]
async fn nobody_else_gets_in_that_way_and_the_broker_learns_nothing() {
    let bench = Bench::new().await;
    external_user(&bench, "ada@company.example").await;
    bench.user("bob@company.example").await;
    external_user(&bench, "dan@company.example").await;
    bench.execute("UPDATE user_account SET state = 'disabled' WHERE login LIKE 'dan@%'").await;
    let mut answers = Vec::new();
    for subject in ["eve@company.example", "bob@company.example", "dan@company.example"] {
        answers.push(public(&assert(&bench, subject, &["mfa"]).await.unwrap_err()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].starts_with("SIGN_IN_REFUSED"));
    let refusals = bench.refusals().await;
    assert_eq!(refusals.len(), 3);
    assert!(refusals.iter().all(|(step, _)| step == "external"), "{refusals:?}");

    let mut other = command("ada@company.example", &[]);
    other.origin.call.peer = "console".to_owned();
    let refused = bench.identity.assert_external_sign_in(other).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::PeerNotAllowed);
    for wrong in [Duration::minutes(-6), Duration::seconds(10)] {
        let auth_time = Some(bench.now() + wrong);
        let late = AssertExternalSignIn { auth_time, ..command("ada@company.example", &[]) };
        let refused = bench.identity.assert_external_sign_in(late).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidArgument);
    }
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn an_external_user_has_no_password_session_whatever_is_typed() {
    let bench = Bench::new().await;
    external_user(&bench, "ada@company.example").await;
    let refused = bench.start("ada@company.example", PASSWORD).await.unwrap_err();
    let unknown = bench.start("eve@company.example", PASSWORD).await.unwrap_err();
    assert_eq!(public(&refused), public(&unknown));
    assert_eq!(bench.mfa.evaluations(), 0);
}

#[tokio::test]
async fn while_mfa_is_down_or_demands_a_factor_nobody_gets_in() {
    let bench = Bench::new().await;
    external_user(&bench, "ada@company.example").await;
    bench.mfa.reachable(false);
    let refused = assert(&bench, "ada@company.example", &["mfa"]).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::DependencyUnavailable);
    bench.mfa.reachable(true);
    for demand in [Demand::Verify, Demand::Enroll] {
        bench.mfa.demand(demand);
        let refused = assert(&bench, "ada@company.example", &["mfa"]).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::DependencyUnavailable);
    }
    assert_eq!(bench.count("SELECT count(*) FROM session").await, 0);
}

#[tokio::test]
async fn a_session_of_one_source_is_worth_nothing_for_a_user_of_the_other() {
    let bench = Bench::new().await;
    external_user(&bench, "ada@company.example").await;
    bench.user("bob@company.example").await;
    let asserted = assert(&bench, "ada@company.example", &["mfa"]).await.unwrap();
    let by_password = bench.complete("bob@company.example").await;
    // Even were the version not to have risen: what no operation does.
    bench
        .execute(
            "UPDATE user_account SET auth_source = 'local', external_subject = NULL WHERE login LIKE 'ada@%';
             UPDATE user_account SET auth_source = 'external', password_hash = NULL WHERE login LIKE 'bob@%'",
        )
        .await;
    for session in [&asserted, &by_password] {
        assert!(!lives(&bench, session).await);
        assert_eq!(refresh(&bench, session).await.unwrap_err().reason(), Reason::RefreshRefused);
    }
}

#[tokio::test]
async fn a_subject_is_good_within_its_realm_only() {
    let bench = Bench::new().await;
    let other = bench.reseller.child(OrganizationId::generate()).unwrap();
    bench.tenant.set(organization(&other, "other", OrganizationState::Active, 1));
    external_user(&bench, "ada@company.example").await;
    let elsewhere = bench.user_with("bob@other.example", &other, Role::CompanyAdmin, AuthSource::External);
    let elsewhere = elsewhere.await;
    // Another organisation's provider knows somebody by the same subject: nobody is in anybody's way.
    let sql =
        "UPDATE user_account SET external_subject = 'ada@company.example' WHERE login = 'bob@other.example'";
    bench.execute(sql).await;
    assert(&bench, "ada@company.example", &["mfa"]).await.unwrap();
    let realm = "other.example".parse().unwrap();
    let asserted = AssertExternalSignIn { realm, ..command("ada@company.example", &["mfa"]) };
    let session = bench.identity.assert_external_sign_in(asserted).await.unwrap();
    let bearer = bench.identity.authenticate(&session.access_token.text).await.unwrap();
    assert_eq!(bearer.user_id, elsewhere);
    for realm in ["company.example.other.example", "pany.example", "nobody.example"] {
        let asserted = AssertExternalSignIn {
            realm: realm.parse().unwrap(),
            ..command("ada@company.example", &["mfa"])
        };
        let refused = bench.identity.assert_external_sign_in(asserted).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::SignInRefused, "{realm}");
    }
}
