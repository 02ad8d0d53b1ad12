//! Sealing anew what is sealed under an old key, in small portions beside the traffic.
//!
//! Any number of replicas may do it at once: a portion is written by one at a time, and a row only where it still holds
//! what was read. A row that does not open is left as it is, and an alarm; it keeps its key in use.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use clock::Timestamp;
use eventlog::{Act, Draft, Subject};
use fault::{Fault, Outcome, Reason};
use keyring::{KeyId, Keyring};
use proto::events::SecretsResealed;
use proto::events::event::Payload;
use store::{Recorded, Store, Unit};
use types::{OrganizationPath, ServiceName};

/// How many rows at once: they are locked for as long as it takes to write them.
const PORTION: i64 = 100;
/// Between portions.
const PAUSE: Duration = Duration::from_millis(20);

/// A row, and its secret sealed anew.
#[derive(Debug, Clone)]
pub struct Resealed<R> {
    /// The row as it was read.
    pub row: R,
    /// The same secret under the primary key.
    pub sealed: Vec<u8>,
}

/// One column of sealed secrets.
#[async_trait]
pub trait SealedTable: Clone + Send + Sync + 'static {
    /// A row: what names it, and what it holds sealed.
    type Row: Clone + Send + Sync + 'static;

    /// The table's name.
    fn name(&self) -> &'static str;

    /// `<service>.secret.resealed`
    fn event_type(&self) -> &'static str;

    /// Rows sealed under a key, in a fixed order, those behind `after` only.
    ///
    /// # Errors
    /// The database's.
    async fn read(
        &self,
        store: &Store,
        key: &KeyId,
        after: Option<&Self::Row>,
        limit: i64,
    ) -> Outcome<Vec<Self::Row>>;

    /// The row's secret, sealed under the primary key for the same place.
    ///
    /// # Errors
    /// CORRUPT: it does not open. INTERNAL: there is no randomness.
    fn seal_anew(&self, keyring: &Keyring, row: &Self::Row) -> Outcome<Vec<u8>>;

    /// Writes them, each only where the row still holds what was read; how many. Rows that somebody else has locked at this
    /// moment may be left out.
    ///
    /// # Errors
    /// The database's.
    async fn replace(&self, unit: &Unit<'_>, rows: &[Resealed<Self::Row>]) -> Outcome<u64>;
}

/// The work of giving up one key.
pub struct Resealing<'a> {
    pub(super) service: ServiceName,
    pub(super) store: &'a Store,
    pub(super) keyring: &'a Keyring,
    pub(super) provider: OrganizationPath,
    pub(super) old: KeyId,
    pub(super) now: Timestamp,
}

impl Resealing<'_> {
    /// The key that is being given up.
    #[must_use]
    pub fn old(&self) -> &KeyId {
        &self.old
    }

    /// Goes through a table once; how many rows were sealed anew. Where another replica is at it, that is left to it.
    ///
    /// # Errors
    /// The database's.
    pub async fn table<T: SealedTable>(&self, table: T) -> Outcome<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let rows = table.read(self.store, &self.old, after.as_ref(), PORTION).await?;
            let Some(last) = rows.last().cloned() else { return Ok(count) };
            after = Some(last);
            let fresh = rows.into_iter().filter_map(|row| self.seal_anew(&table, row)).collect();
            match self.write(&table, fresh).await? {
                Written::Rows(rows) => count += rows,
                Written::SomebodyElse => return Ok(count),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A row that does not open was told by whoever tried to open it.
    fn seal_anew<T: SealedTable>(&self, table: &T, row: T::Row) -> Option<Resealed<T::Row>> {
        match table.seal_anew(self.keyring, &row) {
            Ok(sealed) => Some(Resealed { row, sealed }),
            Err(fault) => {
                tracing::error!(table = table.name(), %fault, cause = ?fault.cause(), "a secret cannot be sealed anew");
                None
            }
        }
    }

    async fn write<T: SealedTable>(&self, table: &T, rows: Vec<Resealed<T::Row>>) -> Outcome<Written> {
        if rows.is_empty() {
            return Ok(Written::Rows(0));
        }
        let act = Act::by_service(self.service, self.now);
        let portion = Portion {
            table: table.clone(),
            rows,
            act,
            provider: self.provider.clone(),
            primary: self.keyring.primary(),
        };
        let written =
            self.store.unit("reseal", portion, |unit, portion| Box::pin(write(unit, portion))).await;
        written.or_else(|fault| {
            let idle = fault.cause().and_then(|cause| cause.downcast_ref::<Idle>()).copied();
            match idle {
                Some(Idle::Nothing) => Ok(Written::Rows(0)),
                Some(Idle::SomebodyElse) => Ok(Written::SomebodyElse),
                None => Err(fault),
            }
        })
    }
}

/// What became of a portion.
enum Written {
    Rows(u64),
    SomebodyElse,
}

/// Why a portion leaves no event: a unit's result exists only where there is one, so this ends it as a fault.
#[derive(Debug, Clone, Copy)]
enum Idle {
    /// Every row has changed since, or is in use at this moment.
    Nothing,
    SomebodyElse,
}

impl fmt::Display for Idle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nothing to seal anew")
    }
}

impl std::error::Error for Idle {}

impl From<Idle> for Fault {
    fn from(idle: Idle) -> Self {
        Self::new(Reason::Internal).with_cause(idle)
    }
}

struct Portion<T: SealedTable> {
    table: T,
    rows: Vec<Resealed<T::Row>>,
    act: Act,
    provider: OrganizationPath,
    primary: KeyId,
}

async fn write<T: SealedTable>(unit: &mut Unit<'_>, portion: &Portion<T>) -> Outcome<Recorded<Written>> {
    let Portion { table, rows, act, provider, primary } = portion;
    if !take_the_lead(unit).await? {
        return Err(Idle::SomebodyElse.into());
    }
    let count = table.replace(unit, rows).await?;
    if count == 0 {
        return Err(Idle::Nothing.into());
    }
    let receipt = unit.record(resealed(act, table.event_type(), provider, (table.name(), primary), count));
    Ok(receipt.with(Written::Rows(count)))
}

fn resealed(
    act: &Act,
    event_type: &'static str,
    provider: &OrganizationPath,
    (table, key): (&str, &KeyId),
    rows: u64,
) -> Draft {
    let payload = SecretsResealed {
        table: table.to_owned(),
        key_id: key.to_string(),
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
    };
    let subject = Subject::Key(key.to_string());
    Draft::new(act, event_type, provider, subject, Payload::SecretsResealed(payload))
}

/// Whether this replica writes the portion; the others do not wait for it.
async fn take_the_lead(unit: &Unit<'_>) -> Outcome<bool> {
    const SQL: &str = "-- reseal::take_the_lead
        SELECT pg_try_advisory_xact_lock(hashtextextended('countersign.reseal', 0))";
    let row = unit.query_opt(SQL, &[]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose().map_err(store::StoreError::from)?.unwrap_or(false))
}
