//! While a part of the system is down: UNAVAILABLE, and never a session.

use countersign_tests::evidence::sessions;
use testkit::{ADMIN_LOGIN, TestDatabase, TestSystem};
use time::Duration;
use tonic::Code;
use types::ServiceName;

use crate::siege::Siege;

/// Everything that could open or prolong a session, tried on both replicas.
async fn nobody_gets_in(siege: &Siege, open: &str, session: &proto::identity::Session, what: &str) {
    for console in &siege.consoles {
        let started = console.start(ADMIN_LOGIN).await;
        let refused = started.expect_err(what);
        assert_eq!(refused.code(), Code::Unavailable, "{what}: StartSignIn: {refused:?}");
        let refused = console.verify(open, &siege.code()).await.expect_err(what);
        assert_eq!(refused.code(), Code::Unavailable, "{what}: VerifyMfa: {refused:?}");
        let refused = console.refresh(session).await.expect_err(what);
        assert_eq!(refused.code(), Code::Unavailable, "{what}: RefreshSession: {refused:?}");
    }
}

/// What was open before is as good as before, once: nothing was spent on a call that could not be decided.
async fn everything_goes_on(siege: &Siege, open: &str, session: &proto::identity::Session) {
    let console = &siege.consoles[0];
    let answers = || async { console.start(ADMIN_LOGIN).await.is_ok() };
    siege.system.eventually("sign-in works again", answers).await;
    // A code that was given while mfa could not answer may have been looked at: the next one is asked for.
    siege.system.clock.advance(Duration::seconds(30));
    console.verify(open, &siege.code()).await.unwrap();
    console.refresh(session).await.unwrap();
}

async fn a_database_is_down(database: fn(&TestSystem) -> &TestDatabase, what: &str) {
    let siege = Siege::lay().await;
    let session = siege.consoles[0].verify(&siege.sign_in().await, &siege.code()).await.unwrap();
    siege.system.clock.advance(Duration::seconds(30));
    let open = siege.sign_in().await;
    database(&siege.system).shut_out().await;
    nobody_gets_in(&siege, &open, &session, what).await;
    database(&siege.system).let_in().await;
    everything_goes_on(&siege, &open, &session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_identitys_database_nobody_gets_in() {
    a_database_is_down(|system| &system.identity_database, "identity's database is down").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_mfas_database_nobody_gets_in() {
    a_database_is_down(|system| &system.mfa_database, "mfa's database is down").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_mfa_nobody_gets_in() {
    let mut siege = Siege::lay().await;
    let session = siege.consoles[0].verify(&siege.sign_in().await, &siege.code()).await.unwrap();
    siege.system.clock.advance(Duration::seconds(30));
    let open = siege.sign_in().await;
    let had = sessions(&siege.system, siege.user_id()).await;
    for replica in 0..2 {
        siege.system.stop(replica, ServiceName::Mfa).await;
    }
    nobody_gets_in(&siege, &open, &session, "mfa is down").await;
    assert_eq!(sessions(&siege.system, siege.user_id()).await, had);
    for replica in 0..2 {
        siege.system.restart(replica, ServiceName::Mfa).await;
    }
    everything_goes_on(&siege, &open, &session).await;
}

/// What tenant has said is known to the others. What is not is asked for, and never assumed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tenant_what_is_not_known_is_not_assumed() {
    let mut siege = Siege::lay().await;
    let session = siege.consoles[0].verify(&siege.sign_in().await, &siege.code()).await.unwrap();
    siege.system.clock.advance(Duration::seconds(30));
    let open = siege.sign_in().await;
    for replica in 0..2 {
        siege.system.stop(replica, ServiceName::Tenant).await;
    }
    // All of it is known: nobody needs tenant.
    siege.consoles[1].verify(&siege.sign_in().await, &siege.code()).await.unwrap();
    siege.system.clock.advance(Duration::seconds(30));
    // Nobody knows any more whether the reseller is suspended.
    let rows = siege.system.identity_database.owner().await;
    let forget = "DELETE FROM organization WHERE organization_id::text = $1";
    assert_eq!(rows.execute(forget, &[&siege.tree.reseller.id]).await.unwrap(), 1);
    nobody_gets_in(&siege, &open, &session, "tenant is down").await;
    for replica in 0..2 {
        siege.system.restart(replica, ServiceName::Tenant).await;
    }
    everything_goes_on(&siege, &open, &session).await;
}
