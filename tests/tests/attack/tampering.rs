//! Whoever can write to mfa's database, end to end: the sign-in is refused and asked for a code all the same, an alarm is on the
//! log, and nobody is offered an enrolment.

use proto::events::SecretUnreadable;
use proto::events::event::Payload;
use proto::identity::NextStep;
use testkit::{ADMIN_LOGIN, Authenticator, Console, RESELLER_LOGIN, TestSystem, reason};
use time::Duration;
use tonic::Code;

use countersign_tests::evidence::{Throttle, events, sessions};

use crate::siege::Siege;

const SWAP: &str = "UPDATE factor f SET sealed_secret = o.sealed_secret FROM factor o
    WHERE f.user_id::text = ANY ($1) AND o.user_id::text = ANY ($1) AND o.user_id <> f.user_id";

async fn alarms(system: &TestSystem) -> Vec<SecretUnreadable> {
    let unreadable = |event: proto::events::Event| match event.payload {
        Some(Payload::SecretUnreadable(unreadable)) => Some(unreadable),
        _ => None,
    };
    events(&system.mfa_database).await.into_iter().filter_map(unreadable).collect()
}

/// Nobody gets in as `login`, whatever any phone shows, nothing is counted against them, and nobody may enrol.
async fn nobody_gets_in(siege: &Siege, login: &str, phones: &[&Authenticator]) {
    for console in &siege.consoles {
        let started = console.start(login).await.unwrap();
        assert_eq!((started.next_step(), started.session), (NextStep::VerifyMfa, None), "{login}");
        let token = started.sign_in_token;
        for phone in phones {
            for steps in -1..=1 {
                let code = phone.code(siege.system.now() + Duration::seconds(30 * steps));
                let refused = console.verify(&token, &code).await.unwrap_err();
                assert_eq!(refused.code(), Code::Unavailable, "{login}: {refused:?}");
            }
        }
        let refused = console.begin(&token, "").await.unwrap_err();
        assert_eq!(reason(refused), "SIGN_IN_REFUSED", "{login}");
    }
}

async fn gets_in(console: &Console, login: &str, phone: &Authenticator, siege: &Siege) {
    let token = console.start(login).await.unwrap().sign_in_token;
    console.verify(&token, &phone.code(siege.system.now())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exchanged_restored_and_unknown_secrets_are_refused_and_told() {
    let siege = Siege::lay().await;
    let system = &siege.system;
    let rows = system.mfa_database.owner().await;
    let (mine, yours) = (&siege.authenticator, &siege.tree.reseller_authenticator);
    let both = vec![siege.user_id(), siege.tree.reseller_admin.id.as_str()];
    let had = sessions(system, siege.user_id()).await;

    // Exchanged between rows, in which both find themselves shut out.
    assert_eq!(rows.execute(SWAP, &[&both]).await.unwrap(), 2);
    nobody_gets_in(&siege, ADMIN_LOGIN, &[mine, yours]).await;
    nobody_gets_in(&siege, RESELLER_LOGIN, &[yours, mine]).await;
    let told = alarms(system).await;
    assert_eq!(told.len(), 2, "one each, however often it was tried: {told:?}");
    assert!(told.iter().all(|alarm| alarm.table == "factor" && alarm.cause == "not_authentic"));
    rows.execute(SWAP, &[&both]).await.unwrap();
    system.clock.advance(Duration::seconds(30));
    gets_in(&siege.consoles[0], ADMIN_LOGIN, mine, &siege).await;
    gets_in(&siege.consoles[1], RESELLER_LOGIN, yours, &siege).await;

    // An older one put back: what it was before a code was accepted.
    system.clock.advance(Duration::minutes(61));
    let find = "SELECT sealed_secret FROM factor WHERE user_id::text = $1";
    let old: Vec<u8> = rows.query_one(find, &[&siege.user_id()]).await.unwrap().get(0);
    gets_in(&siege.consoles[0], ADMIN_LOGIN, mine, &siege).await;
    let put = "UPDATE factor SET sealed_secret = $2 WHERE user_id::text = $1";
    let present: Vec<u8> = rows.query_one(find, &[&siege.user_id()]).await.unwrap().get(0);
    assert_ne!(old, present);
    rows.execute(put, &[&siege.user_id(), &old]).await.unwrap();
    nobody_gets_in(&siege, ADMIN_LOGIN, &[mine]).await;
    let told = alarms(system).await;
    assert_eq!((told.len(), told[2].cause.as_str()), (3, "not_authentic"));

    // Under a key that nobody holds: its id begins at the third byte.
    system.clock.advance(Duration::minutes(61));
    let mut unknown = present.clone();
    unknown[2] = b'x';
    rows.execute(put, &[&siege.user_id(), &unknown]).await.unwrap();
    nobody_gets_in(&siege, ADMIN_LOGIN, &[mine]).await;
    let told = alarms(system).await;
    assert_eq!((told.len(), told[3].cause.as_str()), (4, "unknown_key"));
    assert!(told[3].key_id.starts_with('x'), "{told:?}");

    // None of it was counted as guessing, or opened anything; put right, it is as before.
    assert_eq!(Throttle::of(system, siege.user_id()).await, Throttle::default());
    assert_eq!(sessions(system, siege.user_id()).await, had + 2);
    rows.execute(put, &[&siege.user_id(), &present]).await.unwrap();
    gets_in(&siege.consoles[1], ADMIN_LOGIN, mine, &siege).await;
}
