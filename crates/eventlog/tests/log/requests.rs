//! Idempotency: one change and one answer for one `request_id`.

use eventlog::{Draft, request_record};
use fault::{Fault, Outcome, Reason};
use futures::FutureExt;
use proto::events::{AwaitAppliedResponse as Answer, GetEventRequest as Content};
use store::Store;
use time::Duration;
use types::{EventId, OrganizationPath, RequestId};

use crate::support::{Db, Tree, draft};

#[derive(Clone)]
struct Call {
    key: Option<request_record::Key>,
    path: OrganizationPath,
    act: eventlog::Act,
    fails: bool,
}

fn call(db: &Db, scope: &str, id: RequestId, content: &str) -> Call {
    let content = Content { event_id: content.to_owned() };
    Call {
        key: Some(request_record::Key::new(scope, "/x.Y/Z", id, &content)),
        path: Tree::new().company_a1,
        act: db.act(),
        fails: false,
    }
}

/// Changes entity 1 and answers its new version.
async fn run(store: &Store, call: Call) -> Outcome<(EventId, i64)> {
    const CHANGE: &str = "UPDATE entity SET version = version + 1 WHERE id = 1 RETURNING version";
    let outcome = store
        .unit("change", call, |unit, call| {
            async move {
                request_record::lookup(unit, call.key.as_ref(), call.act.at).await?;
                let version = unit.query_opt(CHANGE, &[]).await?.unwrap().get(0);
                let draft: Draft = draft(&call.act, "mfa.test.changed", &call.path, "x");
                let event_id = draft.event_id();
                let receipt = unit.record(draft);
                let answer = Answer { position: version };
                request_record::insert(unit, call.key.as_ref(), event_id, &answer, call.act.at).await?;
                if call.fails {
                    return Err(Fault::new(Reason::Cancelled));
                }
                Ok(receipt.with((event_id, answer)))
            }
            .boxed()
        })
        .await;
    request_record::answer(outcome).map(|(event_id, answer)| (event_id, answer.position))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_gets_the_first_answer_and_changes_nothing() {
    let db = Db::create().await;
    let store = db.store(4);
    let id = RequestId::generate();
    let first = run(&store, call(&db, "ada", id, "1")).await.unwrap();
    assert_eq!(first.1, 1);
    assert_eq!(run(&store, call(&db, "ada", id, "1")).await.unwrap(), first);
    let other = run(&store, call(&db, "ada", id, "2")).await.unwrap_err();
    assert_eq!(other.reason(), Reason::RequestIdReused);
    assert_eq!(run(&store, call(&db, "bob", id, "1")).await.unwrap().1, 2);
    assert_eq!(run(&store, Call { key: None, ..call(&db, "ada", id, "1") }).await.unwrap().1, 3);

    db.clock.advance(Duration::minutes(10) - Duration::seconds(1));
    assert_eq!(run(&store, call(&db, "ada", id, "1")).await.unwrap(), first);
    db.clock.advance(Duration::seconds(1));
    assert_eq!(run(&store, call(&db, "ada", id, "1")).await.unwrap().1, 4, "forgotten after ten minutes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rolled_back_was_not_answered() {
    let db = Db::create().await;
    let store = db.store(4);
    let id = RequestId::generate();
    let failed = Call { fails: true, ..call(&db, "ada", id, "1") };
    assert_eq!(run(&store, failed).await.unwrap_err().reason(), Reason::Cancelled);
    assert_eq!(run(&store, call(&db, "ada", id, "1")).await.unwrap().1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_are_one_change() {
    let db = Db::create().await;
    let store = db.store(20);
    let id = RequestId::generate();
    let calls = (0..20).map(|_| run(&store, call(&db, "ada", id, "1")));
    let answers = futures::future::join_all(calls).await;
    let first = answers[0].as_ref().unwrap();
    assert_eq!(first.1, 1);
    for answer in &answers {
        assert_eq!(answer.as_ref().unwrap(), first);
    }
    let owner = db.owner().await;
    let events: i64 = owner.query_one("SELECT count(*) FROM event", &[]).await.unwrap().get(0);
    assert_eq!(events, 1);
}
