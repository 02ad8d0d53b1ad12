//! Which index a page is read from.

use store::{Store, StoreError};
use uuid::Uuid;

use super::BUDGET;
use crate::filter::Selection;
use crate::rows::{CANDIDATE, query};

/// What drives the reading.
#[derive(Debug, Clone)]
pub(super) enum Driver {
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

impl Driver {
    /// The condition that is likely to leave the fewest rows.
    pub(super) async fn choose(store: &Store, selection: &Selection) -> Result<Self, StoreError> {
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
    pub(super) fn branches(&self, order: &str, first_type_parameter: usize) -> Vec<String> {
        let branch = |condition: String| {
            format!(
                "(SELECT {CANDIDATE} FROM event_position WHERE position > $1 AND position < $2{condition} \
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
