//! The unit of work.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::Object;
use fault::Fault;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tracing::Instrument;

use crate::{SqlClass, Store, StoreError, statement};

/// How often a unit runs at most when the database asks for a repetition.
const ATTEMPTS: u32 = 8;
/// How long one attempt may take at most: longer than any call, and than any wait for a lock.
const LONGEST: Duration = Duration::from_secs(45);
/// How a transaction begins that writes.
const READ_WRITE: &str = "BEGIN";
/// How one begins whose statements all see the same moment.
const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A future that borrows its unit; what a unit's closure returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something to be written to the log when the unit commits. Implemented by `eventlog::Draft`.
pub trait Entry: Send + Sync {
    /// The INSERT that writes this entry.
    fn statement(&self) -> &'static str;
    /// Its parameters.
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)>;
    /// What it is counted as once it is committed.
    fn label(&self) -> Label<'_>;
}

/// What an entry is counted as: words of closed lists, never a caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label<'a> {
    /// The entry's type.
    pub kind: &'a str,
    /// What became of what it tells: `succeeded`, `refused`.
    pub outcome: &'static str,
    /// Why it was refused; else empty.
    pub reason: &'a str,
}

/// A write to one row, to be done at once ([`Unit::write`]) or with the commit ([`Unit::write_last`]).
pub struct Write {
    statement: &'static str,
    sql: &'static str,
    parameters: Vec<Box<dyn ToSql + Send + Sync>>,
}

impl Write {
    /// A statement, known by the function that holds it.
    #[must_use]
    pub fn new(statement: &'static str, sql: &'static str) -> Self {
        Self { statement, sql, parameters: Vec::new() }
    }

    /// The same with its next parameter.
    #[must_use]
    pub fn with(mut self, parameter: impl ToSql + Send + Sync + 'static) -> Self {
        self.parameters.push(Box::new(parameter));
        self
    }
}

/// Proof that something was recorded. Only [`Unit::record`] makes one.
#[derive(Debug)]
#[must_use = "a receipt is what a unit's result is made of"]
pub struct Receipt(());

impl Receipt {
    /// The unit's result.
    pub fn with<T>(self, value: T) -> Recorded<T> {
        Recorded(value)
    }
}

/// A unit's result, which exists only where something was recorded.
#[derive(Debug)]
pub struct Recorded<T>(T);

/// A transaction under way.
///
/// READ COMMITTED; rows that a decision depends on are locked explicitly, in one global order (organisation, user,
/// then the rest by id). What is recorded is written last, together with the commit.
pub struct Unit<'a> {
    client: &'a Object,
    writes: Vec<Write>,
    entries: Vec<Box<dyn Entry>>,
}

impl Unit<'_> {
    /// Writes an entry to the log when this unit commits. Call it after the entity's row is locked and changed.
    pub fn record(&mut self, entry: impl Entry + 'static) -> Receipt {
        self.entries.push(Box::new(entry));
        Receipt(())
    }

    /// Writes at once; it must touch exactly one row.
    ///
    /// # Errors
    /// The database's; [`StoreError::RowCount`].
    pub async fn write(&self, write: Write) -> Result<(), StoreError> {
        let parameters: Vec<_> = write.parameters.iter().map(|one| bare(&**one)).collect();
        self.execute_one(write.statement, write.sql, &parameters).await
    }

    /// Writes to a row that this unit has locked, in one flight with what is recorded and the commit, in the order of the
    /// calls and before what is recorded.
    ///
    /// The unit does not see the write, and COMMIT has left when its outcome arrives: so it MUST touch exactly one row, or
    /// fail by itself - by a constraint - where it must not happen. Another number of rows is reported as a defect.
    pub fn write_last(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Records several entries; `None` when there are none.
    pub fn record_all(&mut self, entries: impl IntoIterator<Item = impl Entry + 'static>) -> Option<Receipt> {
        entries.into_iter().map(|entry| self.record(entry)).last()
    }

    /// All rows of a statement.
    ///
    /// # Errors
    /// The database's.
    pub async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        statement::query(self.client, sql, parameters).await
    }

    /// The one row of a statement, or none.
    ///
    /// # Errors
    /// The database's; more than one row.
    pub async fn query_opt(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, StoreError> {
        statement::query_opt(self.client, sql, parameters).await
    }

    /// Runs a statement; the number of rows it touched.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        statement::execute(self.client, sql, parameters).await
    }

    /// Runs a statement that must touch exactly one row.
    ///
    /// # Errors
    /// The database's; [`StoreError::RowCount`] names `statement`.
    pub async fn execute_one(
        &self,
        statement: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(), StoreError> {
        match self.execute(sql, parameters).await? {
            1 => Ok(()),
            rows => Err(StoreError::RowCount { statement, rows }),
        }
    }
}

impl Store {
    /// One unit of work: begins, runs the closure, writes what it recorded, commits.
    ///
    /// The closure may run again (serialization failure, deadlock), so time, ids and randomness are drawn before, into
    /// `context`. A wrong code, a refusal that must count, and the like are values in `T`, not errors: `Err` rolls back.
    /// The unit runs to its end even when the caller hangs up: it is a task of its own.
    ///
    /// # Errors
    /// The closure's fault, or the database's as UNAVAILABLE or INTERNAL. After an error nothing is changed, except
    /// that a connection lost during the commit leaves open whether it happened, as with every database.
    pub async fn unit<C, T, F>(&self, name: &'static str, context: C, work: F) -> Result<T, Fault>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Unit<'_>, &'a C) -> BoxFuture<'a, Result<Recorded<T>, Fault>>
            + Send
            + Sync
            + 'static,
    {
        self.transaction(name, READ_WRITE, context, move |unit, context| {
            let work = work(unit, context);
            Box::pin(async move { work.await.map(|recorded| recorded.0) })
        })
        .await
    }

    /// A transaction without an event, for pure bookkeeping only. Its users: cursors of followed logs, the sequencer's
    /// leases, idempotency records, expiry of what is dead anyway, totals of what is recorded elsewhere, test fixtures.
    ///
    /// # Errors
    /// As [`Self::unit`].
    pub async fn bookkeeping<C, T, F>(&self, name: &'static str, context: C, work: F) -> Result<T, Fault>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Unit<'_>, &'a C) -> BoxFuture<'a, Result<T, Fault>> + Send + Sync + 'static,
    {
        self.transaction(name, READ_WRITE, context, work).await
    }

    /// Several reads as of one moment: every statement sees what was committed when the first one began, and none can
    /// write. Blocks nobody. For reads that one statement answers, [`Self::read`] is enough.
    ///
    /// # Errors
    /// As [`Self::unit`].
    pub async fn snapshot<C, T, F>(&self, name: &'static str, context: C, work: F) -> Result<T, Fault>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a Unit<'_>, &'a C) -> BoxFuture<'a, Result<T, Fault>> + Send + Sync + 'static,
    {
        self.transaction(name, ONE_MOMENT, context, move |unit, context| work(unit, context)).await
    }

    async fn transaction<C, T, F>(
        &self,
        name: &'static str,
        begin: &'static str,
        context: C,
        work: F,
    ) -> Result<T, Fault>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Unit<'_>, &'a C) -> BoxFuture<'a, Result<T, Fault>> + Send + Sync + 'static,
    {
        let store = self.clone();
        // For traces; log lines have the call's span.
        let span = tracing::info_span!(target: "store::sql", telemetry::names::SPAN_UNIT, otel.name = name);
        let begun = std::time::Instant::now();
        let task = async move {
            let mut attempt = 0;
            let outcome = loop {
                attempt += 1;
                match store.attempt(begin, &context, &work).await {
                    Err(Failure::Store(error)) if error.class() == SqlClass::Retry && attempt < ATTEMPTS => {
                        tracing::debug!(attempt, "the database asks for a repetition");
                        tokio::time::sleep(pause(attempt)).await;
                    }
                    Err(Failure::Store(error)) => break Err(Fault::from(error)),
                    Err(Failure::Fault(fault)) if asks_for_repetition(&fault) && attempt < ATTEMPTS => {
                        tokio::time::sleep(pause(attempt)).await;
                    }
                    Err(Failure::Fault(fault)) => break Err(fault),
                    Ok(value) => break Ok(value),
                }
            };
            telemetry::metrics::unit_ended(name, outcome.is_ok(), attempt - 1, begun.elapsed());
            outcome
        };
        match tokio::spawn(task.instrument(span)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::CutOff.into()),
        }
    }

    async fn attempt<C, T, F>(&self, begin: &str, context: &C, work: &F) -> Result<T, Failure>
    where
        F: for<'a> Fn(&'a mut Unit<'_>, &'a C) -> BoxFuture<'a, Result<T, Fault>>,
    {
        let guard = Guard { client: Some(self.read().await?) };
        let Some(client) = guard.client.as_ref() else { return Err(StoreError::CutOff.into()) };
        // A server that hangs - its storage does, its kernel still answers - must not keep the connection for ever.
        let Ok(outcome) = tokio::time::timeout(LONGEST, run(client, begin, context, work)).await else {
            return Err(StoreError::CutOff.into());
        };
        if outcome.is_err() {
            // When even this fails the guard throws the connection away.
            client.batch_execute("ROLLBACK").await.map_err(StoreError::from)?;
        }
        guard.hand_back();
        outcome
    }
}

async fn run<C, T, F>(client: &Object, begin: &str, context: &C, work: &F) -> Result<T, Failure>
where
    F: for<'a> Fn(&'a mut Unit<'_>, &'a C) -> BoxFuture<'a, Result<T, Fault>>,
{
    // BEGIN is sent now and answered together with the first statement: it costs no round trip of its own.
    let mut begin = Box::pin(client.batch_execute(begin));
    let begun = futures::poll!(&mut begin);
    let mut unit = Unit { client, writes: Vec::new(), entries: Vec::new() };
    let worked = work(&mut unit, context).await;
    match begun {
        Poll::Ready(begun) => begun.map_err(StoreError::from)?,
        Poll::Pending => begin.await.map_err(StoreError::from)?,
    }
    let value = worked.map_err(Failure::Fault)?;
    commit(&unit).instrument(commit_span()).await?;
    Ok(value)
}

/// For traces: the statements of the last flight have no spans of their own.
fn commit_span() -> tracing::Span {
    tracing::info_span!(
        target: "store::sql",
        telemetry::names::SPAN_COMMIT,
        otel.kind = "client",
        db.system.name = "postgresql",
    )
}

/// Writes what waited and the entries, and commits, in one flight.
async fn commit(unit: &Unit<'_>) -> Result<(), StoreError> {
    let mut statements = Vec::with_capacity(unit.writes.len() + unit.entries.len());
    for write in &unit.writes {
        statements.push((write.statement, unit.client.prepare_cached(write.sql).await?));
    }
    for entry in &unit.entries {
        statements.push(("record", unit.client.prepare_cached(entry.statement()).await?));
    }
    let writes = unit.writes.iter().map(|write| write.parameters.iter().map(|one| bare(&**one)).collect());
    let entries = unit.entries.iter().map(|entry| entry.parameters());
    let parameters: Vec<Vec<&(dyn ToSql + Sync)>> = writes.chain(entries).collect();
    let mut flights: Vec<_> = statements
        .iter()
        .zip(&parameters)
        .map(|((_, statement), parameters)| Box::pin(unit.client.execute(statement, parameters)))
        .collect();
    // Polled once each, in order, so that they leave in order; then COMMIT follows them on the wire.
    let mut early = Vec::with_capacity(flights.len());
    for flight in &mut flights {
        match futures::poll!(flight) {
            // It never left - a parameter does not encode -, so COMMIT must not follow what did.
            Poll::Ready(Err(error)) => return Err(error.into()),
            polled => early.push(polled),
        }
    }
    let commit = unit.client.simple_query("COMMIT");
    let answers = flights.into_iter().zip(early).map(|(flight, early)| async {
        match early {
            Poll::Ready(rows) => rows,
            Poll::Pending => flight.await,
        }
    });
    // All are listened to at once: the driver holds few pieces of an answer that nobody takes, and then no other's either.
    let (committed, answers) = futures::join!(commit, futures::future::join_all(answers));
    for (rows, (statement, _)) in answers.into_iter().zip(&statements) {
        let rows = rows?;
        if rows != 1 {
            return Err(StoreError::RowCount { statement, rows });
        }
    }
    committed?;
    for entry in &unit.entries {
        let Label { kind, outcome, reason } = entry.label();
        telemetry::metrics::recorded(kind, outcome, reason);
    }
    Ok(())
}

/// A parameter as the driver takes it.
fn bare(parameter: &(dyn ToSql + Send + Sync)) -> &(dyn ToSql + Sync) {
    parameter
}

/// Throws the connection away unless it is handed back: what was cut off may hold an open transaction.
struct Guard {
    client: Option<Object>,
}

impl Guard {
    fn hand_back(mut self) {
        drop(self.client.take());
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

enum Failure {
    Store(StoreError),
    Fault(Fault),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn asks_for_repetition(fault: &Fault) -> bool {
    fault
        .cause()
        .and_then(|cause| cause.downcast_ref::<StoreError>())
        .is_some_and(|error| error.class() == SqlClass::Retry)
}

/// A short pause that grows and differs between competitors.
fn pause(attempt: u32) -> Duration {
    let spread = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| u64::from(elapsed.subsec_nanos() % 5));
    Duration::from_millis(u64::from(attempt) * 3 + spread)
}
