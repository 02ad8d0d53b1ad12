//! Reading one page in the order of positions, at a cost that does not grow with the log.
//!
//! One condition of the selection drives: an index whose entries with that value stand in the order of positions. The
//! others are checked on its rows. So that a condition that matches almost nothing cannot scan for ever, one statement
//! looks at a bounded number of rows and says where it stopped.

mod driver;
mod span;

use store::{Store, StoreError};
use tokio_postgres::types::ToSql;

use driver::Driver;
pub(super) use span::Span;

use crate::filter::Selection;
use crate::rows::{CANDIDATE, COLUMNS, Placed, query};

/// How many rows of the driving index one statement looks at.
const BUDGET: i64 = 5_000;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    NewestFirst,
    OldestFirst,
}

impl Direction {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NewestFirst => "newest first",
            Self::OldestFirst => "oldest first",
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Self::NewestFirst => "DESC",
            Self::OldestFirst => "ASC",
        }
    }
}

/// A page: rows in order, and the position to go on beyond, unless the selection is at its end.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Placed>,
    pub(super) next: Option<i64>,
}

/// A selection made ready for reading pages.
#[derive(Debug)]
pub(super) struct PageQuery<'a> {
    selection: &'a Selection,
    driver: Driver,
}

impl Page {
    pub(super) async fn query<'a>(
        store: &Store,
        selection: &'a Selection,
    ) -> Result<PageQuery<'a>, StoreError> {
        Ok(PageQuery { selection, driver: Driver::choose(store, selection).await? })
    }
}

impl PageQuery<'_> {
    /// The next rows of a span, at most `limit`.
    pub(super) async fn read(
        &self,
        store: &Store,
        direction: Direction,
        span: Span,
        limit: usize,
    ) -> Result<Page, StoreError> {
        if matches!(&self.driver, Driver::Types { types, .. } if types.is_empty()) {
            return Ok(Page::default());
        }
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let (candidates, mut parameters) = self.candidates(direction, &span);
        let next = parameters.len() + 1;
        parameters.push(&most);
        let (conditions, more) = self.conditions(next + 1);
        let order = direction.sql();
        let sql = format!(
            "\
-- page::read
SELECT {COLUMNS}
FROM (SELECT {CANDIDATE} FROM ({candidates}) candidate WHERE {conditions} ORDER BY position {order} LIMIT ${next}) p
JOIN event e USING (event_id) ORDER BY p.position {order}"
        );
        parameters.extend(more);
        let rows = query(store, &sql, &parameters).await?;
        let rows = rows.iter().map(Placed::read).collect::<Result<Vec<_>, _>>()?;
        let next = match rows.last() {
            Some(last) if rows.len() == limit => Some(last.position),
            _ => self.stopped_at(store, direction, span).await?,
        };
        Ok(Page { rows, next })
    }

    /// Where the budget ended; `None` when it did not.
    async fn stopped_at(
        &self,
        store: &Store,
        direction: Direction,
        span: Span,
    ) -> Result<Option<i64>, StoreError> {
        let (candidates, parameters) = self.candidates(direction, &span);
        let sql = format!(
            "\
-- page::stopped_at
SELECT position FROM ({candidates}) candidate ORDER BY position {} OFFSET {} LIMIT 1",
            direction.sql(),
            BUDGET - 1
        );
        Ok(query(store, &sql, &parameters).await?.first().map(|row| row.try_get(0)).transpose()?)
    }

    /// The rows of the driving index, in order, as many as the budget allows.
    fn candidates<'p>(
        &'p self,
        direction: Direction,
        span: &'p Span,
    ) -> (String, Vec<&'p (dyn ToSql + Sync)>) {
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&span.after, &span.before];
        match &self.driver {
            Driver::Everything => {}
            Driver::Key { key, .. } => parameters.push(key),
            Driver::Types { column, key, types } => {
                if column.is_some() {
                    parameters.push(key);
                }
                parameters.extend(types.iter().map(|name| name as &(dyn ToSql + Sync)));
            }
        }
        let first_type_parameter = match &self.driver {
            Driver::Types { column: None, .. } => 3,
            _ => 4,
        };
        let branches = self.driver.branches(direction.sql(), first_type_parameter).join("\nUNION ALL\n");
        let sql = format!(
            "SELECT {CANDIDATE} FROM (\n{branches}\n) branch ORDER BY position {} LIMIT {BUDGET}",
            direction.sql()
        );
        (sql, parameters)
    }

    /// All conditions of the selection; those that drive already hold and cost nothing.
    fn conditions(&self, first_parameter: usize) -> (String, Vec<&(dyn ToSql + Sync)>) {
        let mut sql = vec!["true".to_owned()];
        let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
        let mut add = |condition: &str, parameter| {
            sql.push(condition.replace('$', &format!("${}", first_parameter + parameters.len())));
            parameters.push(parameter);
        };
        let selection = self.selection;
        if let Some(id) = &selection.organization {
            add("organization_id = $", id);
        }
        if let Some(id) = &selection.reseller {
            add("reseller_id = $", id);
        }
        if let Some(subject) = &selection.subject {
            add("subject_key = $", &subject.key);
        }
        if let Some(actor) = &selection.actor {
            add("actor_key = $", &actor.key);
        }
        if !selection.types.is_empty() {
            add("type = ANY ($)", &selection.types);
        }
        if let Some(start) = &selection.start_time {
            add("record_time >= $", start);
        }
        if let Some(end) = &selection.end_time {
            add("record_time < $", end);
        }
        (sql.join(" AND "), parameters)
    }
}
