//! Applying a batch and moving the cursor, in one transaction. A named user of the store's bookkeeping.

use std::sync::Arc;

use clock::Timestamp;
use fault::{Fault, Outcome, Reason};
use proto::events::Event;
use proto::events::watch_events_response::Frame;
use store::{Store, StoreError, Unit};
use types::ServiceName;

use super::Follow;

/// Events in order, and where the cursor stands after them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// Where the stream stood before it: what lies between there and the first event concerns this follower not.
    from: i64,
    pub(super) position: i64,
    cursors: Vec<String>,
    cursor: String,
}

impl Batch {
    /// Nothing yet, behind what the stream has handed over already.
    pub(super) fn after(from: i64) -> Self {
        Self { from, ..Self::default() }
    }

    /// # Errors
    /// The frame is none of ours.
    pub(super) fn add(&mut self, frame: Option<Frame>) -> Outcome<()> {
        match frame {
            Some(Frame::Event(watched)) => {
                let event = watched.event.ok_or_else(unreadable)?;
                if event.position <= self.position {
                    return Err(unreadable());
                }
                self.push(event, watched.cursor);
            }
            Some(Frame::Progress(progress)) if progress.position >= self.position => {
                self.position = progress.position;
                self.cursor = progress.cursor;
            }
            // Where the head is does not matter to a follower, and a later version may know more frames.
            Some(Frame::CaughtUp(_)) | None => {}
            Some(Frame::Progress(_)) => return Err(unreadable()),
        }
        Ok(())
    }

    /// The same batch in parts, so that each event that is to be alone is one of them.
    pub(super) fn split(self, is_alone: impl Fn(&Event) -> bool) -> Vec<Self> {
        let Self { events, from, position, cursors, cursor } = self;
        let mut parts: Vec<Self> = Vec::new();
        let mut is_open = false;
        for (event, cursor) in events.into_iter().zip(cursors) {
            let alone = is_alone(&event);
            match parts.last_mut().filter(|_| is_open && !alone) {
                Some(part) => part.push(event, cursor),
                None => {
                    let mut part = Self::after(parts.last().map_or(from, |part| part.position));
                    part.push(event, cursor);
                    parts.push(part);
                }
            }
            is_open = !alone;
        }
        // What follows the last event only moves the cursor.
        match parts.last_mut() {
            Some(last) => (last.position, last.cursor) = (position, cursor),
            None => parts.push(Self { from, position, cursor, ..Self::default() }),
        }
        parts
    }

    fn push(&mut self, event: Event, cursor: String) {
        self.position = event.position;
        self.cursor.clone_from(&cursor);
        self.cursors.push(cursor);
        self.events.push(event);
    }
}

fn unreadable() -> Fault {
    Fault::new(Reason::Internal).with_cause("a frame of the log cannot be read")
}

/// The stored place in a log, as position and cursor; its row is made when there is none.
pub(super) async fn place(store: &Store, log: ServiceName) -> Outcome<(i64, String)> {
    const SQL: &str = "\
-- follow::make_cursor
INSERT INTO log_cursor (log) VALUES ($1) ON CONFLICT ON CONSTRAINT log_cursor_pk DO NOTHING";
    const READ: &str = "\
-- follow::read_cursor
SELECT position, cursor FROM log_cursor WHERE log = $1";
    store
        .bookkeeping("follow.cursor", log, |unit, log| {
            Box::pin(async move {
                unit.execute(SQL, &[&log.as_str()]).await?;
                let row = unit.query_opt(READ, &[&log.as_str()]).await?;
                let row = row.ok_or(StoreError::RowCount { statement: "follow::read_cursor", rows: 0 })?;
                let read = || Ok((row.try_get(0)?, row.try_get(1)?));
                Ok(read().map_err(|error: tokio_postgres::Error| StoreError::from(error))?)
            })
        })
        .await
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is applied, here or by another replica.
    Applied,
    /// The stored place lies before where this stream began: the database was put back, or an operator had the log followed
    /// again. What lies between is not in this stream, so nothing of it may count.
    PlaceWentBack,
}

struct Context {
    follow: Arc<dyn Follow>,
    batch: Arc<Batch>,
    now: Timestamp,
}

/// Applies what another replica has not applied yet, and moves the cursor.
pub(super) async fn commit(
    store: &Store,
    follow: Arc<dyn Follow>,
    batch: Arc<Batch>,
    now: Timestamp,
) -> Outcome<Taken> {
    store
        .bookkeeping("follow.apply", Context { follow, batch, now }, |unit, context| {
            Box::pin(apply(unit, context))
        })
        .await
}

async fn apply(unit: &mut Unit<'_>, context: &Context) -> Outcome<Taken> {
    let Context { follow, batch, now } = context;
    let (applied, cursor) = lock(unit, follow.log()).await?;
    if applied < batch.from {
        return Ok(Taken::PlaceWentBack);
    }
    let wanted = follow.types();
    for event in batch.events.iter().filter(|event| event.position > applied) {
        if wanted.is_empty() || wanted.contains(&event.r#type.as_str()) {
            follow.apply(unit, event, *now).await?;
        }
    }
    // The same place under another key is kept, too: the old key must not be needed for it for ever.
    if batch.position > applied || (batch.position == applied && batch.cursor != cursor) {
        advance(unit, follow.log(), batch).await?;
    }
    Ok(Taken::Applied)
}

async fn lock(unit: &Unit<'_>, log: ServiceName) -> Result<(i64, String), StoreError> {
    const SQL: &str = "\
-- follow::lock
SELECT position, cursor FROM log_cursor WHERE log = $1 FOR UPDATE";
    let row = unit.query_opt(SQL, &[&log.as_str()]).await?;
    let row = row.ok_or(StoreError::RowCount { statement: "follow::lock", rows: 0 })?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

async fn advance(unit: &Unit<'_>, log: ServiceName, batch: &Batch) -> Result<(), StoreError> {
    const SQL: &str = "\
-- follow::advance
UPDATE log_cursor SET position = $2, cursor = $3 WHERE log = $1";
    unit.execute_one("follow::advance", SQL, &[&log.as_str(), &batch.position, &batch.cursor]).await
}

#[cfg(test)]
mod tests {
    use proto::events::{Progress, WatchedEvent};

    use super::*;

    fn batch(types: &[&str], progress: Option<i64>) -> Batch {
        let mut batch = Batch::after(0);
        for (position, event_type) in (1..).zip(types) {
            let event = Event { position, r#type: (*event_type).to_owned(), ..Event::default() };
            let watched = WatchedEvent { event: Some(event), cursor: format!("c{position}") };
            batch.add(Some(Frame::Event(watched))).unwrap();
        }
        if let Some(position) = progress {
            let progress = Progress { position, cursor: format!("c{position}") };
            batch.add(Some(Frame::Progress(progress))).unwrap();
        }
        batch
    }

    fn parts(types: &[&str], progress: Option<i64>) -> Vec<(Vec<i64>, i64)> {
        let parts = batch(types, progress).split(|event| event.r#type == "alone");
        let starts = parts.iter().map(|part| part.from).skip(1);
        assert!(
            starts.eq(parts.iter().map(|part| part.position).take(parts.len() - 1)),
            "each goes on from the last"
        );
        let part = |part: &Batch| {
            assert_eq!(part.cursor, format!("c{}", part.position));
            (part.events.iter().map(|event| event.position).collect(), part.position)
        };
        parts.iter().map(part).collect()
    }

    #[test]
    fn what_is_to_be_alone_is_a_part_and_what_lies_between_is_another() {
        assert_eq!(parts(&["", "", ""], None), [(vec![1, 2, 3], 3)]);
        assert_eq!(parts(&["alone", "alone"], None), [(vec![1], 1), (vec![2], 2)]);
        assert_eq!(
            parts(&["", "", "alone", "", ""], Some(9)),
            [(vec![1, 2], 2), (vec![3], 3), (vec![4, 5], 9)]
        );
        assert_eq!(parts(&["", "alone"], Some(9)), [(vec![1], 1), (vec![2], 9)]);
        assert_eq!(parts(&[], Some(9)), [(vec![], 9)]);
    }
}
