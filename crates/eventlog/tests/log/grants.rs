//! What the database itself refuses to each role.

use tokio_postgres::error::SqlState;

use crate::support::{Db, HEAD, Tree, connect, draft, until};

async fn refused(client: &tokio_postgres::Client, statements: &[&str]) {
    for sql in statements {
        let error = client.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error}");
    }
}

#[tokio::test]
async fn the_service_appends_events_and_can_do_nothing_else_to_them() {
    let db = Db::create().await;
    let _sequencer = db.sequencer();
    let store = db.store(1);
    db.append(&store, vec![draft(&db.act(), "mfa.test.changed", &Tree::new().company_a1, "1")]).await;
    until(&db.owner().await, HEAD, 1).await;

    let service = connect(&db.service_url()).await;
    let columns =
        "event_id, type, organization_id, path, subject_key, actor_key, record_time, salt, envelope";
    let insert = |extra: &str, value: &str| {
        format!(
            "INSERT INTO event ({columns}, {extra}) OVERRIDING SYSTEM VALUE \
             SELECT gen_random_uuid(), type, organization_id, path, subject_key, actor_key, record_time, salt, \
             envelope, {value} FROM event LIMIT 1"
        )
    };
    refused(
        &service,
        &[
            "UPDATE event SET envelope = ''",
            "UPDATE event SET type = 'x'",
            "DELETE FROM event",
            "TRUNCATE event",
            &insert("seq", "1"),
            &insert("xid", "pg_current_xact_id()"),
            &insert("epoch", "2"),
            "SELECT * FROM event FOR UPDATE",
            "ALTER TABLE event ALTER COLUMN epoch SET DEFAULT 2",
            "DROP TABLE event",
            "INSERT INTO event_position SELECT * FROM event_position",
            "UPDATE event_position SET position = 2",
            "DELETE FROM event_position",
            "TRUNCATE event_position",
            "UPDATE log_head SET position = 2",
            "DELETE FROM log_head",
            "INSERT INTO log_epoch VALUES (2, 1, 1, now())",
            "UPDATE log_epoch SET system_identifier = 1",
            "DELETE FROM log_cursor",
            "UPDATE request_record SET answer = ''",
            "SELECT setval('event_seq_seq', 1)",
            "SELECT nextval('event_seq_seq')",
        ],
    )
    .await;
    let plain = insert("seq", "1").replace(", seq", "").replace(", 1 FROM", " FROM");
    service.batch_execute(&plain).await.unwrap();
}

#[tokio::test]
async fn the_sequencer_gives_positions_and_can_do_nothing_else() {
    let db = Db::create().await;
    let sequencer = connect(&db.sequencer_url()).await;
    refused(
        &sequencer,
        &[
            "INSERT INTO event (event_id) VALUES (gen_random_uuid())",
            "UPDATE event SET envelope = ''",
            "DELETE FROM event",
            "TRUNCATE event",
            "UPDATE event_position SET position = 2",
            "DELETE FROM event_position",
            "DELETE FROM log_head",
            "INSERT INTO log_head SELECT * FROM log_head",
            "UPDATE log_epoch SET epoch = 2",
            "SELECT * FROM log_cursor",
            "SELECT * FROM request_record",
            "SELECT * FROM entity",
        ],
    )
    .await;
}

/// Every column says what it holds.
#[tokio::test]
async fn every_table_and_column_is_described_and_every_constraint_named_by_us() {
    const UNDESCRIBED: &str = "SELECT c.relname || '.' || coalesce(a.attname, '')
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
          AND c.relname IN ('event', 'event_position', 'log_epoch', 'log_head', 'log_cursor', 'request_record')
          AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)";
    const UNNAMED: &str = "SELECT conname::text FROM pg_constraint
        WHERE conrelid IN ('event'::regclass, 'event_position'::regclass, 'log_head'::regclass,
            'log_epoch'::regclass, 'log_cursor'::regclass, 'request_record'::regclass)
          AND (conname LIKE '%_pkey' OR conname LIKE '%_check%')";
    let owner = Db::create().await.owner().await;
    for sql in [UNDESCRIBED, UNNAMED] {
        let names: Vec<String> = owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert!(names.is_empty(), "{names:?}");
    }
}
