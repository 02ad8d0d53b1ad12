//! Reading positions and events, in order. SQL only; what may be seen is decided before.

use clock::Timestamp;
use prost::Message;
use proto::events::Event;
use store::{Store, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::leaf::LeafHash;

/// A position, what filters compare, and the event's stored bytes.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) position: i64,
    pub(crate) leaf_hash: LeafHash,
    pub(crate) event_type: String,
    pub(crate) organization_id: Uuid,
    pub(crate) reseller_id: Option<Uuid>,
    pub(crate) subject_key: Uuid,
    pub(crate) actor_key: Option<Uuid>,
    pub(crate) record_time: Timestamp,
    pub(crate) envelope: Vec<u8>,
}

/// The columns of [`Placed`], of `p` (positions) and `e` (events).
pub(crate) const COLUMNS: &str = "p.position, p.leaf_hash, p.type, p.organization_id, p.reseller_id, \
     p.subject_key, p.actor_key, p.record_time, e.envelope";

/// The columns of positions that [`COLUMNS`] and the conditions of filters need.
pub(crate) const CANDIDATE: &str = "position, event_id, leaf_hash, type, organization_id, reseller_id, \
     subject_key, actor_key, record_time";

impl Placed {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            position: row.try_get(0)?,
            leaf_hash: leaf(row.try_get(1)?)?,
            event_type: row.try_get(2)?,
            organization_id: row.try_get(3)?,
            reseller_id: row.try_get(4)?,
            subject_key: row.try_get(5)?,
            actor_key: row.try_get(6)?,
            record_time: row.try_get(7)?,
            envelope: row.try_get(8)?,
        })
    }

    /// The event as readers get it: what was stored, and its position.
    pub(crate) fn to_wire(&self) -> Result<Event, StoreError> {
        let mut event = Event::decode(self.envelope.as_slice())
            .map_err(|_| StoreError::Unreadable { column: "event.envelope" })?;
        event.position = self.position;
        Ok(event)
    }

    /// What it takes in memory, roughly.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.envelope.len() + self.event_type.len()
    }
}

/// All rows of a statement, prepared once a connection.
pub(crate) async fn query(
    store: &Store,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, StoreError> {
    let client = store.read().await?;
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, parameters).await?)
}

/// The last position given, and the present epoch.
pub(crate) async fn head(store: &Store) -> Result<(i64, i32), StoreError> {
    // Not from log_head: a row that is updated all the time is slow to read while an old snapshot is open somewhere.
    const SQL: &str = "\
-- rows::head
SELECT coalesce((SELECT max(position) FROM event_position), 0), (SELECT max(epoch) FROM log_epoch)";
    let rows = query(store, SQL, &[]).await?;
    let row = rows.first().ok_or(StoreError::RowCount { statement: "rows::head", rows: 0 })?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// The positions after `after` up to `upto`, in order.
pub(crate) async fn range(store: &Store, after: i64, upto: i64) -> Result<Vec<Placed>, StoreError> {
    let sql = format!(
        "\
-- rows::range
SELECT {COLUMNS} FROM event_position p JOIN event e USING (event_id)
WHERE p.position > $1 AND p.position <= $2 ORDER BY p.position"
    );
    query(store, &sql, &[&after, &upto]).await?.iter().map(Placed::read).collect()
}

/// The position of an event; `None` while it has none.
pub(crate) async fn position_of(store: &Store, event_id: Uuid) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "\
-- rows::position_of
SELECT position FROM event_position WHERE event_id = $1";
    Ok(query(store, SQL, &[&event_id]).await?.first().map(|row| row.try_get(0)).transpose()?)
}

/// One event by its id.
pub(crate) async fn by_event(store: &Store, event_id: Uuid) -> Result<Option<Placed>, StoreError> {
    let sql = format!(
        "\
-- rows::by_event
SELECT {COLUMNS} FROM event_position p JOIN event e USING (event_id) WHERE p.event_id = $1"
    );
    query(store, &sql, &[&event_id]).await?.first().map(Placed::read).transpose()
}

/// The leaf hash of a position; `None` when the log does not reach so far.
pub(crate) async fn leaf_at(store: &Store, position: i64) -> Result<Option<LeafHash>, StoreError> {
    const SQL: &str = "\
-- rows::leaf_at
SELECT leaf_hash FROM event_position WHERE position = $1";
    let rows = query(store, SQL, &[&position]).await?;
    rows.first().map(|row| leaf(row.try_get(0)?)).transpose()
}

fn leaf(bytes: Vec<u8>) -> Result<LeafHash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Unreadable { column: "event_position.leaf_hash" })
}

/// How many events have no position yet: those that the head's snapshot did not see as finished.
pub(crate) async fn unplaced(store: &Store) -> Result<i64, StoreError> {
    const SQL: &str = "\
-- rows::unplaced
WITH head AS MATERIALIZED (
    SELECT snapshot, (SELECT max(epoch) FROM log_epoch) AS epoch FROM log_head
)
SELECT count(*) FROM (
    SELECT 1 FROM event
    WHERE epoch = (SELECT epoch FROM head) AND xid >= (SELECT pg_snapshot_xmax(snapshot) FROM head)
    UNION ALL
    SELECT 1 FROM event
    WHERE epoch = (SELECT epoch FROM head)
      AND xid = ANY (ARRAY(SELECT pg_snapshot_xip(snapshot) FROM head))
) AS unplaced";
    match store.query_opt(SQL, &[]).await? {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(StoreError::RowCount { statement: "rows::unplaced", rows: 0 }),
    }
}
