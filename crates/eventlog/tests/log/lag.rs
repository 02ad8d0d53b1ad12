//! The sequencer's lag: what is committed and has no position yet.

use store::StoreError;

use crate::support::{Db, HEAD, Tree, draft, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_is_what_was_committed_and_not_placed() -> Result<(), StoreError> {
    let db = Db::create().await;
    let (tree, store, log) = (Tree::new(), db.store(2), db.log());
    assert_eq!(log.unplaced().await?, 0);
    let three = |round: &str| {
        let name = |n: i32| format!("{round}{n}");
        (0..3).map(|n| draft(&db.act(), "mfa.test.changed", &tree.company_a1, &name(n))).collect()
    };
    db.append(&store, three("before")).await;
    assert_eq!(log.unplaced().await?, 3);
    let sequencer = db.sequencer();
    until(&db.owner().await, HEAD, 3).await;
    assert_eq!(log.unplaced().await?, 0);
    sequencer.stop().await;
    db.append(&store, three("after")).await;
    assert_eq!(log.unplaced().await?, 3);
    Ok(())
}
