//! How far everything is, as one transaction sees it.

use store::{StoreError, Unit};
use types::ServiceName;

/// How far this service's own log, and its copies of what other logs say, are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positions {
    /// The last position given in the own log; 0 before the first. What is committed and has no position yet comes next.
    pub head: i64,
    followed: Vec<(String, i64)>,
}

impl Positions {
    /// Up to which position a followed log was applied; 0 when it never was.
    #[must_use]
    pub fn applied(&self, log: ServiceName) -> i64 {
        let found = self.followed.iter().find(|(name, _)| name == log.as_str());
        found.map_or(0, |(_, position)| *position)
    }
}

/// Reads them within a unit or snapshot, so that they belong to what else it reads.
///
/// # Errors
/// The database's.
pub async fn positions(unit: &Unit<'_>) -> Result<Positions, StoreError> {
    const SQL: &str = "\
-- positions::positions
SELECT NULL AS log, coalesce(max(position), 0) AS position FROM event_position
UNION ALL SELECT log, position FROM log_cursor";
    let mut positions = Positions { head: 0, followed: Vec::new() };
    for row in unit.query(SQL, &[]).await? {
        match row.try_get::<_, Option<String>>("log")? {
            Some(log) => positions.followed.push((log, row.try_get("position")?)),
            None => positions.head = row.try_get("position")?,
        }
    }
    Ok(positions)
}
