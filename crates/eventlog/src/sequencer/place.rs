//! The statements of a tick. Their exact form is what the order of the log rests on.

/// First statement of the transaction: locks the head row, **alone**. Whoever waited here sees in the *next* statement
/// what the other one committed; lock and read in one statement would not.
pub(super) const BEGIN_AND_LOCK: &str = "\
BEGIN;
-- lock_head
SELECT position FROM log_head FOR UPDATE";

/// Whether there may be something to do, without a transaction id: read-only. `$1` is the snapshot of the last tick.
///
/// Both index scans ask for what that snapshot did not see: transactions that began after it, and those it saw running.
pub(super) const LOOK: &str = "\
-- look
SELECT
    (SELECT max(epoch) FROM log_epoch),
    pg_snapshot_xmax(pg_current_snapshot()) >= pg_snapshot_xmax($1::text::pg_snapshot),
    EXISTS (
        SELECT FROM event
        WHERE epoch = (SELECT max(epoch) FROM log_epoch)
          AND xid >= pg_snapshot_xmax($1::text::pg_snapshot))
    OR EXISTS (
        SELECT FROM event
        WHERE epoch = (SELECT max(epoch) FROM log_epoch)
          AND xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))))";

/// The state of the log, when a connection begins and when the epoch changed.
pub(super) const LOAD: &str = "\
-- load_head
SELECT h.snapshot::text, e.epoch,
    e.system_identifier = (SELECT system_identifier FROM pg_control_system())
FROM log_head h, log_epoch e
ORDER BY e.epoch DESC
LIMIT 1";

/// The rows new since the saved snapshot: visible now, and of a transaction that it did not see as finished. The two
/// halves share no row, because every running transaction's id is below `xmax`. Top-level ids only, on both sides.
const NEW_ROWS: &str = "\
    SELECT event_id, seq, type, organization_id, path, subject_key, actor_key, record_time,
        sha256(salt || envelope) AS commitment
    FROM event
    WHERE epoch = (SELECT epoch FROM head) AND xid >= (SELECT pg_snapshot_xmax(snapshot) FROM head)
    UNION ALL
    SELECT event_id, seq, type, organization_id, path, subject_key, actor_key, record_time,
        sha256(salt || envelope)
    FROM event
    WHERE epoch = (SELECT epoch FROM head)
      AND xid = ANY (ARRAY(SELECT pg_snapshot_xip(snapshot) FROM head))";

/// All rows without a position, for the re-baseline. Only while no writer is open.
const MISSING_ROWS: &str = "\
    SELECT event_id, seq, type, organization_id, path, subject_key, actor_key, record_time,
        sha256(salt || envelope) AS commitment
    FROM event
    WHERE NOT EXISTS (SELECT FROM event_position p WHERE p.event_id = event.event_id)";

/// Second statement of a tick.
pub(super) fn place_new() -> String {
    place(NEW_ROWS)
}

/// The same for the re-baseline.
pub(super) fn place_missing() -> String {
    place(MISSING_ROWS)
}

/// **One** statement reads the rows and saves the snapshot in which it read them. Two statements would have two
/// snapshots, and what commits between them would be lost.
///
/// There is no limit on the rows: a remainder would need the old snapshot *and* the new one. A long backlog is one long
/// transaction, whose sort goes to disk.
fn place(rows: &str) -> String {
    format!(
        "\
-- place
WITH head AS MATERIALIZED (
    SELECT position, snapshot, time_high, (SELECT max(epoch) FROM log_epoch) AS epoch FROM log_head
), fresh AS (
{rows}
), numbered AS (
    SELECT *,
        (SELECT position FROM head) + row_number() OVER (ORDER BY seq) AS position,
        greatest((SELECT time_high FROM head),
            max(record_time) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING)) AS time_high
    FROM fresh
), placed AS (
    INSERT INTO event_position (position, event_id, leaf_hash, type, organization_id, reseller_id,
        subject_key, actor_key, record_time, time_high)
    SELECT position, event_id,
        sha256('\\x0001'::bytea || int8send(position) || uuid_send(event_id) || commitment),
        type, organization_id, path[2], subject_key, actor_key, record_time, time_high
    FROM numbered
    RETURNING position, leaf_hash, time_high, time_high - record_time AS time_lag
), moved AS (
    UPDATE log_head SET
        position = coalesce(new.position, log_head.position),
        snapshot = pg_current_snapshot(),
        leaf_hash = coalesce(
            (SELECT leaf_hash FROM placed WHERE placed.position = new.position), log_head.leaf_hash),
        time_high = coalesce(new.time_high, log_head.time_high),
        time_lag = greatest(log_head.time_lag, new.time_lag)
    FROM (
        SELECT count(*) AS rows, max(position) AS position, max(time_high) AS time_high,
            max(time_lag) AS time_lag
        FROM placed
    ) AS new
    RETURNING log_head.position, log_head.snapshot, new.rows
)
SELECT moved.snapshot::text, moved.rows, notified.sent IS NOT NULL
FROM moved LEFT JOIN LATERAL (
    SELECT pg_notify('event_log', moved.position::text) AS sent WHERE moved.rows > 0
) AS notified ON true"
    )
}
