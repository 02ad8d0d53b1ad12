//! Reading one page in the order of positions, at a cost that does not grow with the log.
//!
//! One condition of the selection drives: an index whose entries with that value stand in the order of positions. The
//! others are checked on its rows. So that a condition that matches almost nothing cannot scan for ever, one statement
//! looks at a bounded number of rows and says where it stopped.

use store::{Store, StoreError};
use time::Duration;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::filter::Selection;
use crate::rows::{COLUMNS, Placed, query};

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

/// The positions that are left: more than `after`, less than `before`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    after: i64,
    before: i64,
}

impl Span {
    /// What is left from a page token on, narrowed by the times of the selection; `None` when nothing is.
    pub(super) async fn of(
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
    pub(super) fn beyond(self, direction: Direction, position: i64) -> Self {
        match direction {
            Direction::NewestFirst => Self { before: self.before.min(position), ..self },
            Direction::OldestFirst => Self { after: self.after.max(position), ..self },
        }
    }
}

/// The first position whose `time_high` reaches `start`: no earlier event has a `record_time` at or after it.
async fn first_at(store: &Store, start: time::OffsetDateTime) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "\
-- page::first_at
SELECT position FROM event_position WHERE time_high >= $1 ORDER BY time_high, position LIMIT 1";
    Ok(query(store, SQL, &[&start]).await?.first().map(|row| row.try_get(0)).transpose()?)
}

/// The last position that may hold a `record_time` before `end`: none was ever later than `time_lag` behind `time_high`.
async fn last_before(store: &Store, end: time::OffsetDateTime) -> Result<Option<i64>, StoreError> {
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

/// A page: rows in order, and the position to go on beyond, unless the selection is at its end.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Placed>,
    pub(super) next: Option<i64>,
}

/// What drives the reading.
#[derive(Debug, Clone)]
enum Driver {
    Everything,
    Key {
        column: &'static str,
        key: Uuid,
    },
    /// A merge over types, within one organisation or branch or everywhere.
    Types {
        column: Option<&'static str>,
        key: Uuid,
        types: Vec<String>,
    },
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

impl Driver {
    /// The condition that is likely to leave the fewest rows.
    async fn choose(store: &Store, selection: &Selection) -> Result<Self, StoreError> {
        let subject = selection.subject.map(|subject| (subject, "subject_key"));
        let actor = selection.actor.map(|actor| (actor, "actor_key"));
        let rare = [subject, actor].into_iter().flatten().find(|(key, _)| key.is_rare);
        if let Some((key, column)) = rare {
            return Ok(Self::Key { column, key: key.key });
        }
        let place = match (selection.organization, selection.reseller) {
            (Some(id), _) => Some(("organization_id", id)),
            (None, Some(id)) => Some(("reseller_id", id)),
            (None, None) => None,
        };
        if let Some((column, key)) = place {
            let mut types = types_of(store, column, key).await?;
            if !selection.types.is_empty() {
                types.retain(|name| selection.types.binary_search(name).is_ok());
            }
            return Ok(Self::Types { column: Some(column), key, types });
        }
        Ok(match (subject.or(actor), selection.types.as_slice()) {
            (Some((key, column)), []) => Self::Key { column, key: key.key },
            (_, types @ [_, ..]) => Self::Types { column: None, key: Uuid::nil(), types: types.to_vec() },
            (None, []) => Self::Everything,
        })
    }

    /// The branches of the candidates' UNION; each reads its index in the order of positions, and only as far as the
    /// merge asks. `$3` is the key.
    fn branches(&self, order: &str, first_type_parameter: usize) -> Vec<String> {
        let branch = |condition: String| {
            format!(
                "(SELECT * FROM event_position WHERE position > $1 AND position < $2{condition} \
                 ORDER BY position {order} LIMIT {BUDGET})"
            )
        };
        match self {
            Self::Everything => vec![branch(String::new())],
            Self::Key { column, .. } => vec![branch(format!(" AND {column} = $3"))],
            Self::Types { column, types, .. } => (first_type_parameter..)
                .take(types.len())
                .map(|parameter| match column {
                    Some(column) => branch(format!(" AND {column} = $3 AND type = ${parameter}")),
                    None => branch(format!(" AND type = ${parameter}")),
                })
                .collect(),
        }
    }
}

/// The types that occur in a place, by jumping from one to the next in the index.
async fn types_of(store: &Store, column: &'static str, key: Uuid) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "\
-- page::types_of
WITH RECURSIVE found AS (
    (SELECT type FROM event_position WHERE {column} = $1 ORDER BY type LIMIT 1)
    UNION ALL
    SELECT (SELECT type FROM event_position WHERE {column} = $1 AND type > found.type ORDER BY type LIMIT 1)
    FROM found WHERE found.type IS NOT NULL
)
SELECT type FROM found WHERE type IS NOT NULL"
    );
    Ok(query(store, &sql, &[&key]).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
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
FROM (SELECT * FROM ({candidates}) candidate WHERE {conditions} ORDER BY position {order} LIMIT ${next}) p
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
            "SELECT * FROM (\n{branches}\n) branch ORDER BY position {} LIMIT {BUDGET}",
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
