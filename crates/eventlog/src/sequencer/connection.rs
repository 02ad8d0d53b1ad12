//! The sequencer's one connection, and what it remembers of the head.

use store::{Address, StoreError};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Statement};

use super::StopCause;
use super::place::{BEGIN_AND_LOCK, LOAD, LOOK, place_new};

/// Index scans, whatever the statistics say: they lag behind a growing log, and a scan of the whole table every tick
/// would stop it.
const SESSION: &str = "\
SET application_name = 'countersign sequencer';
SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET work_mem = '32MB';
SET plan_cache_mode = force_generic_plan";

const LEAD: &str = "\
-- lead
SELECT pg_try_advisory_lock(hashtext('countersign.sequencer'))";

/// What a look at the log found.
pub(super) enum Look {
    Nothing,
    New,
    Restored(StopCause),
}

pub(super) struct Connection {
    client: Client,
    task: JoinHandle<()>,
    look: Statement,
    place: Statement,
    head: Option<Head>,
}

/// The head as of the last tick of ours. A stale one only makes a look find what is placed already.
struct Head {
    snapshot: String,
    epoch: i32,
}

impl Connection {
    pub(super) async fn open(address: &Address) -> Result<Self, StoreError> {
        let (client, task) = address.open().await?;
        client.batch_execute(SESSION).await?;
        let look = client.prepare(LOOK).await?;
        let place = client.prepare(&place_new()).await?;
        Ok(Self { client, task, look, place, head: None })
    }

    /// Whether this connection leads from now on, for as long as it lasts.
    pub(super) async fn try_to_lead(&self) -> Result<bool, StoreError> {
        Ok(self.client.query_one(LEAD, &[]).await?.try_get(0)?)
    }

    /// Looks for new events, without a transaction id.
    pub(super) async fn look(&mut self) -> Result<Look, StoreError> {
        let head = match self.head.take() {
            Some(head) => head,
            None => match self.load().await? {
                Some(head) => head,
                None => return Ok(Look::Restored(StopCause::SystemIdentifier)),
            },
        };
        let row = self.client.query_one(&self.look, &[&head.snapshot]).await?;
        let (epoch, is_forward, is_new): (i32, bool, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if epoch != head.epoch {
            // Re-baselined meanwhile: load afresh at the next look.
            return Ok(Look::Nothing);
        }
        if !is_forward {
            return Ok(Look::Restored(StopCause::TransactionIds));
        }
        self.head = Some(head);
        Ok(if is_new { Look::New } else { Look::Nothing })
    }

    /// Gives positions to what is new. After an error the connection must not be used again.
    pub(super) async fn place(&mut self) -> Result<(), StoreError> {
        self.client.batch_execute(BEGIN_AND_LOCK).await?;
        let row = self.client.query_one(&self.place, &[]).await?;
        self.client.batch_execute("COMMIT").await?;
        let rows: i64 = row.try_get(1)?;
        tracing::trace!(rows, "placed");
        if let Some(head) = &mut self.head {
            head.snapshot = row.try_get(0)?;
        }
        Ok(())
    }

    /// The head; `None` on another system than the one the epoch began on.
    async fn load(&self) -> Result<Option<Head>, StoreError> {
        let row = self.client.query_one(LOAD, &[]).await?;
        let is_same_system: bool = row.try_get(2)?;
        let head = Head { snapshot: row.try_get(0)?, epoch: row.try_get(1)? };
        Ok(is_same_system.then_some(head))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
