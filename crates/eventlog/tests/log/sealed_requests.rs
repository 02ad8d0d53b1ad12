//! Kept answers that hold a secret: given again to whoever asked, and to nobody else; in another generation never.

use std::sync::Arc;

use eventlog::request_record::sealed::{self, UnreadableAnswer};
use eventlog::{Act, request_record};
use fault::{Fault, Outcome, Reason};
use futures::FutureExt;
use keyring::{Keyring, OpenError};
use proto::events::GetEventRequest as Content;
use store::Store;
use time::Duration;
use types::{EventId, OrganizationPath, RequestId, ServiceName, UserId};

use crate::support::{Db, Tree, draft};

#[derive(Clone)]
struct Call {
    key: Option<sealed::Key>,
    path: OrganizationPath,
    act: Act,
    /// The generation that is found.
    before: i64,
    /// The one that holds afterwards.
    after: i64,
}

fn key(db: &Db, scope: &str, id: RequestId, content: &str) -> sealed::Key {
    let content = Content { event_id: content.to_owned() };
    sealed::Key::new(&db.keyring, ServiceName::Mfa, scope, "/x.Y/Z", id, &content)
}

fn call(db: &Db, key: sealed::Key) -> Call {
    Call { key: Some(key), path: Tree::new().company_a1, act: db.act(), before: 1, after: 1 }
}

/// Changes entity 1, and answers a secret that tells its new version.
async fn run(store: &Store, call: Call) -> Outcome<(EventId, String)> {
    const CHANGE: &str = "UPDATE entity SET version = version + 1 WHERE id = 1 RETURNING version";
    let outcome = store
        .unit("change", call, |unit, call| {
            async move {
                let kept = sealed::find(unit, call.key.as_ref(), call.act.at).await?;
                sealed::replay(kept, call.before)?;
                let version: i64 = unit.query_opt(CHANGE, &[]).await?.unwrap().get(0);
                let draft = draft(&call.act, "mfa.test.changed", &call.path, "x");
                let event_id = draft.event_id();
                let receipt = unit.record(draft);
                let answer = Content { event_id: format!("canary-secret-{version}") };
                sealed::insert(unit, call.key.as_ref(), event_id, call.after, &answer, call.act.at).await?;
                Ok(receipt.with((event_id, answer)))
            }
            .boxed()
        })
        .await;
    request_record::answer(outcome).map(|(event_id, answer)| (event_id, answer.event_id))
}

fn why(fault: &Fault) -> &UnreadableAnswer {
    assert_eq!(fault.reason(), Reason::Corrupt);
    fault.cause().unwrap().downcast_ref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gets_the_first_answer_for_ten_minutes_and_changes_nothing() {
    let db = Db::create().await;
    let (store, id) = (db.store(4), RequestId::generate());
    // A time that no whole second meets.
    db.clock.advance(Duration::milliseconds(700));
    let first = run(&store, call(&db, key(&db, "ada", id, "1"))).await.unwrap();
    assert_eq!(first.1, "canary-secret-1");
    assert_eq!(run(&store, call(&db, key(&db, "ada", id, "1"))).await.unwrap(), first);
    let other = run(&store, call(&db, key(&db, "ada", id, "2"))).await.unwrap_err();
    assert_eq!(other.reason(), Reason::RequestIdReused);
    assert_eq!(run(&store, call(&db, key(&db, "bob", id, "1"))).await.unwrap().1, "canary-secret-2");
    assert_eq!(
        run(&store, Call { key: None, ..call(&db, key(&db, "ada", id, "1")) }).await.unwrap().1,
        "canary-secret-3"
    );
    db.clock.advance(Duration::minutes(10) - Duration::microseconds(1));
    assert_eq!(run(&store, call(&db, key(&db, "ada", id, "1"))).await.unwrap(), first);
    db.clock.advance(Duration::microseconds(1));
    assert_eq!(run(&store, call(&db, key(&db, "ada", id, "1"))).await.unwrap().1, "canary-secret-4");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_kept_for_a_shorter_time() {
    let db = Db::create().await;
    let (store, id) = (db.store(2), RequestId::generate());
    let shortly = || call(&db, key(&db, "ada", id, "1").kept_for(Duration::seconds(30)));
    let first = run(&store, shortly()).await.unwrap();
    db.clock.advance(Duration::seconds(29));
    assert_eq!(run(&store, shortly()).await.unwrap(), first);
    db.clock.advance(Duration::seconds(1));
    assert_eq!(run(&store, shortly()).await.unwrap().1, "canary-secret-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_another_generation_it_is_neither_given_again_nor_done_again() {
    let db = Db::create().await;
    let (store, id) = (db.store(2), RequestId::generate());
    // A reset: it raises the generation itself, and its answer belongs to the new one.
    let reset = Call { before: 1, after: 2, ..call(&db, key(&db, "ada", id, "1")) };
    let first = run(&store, reset.clone()).await.unwrap();
    assert_eq!(run(&store, Call { before: 2, ..reset.clone() }).await.unwrap(), first);
    for generation in [1, 3] {
        let refused = run(&store, Call { before: generation, ..reset.clone() }).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::GenerationOutdated);
    }
    let version: i64 =
        db.owner().await.query_one("SELECT version FROM entity WHERE id = 1", &[]).await.unwrap().get(0);
    assert_eq!(version, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_callers_own_secret_nobody_reads_it() {
    let db = Db::create().await;
    let (store, id) = (db.store(2), RequestId::generate());
    let with = |secret: &[u8; 32]| call(&db, key(&db, "ada", id, "1").with_secret(secret).unwrap());
    let first = run(&store, with(&[7; 32])).await.unwrap();
    assert_eq!(run(&store, with(&[7; 32])).await.unwrap(), first);
    for other in [with(&[8; 32]), call(&db, key(&db, "ada", id, "1"))] {
        assert_eq!(run(&store, other).await.unwrap_err().reason(), Reason::RequestIdReused);
    }
    let short = key(&db, "ada", id, "1").with_secret(b"guessable").unwrap_err();
    assert_eq!(short.reason(), Reason::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_row_holds_neither_the_answer_nor_a_hash_of_the_request() {
    let db = Db::create().await;
    let (store, id) = (db.store(2), RequestId::generate());
    run(&store, call(&db, key(&db, "ada", id, "123456"))).await.unwrap();
    let row = "SELECT octet_length(fingerprint), sealed_under, position('canary'::bytea IN answer),
        position(sha256($1) IN answer) FROM request_record";
    let content = prost::Message::encode_to_vec(&Content { event_id: "123456".to_owned() });
    let row = db.owner().await.query_one(row, &[&content]).await.unwrap();
    assert_eq!([row.get::<_, i32>(0), row.get(2), row.get(3)], [0; 3]);
    assert_eq!(row.get::<_, String>(1), "ephemeral");
    assert!(!format!("{:?}", key(&db, "ada", id, "123456")).contains("123456"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_altered_or_sealed_elsewhere_is_an_alarm_and_never_no_answer() {
    let db = Db::create().await;
    let (store, owner) = (db.store(2), db.owner().await);
    let (mine, yours) = (RequestId::generate(), RequestId::generate());
    let (ada, bob) = (UserId::generate(), UserId::generate());
    let ask = |id, user: UserId| call(&db, key(&db, "peer", id, "1").of_user(user));
    run(&store, ask(mine, ada)).await.unwrap();
    run(&store, ask(yours, bob)).await.unwrap();
    // Bound to the user, whatever the scope.
    let refused = run(&store, ask(mine, bob)).await.unwrap_err();
    assert_eq!(why(&refused).cause, OpenError::NotAuthentic);
    let moved = "UPDATE request_record r SET answer = o.answer FROM request_record o
        WHERE r.request_id = $1 AND o.request_id = $2";
    owner.execute(moved, &[&mine.uuid(), &yours.uuid()]).await.unwrap();
    let refused = run(&store, ask(mine, ada)).await.unwrap_err();
    assert_eq!(
        (&why(&refused).cause, why(&refused).key_id.as_str()),
        (&OpenError::NotAuthentic, "ephemeral")
    );
    assert!(why(&refused).row.contains(&mine.to_string()));
    owner.execute("UPDATE request_record SET answer = ''", &[]).await.unwrap();
    let refused = run(&store, ask(yours, bob)).await.unwrap_err();
    assert_eq!(why(&refused).cause, OpenError::Malformed);
    let version: i64 = owner.query_one("SELECT version FROM entity WHERE id = 1", &[]).await.unwrap().get(0);
    assert_eq!(version, 2, "nothing was done a second time");

    // The service has lost its keys, and was given others.
    let late = RequestId::generate();
    run(&store, call(&db, key(&db, "ada", late, "1"))).await.unwrap();
    let other = Db { keyring: Arc::new(Keyring::ephemeral().unwrap()), ..db };
    let refused = run(&store, call(&other, key(&other, "ada", late, "1"))).await.unwrap_err();
    assert_eq!(why(&refused).cause, OpenError::NotAuthentic);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_that_was_put_off_in_the_row_gives_no_dead_answer() {
    let db = Db::create().await;
    let (store, id) = (db.store(2), RequestId::generate());
    run(&store, call(&db, key(&db, "ada", id, "1"))).await.unwrap();
    let put_off = "UPDATE request_record SET expire_time = expire_time + interval '1 day'";
    db.owner().await.execute(put_off, &[]).await.unwrap();
    db.clock.advance(Duration::minutes(10));
    assert_eq!(run(&store, call(&db, key(&db, "ada", id, "1"))).await.unwrap().1, "canary-secret-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_are_one_change_and_all_get_its_answer() {
    let db = Db::create().await;
    let (store, id) = (db.store(20), RequestId::generate());
    let calls = (0..20).map(|_| run(&store, call(&db, key(&db, "ada", id, "1"))));
    let answers = futures::future::join_all(calls).await;
    let first = answers[0].as_ref().unwrap();
    assert_eq!(first.1, "canary-secret-1");
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == first));
    let events: i64 = db.owner().await.query_one("SELECT count(*) FROM event", &[]).await.unwrap().get(0);
    assert_eq!(events, 1);
}
