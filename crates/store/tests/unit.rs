//! The unit of work on a real PostgreSQL: what it keeps, what it rolls back, what it repeats, what it survives.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fault::{Fault, Reason};
use refinery::Migration;
use store::{Entry, Label, MigrationSet, PoolOptions, Receipt, SqlClass, Store, StoreError};
use testkit::TestDatabase;
use tokio_postgres::types::ToSql;

const SCHEMA: &str = "
    CREATE TABLE counter (name text PRIMARY KEY, value bigint NOT NULL CONSTRAINT counter_value_positive CHECK (value >= 0));
    CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY, note text NOT NULL);
    INSERT INTO counter VALUES ('a', 0), ('b', 0);
    GRANT SELECT, INSERT, UPDATE ON counter, entry TO countersign_store;";

struct Note(String);

impl Entry for Note {
    fn statement(&self) -> &'static str {
        "INSERT INTO entry (note) VALUES ($1)"
    }

    fn label(&self) -> Label<'_> {
        Label { kind: "note", outcome: "succeeded", reason: "" }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![&self.0]
    }
}

async fn database() -> TestDatabase {
    let migrations = || {
        let migration = Migration::unapplied("V1__test", SCHEMA).unwrap();
        vec![MigrationSet { history_table: "migration_test", migrations: vec![migration], least: 1 }]
    };
    TestDatabase::create("store", "store", migrations).await
}

async fn rise(unit: &mut store::Unit<'_>, name: &str) -> Result<Receipt, Fault> {
    let sql = "UPDATE counter SET value = value + 1 WHERE name = $1";
    unit.execute_one("rise", sql, &[&name]).await?;
    Ok(unit.record(Note(format!("{name} rose"))))
}

async fn state(database: &TestDatabase) -> (i64, i64) {
    let sql = "SELECT (SELECT sum(value)::bigint FROM counter), (SELECT count(*) FROM entry)";
    let row = database.owner().await.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn a_unit_keeps_its_change_and_its_record_together() {
    let database = database().await;
    let value = database
        .store()
        .unit("rise", "a", |unit, name| Box::pin(async move { Ok(rise(unit, name).await?.with(7)) }))
        .await
        .unwrap();
    assert_eq!(value, 7);
    assert_eq!(state(&database).await, (1, 1));
}

#[tokio::test]
async fn an_error_rolls_back_and_the_connection_stays_usable() {
    let database = database().await;
    let store = Store::connect_lazily(
        &database.service_url(),
        PoolOptions { connections: 1, ..PoolOptions::default() },
    )
    .unwrap();
    for _ in 0..3 {
        let refused = store
            .unit("refuse", "a", |unit, name| {
                Box::pin(async move {
                    let receipt = rise(unit, name).await?;
                    if name == &"a" {
                        return Err(Fault::new(Reason::NotFound));
                    }
                    Ok(receipt.with(()))
                })
            })
            .await;
        assert_eq!(refused.unwrap_err().reason(), Reason::NotFound);
    }
    assert_eq!(state(&database).await, (0, 0));
    let backend = |store: Store| async move {
        store.read().await.unwrap().query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get::<_, i32>(0)
    };
    assert_eq!(backend(store.clone()).await, backend(store).await);
}

#[tokio::test]
async fn a_record_that_cannot_be_written_undoes_the_change() {
    struct Unwritable;
    impl Entry for Unwritable {
        fn statement(&self) -> &'static str {
            "INSERT INTO entry (note) VALUES ($1)"
        }
        fn label(&self) -> Label<'_> {
            Label { kind: "note", outcome: "succeeded", reason: "" }
        }

        fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
            vec![&None::<String>]
        }
    }
    let database = database().await;
    let failed = database
        .store()
        .unit("unwritable", (), |unit, ()| {
            Box::pin(async move {
                let _ = rise(unit, "a").await?;
                Ok(unit.record(Unwritable).with(()))
            })
        })
        .await;
    let cause = failed.unwrap_err();
    let store_error = cause.cause().and_then(|cause| cause.downcast_ref::<StoreError>()).unwrap();
    assert_eq!(store_error.class(), SqlClass::Constraint);
    assert_eq!(state(&database).await, (0, 0));
}

#[tokio::test]
async fn a_violated_constraint_is_known_by_its_name() {
    let database = database().await;
    let failed: Result<(), Fault> = database
        .store()
        .bookkeeping("fall", (), |unit, ()| {
            Box::pin(async move {
                unit.execute("UPDATE counter SET value = -1 WHERE name = 'a'", &[]).await?;
                Ok(())
            })
        })
        .await;
    let fault = failed.unwrap_err();
    let error = fault.cause().and_then(|cause| cause.downcast_ref::<StoreError>()).unwrap();
    assert_eq!(error.constraint(), Some("counter_value_positive"));
}

#[tokio::test]
async fn deadlocked_units_are_repeated_until_both_are_done() {
    let database = database().await;
    let runs = Arc::new(AtomicU32::new(0));
    let both = |first: &'static str, second: &'static str| {
        let store = database.store();
        let context = (first, second, Arc::clone(&runs));
        tokio::spawn(async move {
            store
                .unit("both", context, |unit, (first, second, runs)| {
                    Box::pin(async move {
                        runs.fetch_add(1, Ordering::SeqCst);
                        let _ = rise(unit, first).await?;
                        // Both hold their first row now, whoever comes later: this is what makes the deadlock.
                        unit.query("SELECT pg_sleep(0.2)", &[]).await?;
                        Ok(rise(unit, second).await?.with(()))
                    })
                })
                .await
        })
    };
    let (one, other) = (both("a", "b"), both("b", "a"));
    one.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(state(&database).await, (4, 4));
    assert!(runs.load(Ordering::SeqCst) > 2, "no deadlock happened, so nothing was shown");
}

#[tokio::test]
async fn a_unit_runs_to_its_end_when_the_caller_hangs_up() {
    let database = database().await;
    let store = database.store();
    let (started, begun) = tokio::sync::oneshot::channel();
    let started = std::sync::Mutex::new(Some(started));
    let call = tokio::spawn(async move {
        store
            .unit("slow", started, |unit, started| {
                Box::pin(async move {
                    let receipt = rise(unit, "a").await?;
                    if let Some(started) = started.lock().unwrap().take() {
                        let _ = started.send(());
                    }
                    unit.query("SELECT pg_sleep(0.3)", &[]).await?;
                    Ok(receipt.with(()))
                })
            })
            .await
    });
    begun.await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while state(&database).await != (1, 1) {
        assert!(tokio::time::Instant::now() < deadline, "the unit was lost with its caller");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_connection_whose_unit_was_cut_off_is_thrown_away() {
    let database = database().await;
    let options = PoolOptions { connections: 1, ..PoolOptions::default() };
    let store = Store::connect_lazily(&database.service_url(), options).unwrap();
    let cut_off: Result<(), Fault> = store
        .unit("panics", 1, |unit, divisor| {
            Box::pin(async move {
                let receipt = rise(unit, "a").await?;
                assert!(*divisor == 0, "cut off on purpose");
                Ok(receipt.with(()))
            })
        })
        .await;
    assert_eq!(cut_off.unwrap_err().reason(), Reason::DependencyUnavailable);
    // The same pool of one: had the connection come back, this would run inside the transaction that was cut off.
    let row =
        store.read().await.unwrap().query_one("SELECT sum(value)::bigint FROM counter", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while database.owner().await.query_one(open, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(tokio::time::Instant::now() < deadline, "the cut-off transaction is still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_unavailable() {
    let options = PoolOptions { wait: Duration::from_millis(500), ..PoolOptions::default() };
    let store = Store::connect_lazily("postgres://nobody@127.0.0.1:1/none", options).unwrap();
    let failed =
        store.unit("rise", (), |unit, ()| Box::pin(async move { Ok(rise(unit, "a").await?.with(())) })).await;
    assert_eq!(failed.unwrap_err().reason(), Reason::DependencyUnavailable);
}

#[tokio::test]
async fn a_snapshot_sees_one_moment_and_cannot_write() {
    let database = database().await;
    let store = database.store();
    let read = store.snapshot("read", store.clone(), |unit, store| {
        Box::pin(async move {
            let sql = "SELECT value FROM counter WHERE name = 'a'";
            let before: i64 = unit.query_opt(sql, &[]).await?.unwrap().get(0);
            store
                .unit("rise", "a", |unit, name| Box::pin(async move { Ok(rise(unit, name).await?.with(())) }))
                .await?;
            let after: i64 = unit.query_opt(sql, &[]).await?.unwrap().get(0);
            Ok((before, after))
        })
    });
    assert_eq!(read.await.unwrap(), (0, 0));
    let write = store.snapshot("write", (), |unit, ()| {
        Box::pin(async move { Ok(unit.execute("UPDATE counter SET value = 9", &[]).await?) })
    });
    write.await.unwrap_err();
    assert_eq!(state(&database).await, (1, 1));
}

/// What the database cannot be told.
#[derive(Debug)]
struct Unencodable;

impl ToSql for Unencodable {
    fn to_sql(
        &self,
        _: &tokio_postgres::types::Type,
        _: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Err("it has no form".into())
    }

    fn accepts(_: &tokio_postgres::types::Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

#[tokio::test]
async fn nothing_is_committed_when_a_statement_of_the_last_flight_cannot_leave() {
    let database = database().await;
    let store = Store::connect_lazily(&database.service_url(), PoolOptions::default()).unwrap();
    for _ in 0..2 {
        let unit = store.unit("unencodable", (), |unit, ()| {
            Box::pin(async move {
                const SQL: &str = "UPDATE counter SET value = $1 WHERE name = 'b'";
                unit.write_last(store::Write::new("unencodable", SQL).with(Unencodable));
                Ok(rise(unit, "a").await?.with(()))
            })
        });
        unit.await.unwrap_err();
        assert_eq!(state(&database).await, (0, 0));
    }
    // The connection is as good as before.
    store
        .unit("after", (), |unit, ()| Box::pin(async move { Ok(rise(unit, "a").await?.with(())) }))
        .await
        .unwrap();
    assert_eq!(state(&database).await, (1, 1));
}

#[tokio::test]
async fn whether_the_database_answers_is_asked_beside_the_work() {
    let database = database().await;
    let options = PoolOptions { connections: 1, wait: Duration::from_millis(50) };
    let store = Store::connect_lazily(&database.service_url(), options).unwrap();
    let pulse = store.apart().unwrap();
    let _at_work = store.read().await.unwrap();
    assert!(matches!(store.ping().await.unwrap_err(), StoreError::Pool(_)));
    pulse.ping().await.unwrap();
}

#[tokio::test]
async fn a_migration_lets_those_pass_who_wait_behind_a_table_that_it_does_not_get() {
    let database = database().await;
    let mut reader = database.owner().await;
    let reading = reader.transaction().await.unwrap();
    reading.batch_execute("SELECT * FROM counter").await.unwrap();
    let sets = || {
        let sql = [("V1__test", SCHEMA), ("V2__test", "ALTER TABLE counter ADD COLUMN more text")];
        let migrations = sql.map(|(name, sql)| Migration::unapplied(name, sql).unwrap());
        vec![MigrationSet { history_table: "migration_test", migrations: migrations.into(), least: 1 }]
    };
    let url = database.owner_url();
    let migrating = tokio::spawn(async move { store::migrate(&url, sets()).await });
    // Behind the waiting ALTER TABLE, until it gives way.
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation = 'counter'::regclass";
    let owner = database.owner().await;
    while owner.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    database.service().await.query_one("SELECT sum(value)::bigint FROM counter", &[]).await.unwrap();
    assert!(!migrating.is_finished());
    reading.rollback().await.unwrap();
    migrating.await.unwrap().unwrap();
    owner.query("SELECT more FROM counter", &[]).await.unwrap();
}
