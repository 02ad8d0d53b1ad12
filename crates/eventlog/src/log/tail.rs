//! The newest events in memory, read once for everybody who watches. Who is further behind reads the table.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::leaf::LeafHash;
use crate::rows::Placed;

/// The most events kept.
pub(super) const MOST_ROWS: usize = 2_048;
/// The most bytes kept.
const MOST_BYTES: usize = 2 << 20;

/// A dense run of positions up to the head.
#[derive(Debug, Default)]
pub(super) struct Tail {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    rows: VecDeque<Arc<Placed>>,
    bytes: usize,
}

impl Tail {
    /// The last position kept.
    pub(super) fn end(&self) -> Option<i64> {
        self.lock().rows.back().map(|row| row.position)
    }

    pub(super) fn clear(&self) {
        *self.lock() = Kept::default();
    }

    /// Adds what follows; rows that do not follow directly replace what was kept.
    pub(super) fn extend(&self, rows: Vec<Placed>) {
        let mut kept = self.lock();
        let follows = match (kept.rows.back(), rows.first()) {
            (Some(last), Some(first)) => first.position == last.position + 1,
            _ => true,
        };
        if !follows {
            *kept = Kept::default();
        }
        for row in rows {
            kept.bytes += row.size();
            kept.rows.push_back(Arc::new(row));
        }
        while kept.rows.len() > MOST_ROWS || kept.bytes > MOST_BYTES {
            let Some(row) = kept.rows.pop_front() else { break };
            kept.bytes -= row.size();
        }
    }

    /// The rows after a position, at most `limit`; `None` when the first of them is not kept.
    pub(super) fn after(&self, after: i64, limit: usize) -> Option<Vec<Arc<Placed>>> {
        let kept = self.lock();
        let skip = index(&kept, after + 1)?;
        Some(kept.rows.range(skip..).take(limit).cloned().collect())
    }

    pub(super) fn leaf_at(&self, position: i64) -> Option<LeafHash> {
        let kept = self.lock();
        kept.rows.get(index(&kept, position)?).map(|row| row.leaf_hash)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics while it is held, and what it holds is a copy.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a position stands, if it is kept.
fn index(kept: &Kept, position: i64) -> Option<usize> {
    let first = kept.rows.front()?.position;
    let index = usize::try_from(position.checked_sub(first)?).ok()?;
    (index < kept.rows.len()).then_some(index)
}
