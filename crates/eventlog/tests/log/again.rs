//! Following again: who followed a log that was re-baselined is lost, and goes on once its place is forgotten.

use std::sync::Arc;
use std::time::Duration;

use eventlog::{FollowAgainError, Followed, Follower, FollowerState, follow_again, rebaseline};
use fault::Reason;
use types::ServiceName;

use crate::notes::{Notes, TYPES};
use crate::support::{Db, HEAD, Tree, draft, peer, serve, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_follower_reads_all_of_the_log_again() {
    let (upstream, own, tree) = (Db::create().await, Db::create().await, Tree::new());
    let _sequencer = upstream.sequencer();
    let channel = serve(upstream.service(&upstream.log()), peer("identity")).await;
    let write = async |text: &str, position| {
        let drafts = vec![draft(&upstream.act(), TYPES[0], &tree.company_a1, text)];
        upstream.append(&upstream.store(1), drafts).await;
        until(&upstream.owner().await, HEAD, position).await;
    };
    write("1", 1).await;
    write("2", 2).await;
    let notes: Arc<dyn eventlog::Follow> = Arc::new(Notes::default());
    let follower = Follower::spawn(own.store(2), own.clock.shared(), channel, notes);
    let mut state = follower.state();
    state.wait_for(|state| *state == FollowerState::Following).await.unwrap();
    let followed = Followed::new(own.store(1));
    let await_applied = async |position| {
        followed.await_applied(ServiceName::Mfa, position, Duration::from_secs(30)).await.unwrap()
    };
    await_applied(2).await;

    rebaseline(&upstream.owner_url()).await.unwrap();
    let lost = FollowerState::Lost { log: ServiceName::Mfa, reason: Reason::CursorOutdated };
    state.wait_for(|state| *state == lost).await.unwrap();
    write("3", 3).await;

    assert_eq!(follow_again(&own.owner_url(), ServiceName::Mfa).await.unwrap(), 2);
    await_applied(3).await;
    assert_eq!(*state.borrow(), FollowerState::Following);
    let rows = own.owner().await.query("SELECT text FROM applied ORDER BY n", &[]).await.unwrap();
    let applied: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(applied, ["1", "2", "1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_followed_is_not_followed_again() {
    let own = Db::create().await;
    let refused = follow_again(&own.owner_url(), ServiceName::Tenant).await.unwrap_err();
    assert!(matches!(refused, FollowAgainError::NotFollowed(ServiceName::Tenant)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_whose_place_goes_back_under_them_apply_what_lies_between_once_more() {
    let (upstream, own, tree) = (Db::create().await, Db::create().await, Tree::new());
    let _sequencer = upstream.sequencer();
    let channel = serve(upstream.service(&upstream.log()), peer("identity")).await;
    let write = async |text: &str, position| {
        let drafts = vec![draft(&upstream.act(), TYPES[0], &tree.company_a1, text)];
        upstream.append(&upstream.store(1), drafts).await;
        until(&upstream.owner().await, HEAD, position).await;
    };
    let notes: Arc<dyn eventlog::Follow> = Arc::new(Notes::default());
    // Both replicas hold a stream that stands at the end of the log.
    let replicas = [1, 2]
        .map(|_| Follower::spawn(own.store(2), own.clock.shared(), channel.clone(), Arc::clone(&notes)));
    for replica in &replicas {
        replica.state().wait_for(|state| *state == FollowerState::Following).await.unwrap();
    }
    let followed = Followed::new(own.store(1));
    let await_applied = async |position| {
        followed.await_applied(ServiceName::Mfa, position, Duration::from_secs(30)).await.unwrap()
    };
    write("1", 1).await;
    await_applied(1).await;
    let owner = own.owner().await;
    owner.batch_execute("CREATE TABLE remembered AS SELECT position, cursor FROM log_cursor").await.unwrap();
    write("2", 2).await;
    write("3", 3).await;
    await_applied(3).await;

    // As a restored database, or a promoted one that was behind: place and effects of before event 2.
    let put_back = "\
DELETE FROM applied WHERE text <> '1';
UPDATE log_cursor SET (position, cursor) = (SELECT position, cursor FROM remembered)";
    owner.batch_execute(put_back).await.unwrap();
    write("4", 4).await;

    await_applied(4).await;
    let rows = owner.query("SELECT text FROM applied ORDER BY n", &[]).await.unwrap();
    let applied: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(applied, ["1", "2", "3", "4"]);
}
