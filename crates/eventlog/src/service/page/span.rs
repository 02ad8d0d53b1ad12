//! Which positions may hold what is asked for.

use store::{Store, StoreError};
use time::{Duration, OffsetDateTime};

use super::Direction;
use crate::filter::Selection;
use crate::rows::query;

/// The positions that are left: more than `after`, less than `before`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(super) after: i64,
    pub(super) before: i64,
}

impl Span {
    /// What is left from a page token on, narrowed by the times of the selection; `None` when nothing is.
    pub(crate) async fn of(
        store: &Store,
        selection: &Selection,
        direction: Direction,
        from: Option<i64>,
    ) -> Result<Option<Self>, StoreError> {
        let mut span = Self { after: 0, before: i64::MAX };
        if let Some(from) = from {
            span = span.beyond(direction, from);
        }
        if let Some(start) = selection.start_time {
            let Some(first) = first_at(store, start).await? else { return Ok(None) };
            span.after = span.after.max(first - 1);
        }
        if let Some(end) = selection.end_time {
            let Some(last) = last_before(store, end).await? else { return Ok(None) };
            span.before = span.before.min(last + 1);
        }
        Ok(Some(span))
    }

    /// What is left after a page that ended at `position`.
    pub(crate) fn beyond(self, direction: Direction, position: i64) -> Self {
        match direction {
            Direction::NewestFirst => Self { before: self.before.min(position), ..self },
            Direction::OldestFirst => Self { after: self.after.max(position), ..self },
        }
    }
}

/// The first position whose `time_high` reaches `start`: no earlier event has a `record_time` at or after it.
async fn first_at(store: &Store, start: OffsetDateTime) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "\
-- page::first_at
SELECT position FROM event_position WHERE time_high >= $1 ORDER BY time_high, position LIMIT 1";
    Ok(query(store, SQL, &[&start]).await?.first().map(|row| row.try_get(0)).transpose()?)
}

/// The last position that may hold a `record_time` before `end`: none was ever later than `time_lag` behind `time_high`.
async fn last_before(store: &Store, end: OffsetDateTime) -> Result<Option<i64>, StoreError> {
    const LAG: &str = "\
-- page::time_lag
SELECT (extract(epoch FROM time_lag) * 1000000)::bigint FROM log_head";
    const SQL: &str = "\
-- page::last_before
SELECT position FROM event_position WHERE time_high < $1 ORDER BY time_high DESC, position DESC LIMIT 1";
    let lag: i64 = query(store, LAG, &[]).await?.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
    let end = end.checked_add(Duration::microseconds(lag)).unwrap_or(end);
    Ok(query(store, SQL, &[&end]).await?.first().map(|row| row.try_get(0)).transpose()?)
}
