//! Reading forward for a watch: from memory near the head, from the table further back.

use std::sync::Arc;

use store::StoreError;

use crate::filter::Selection;
use crate::log::Log;
use crate::rows::{CANDIDATE, COLUMNS, Placed, query};

/// How many positions one step looks at.
pub(super) const STEP: i64 = 1_000;
/// How many events one step brings.
const MOST: i64 = 256;

/// A step: what was selected, and how far it looked.
pub(super) struct Step {
    pub(super) rows: Vec<Arc<Placed>>,
    pub(super) upto: i64,
}

/// The selected events after `after`, as far as one step goes but not beyond `head`.
pub(super) async fn step(
    log: &Log,
    selection: &Selection,
    after: i64,
    head: i64,
) -> Result<Step, StoreError> {
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    if let Some(mut rows) = log.recent(after, most) {
        let upto = rows.last().map_or(after, |row| row.position);
        rows.retain(|row| selection.matches(row));
        return Ok(Step { rows, upto });
    }
    let end = head.min(after + STEP);
    let rows = select(log, selection, after, end).await?;
    let is_cut = rows.len() == most;
    let upto = rows.last().filter(|_| is_cut).map_or(end, |row| row.position);
    Ok(Step { rows, upto })
}

async fn select(
    log: &Log,
    selection: &Selection,
    after: i64,
    upto: i64,
) -> Result<Vec<Arc<Placed>>, StoreError> {
    let sql = format!(
        "\
-- scan::select
SELECT {COLUMNS}
FROM (
    SELECT {CANDIDATE} FROM event_position
    WHERE position > $1 AND position <= $2
      AND ($3::uuid IS NULL OR organization_id = $3)
      AND ($4::uuid IS NULL OR reseller_id = $4)
      AND ($5::uuid IS NULL OR subject_key = $5)
      AND ($6::uuid IS NULL OR actor_key = $6)
      AND (cardinality($7::text[]) = 0 OR type = ANY ($7))
      AND ($8::timestamptz IS NULL OR record_time >= $8)
      AND ($9::timestamptz IS NULL OR record_time < $9)
    ORDER BY position LIMIT {MOST}
) p
JOIN event e USING (event_id) ORDER BY p.position"
    );
    let rows = query(
        log.reads(),
        &sql,
        &[
            &after,
            &upto,
            &selection.organization,
            &selection.reseller,
            &selection.subject.map(|subject| subject.key),
            &selection.actor.map(|actor| actor.key),
            &selection.types,
            &selection.start_time,
            &selection.end_time,
        ],
    )
    .await?;
    rows.iter().map(|row| Placed::read(row).map(Arc::new)).collect()
}
