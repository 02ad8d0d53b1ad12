//! Whether a database is at the level that a program needs. Looking takes no right but to read the history tables.

use std::fmt;

use tokio_postgres::error::SqlState;

use crate::{MigrationSet, Store, StoreError};

/// What a program needs of one history of migrations: this level, or a higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaNeed {
    history_table: &'static str,
    level: i32,
}

impl fmt::Display for SchemaNeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.history_table, self.level)
    }
}

/// A history that is not as far as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaLack {
    need: SchemaNeed,
    /// The level it is at; none where the history cannot be read: nothing was migrated yet, or by other means.
    found: Option<i32>,
}

impl fmt::Display for SchemaLack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SchemaNeed { history_table, level } = self.need;
        match self.found {
            Some(found) => {
                write!(formatter, "{history_table} is at {found} and must be at {level}: run migrate")
            }
            None => write!(formatter, "{history_table} cannot be read: run migrate"),
        }
    }
}

impl MigrationSet {
    /// What the program that holds these migrations needs.
    #[must_use]
    pub const fn need(&self) -> SchemaNeed {
        SchemaNeed { history_table: self.history_table, level: self.least }
    }
}

impl Store {
    /// The first of the histories that is not as far as it must be. A higher level is no lack: what is released next only adds
    /// to what this program knows.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn schema_lack(&self, needs: &[SchemaNeed]) -> Result<Option<SchemaLack>, StoreError> {
        let client = self.read().await?;
        for need in needs {
            // A name of ours, never a caller's.
            let sql = format!("-- schema::level\nSELECT max(version) FROM {}", need.history_table);
            let found = match client.query_one(&sql, &[]).await {
                Ok(row) => row.try_get::<_, Option<i32>>(0)?,
                Err(error) if is_unreadable(&error) => None,
                Err(error) => return Err(error.into()),
            };
            if found.is_none_or(|found| found < need.level) {
                return Ok(Some(SchemaLack { need: *need, found }));
            }
        }
        Ok(None)
    }
}

fn is_unreadable(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::UNDEFINED_TABLE | &SqlState::INSUFFICIENT_PRIVILEGE))
}
