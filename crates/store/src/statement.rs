//! Running one statement: prepared once a connection, and a span in traces, named as its first line names it.

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tracing::{Instrument as _, Span};

use crate::{Store, StoreError};

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

pub(crate) async fn query(
    client: &Object,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<Vec<Row>, StoreError> {
    let work = async {
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, parameters).await?)
    };
    work.instrument(span(sql)).await
}

pub(crate) async fn query_opt(
    client: &Object,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<Option<Row>, StoreError> {
    let work = async {
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query_opt(&statement, parameters).await?)
    };
    work.instrument(span(sql)).await
}

pub(crate) async fn execute(
    client: &Object,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<u64, StoreError> {
    let work = async {
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, parameters).await?)
    };
    work.instrument(span(sql)).await
}

impl Store {
    /// All rows of one statement, outside any transaction.
    ///
    /// # Errors
    /// No connection can be had in time; the database's.
    pub async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, StoreError> {
        query(&self.read().await?, sql, parameters).await
    }

    /// The one row of a statement, or none, outside any transaction.
    ///
    /// # Errors
    /// As [`Self::query`]; more than one row.
    pub async fn query_opt(&self, sql: &str, parameters: Parameters<'_>) -> Result<Option<Row>, StoreError> {
        query_opt(&self.read().await?, sql, parameters).await
    }
}

/// A client span by OpenTelemetry's conventions for databases. Parameters are never told.
fn span(sql: &str) -> Span {
    tracing::info_span!(
        target: "store::sql",
        telemetry::names::SPAN_STATEMENT,
        otel.name = name(sql),
        otel.kind = "client",
        db.system.name = "postgresql",
        db.query.summary = name(sql),
    )
}

/// What the first line of a statement calls it: `-- session::find`.
fn name(sql: &str) -> &str {
    let first = sql.trim_start().strip_prefix("--").and_then(|rest| rest.split('\n').next());
    first.map_or("statement", str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_called_as_its_first_line_says() {
        assert_eq!(name("-- session::find\n SELECT 1"), "session::find");
        assert_eq!(name("\\\n-- x::y\nSELECT 1".trim_start_matches(['\\', '\n'])), "x::y");
        assert_eq!(name("SELECT 1"), "statement");
    }
}
