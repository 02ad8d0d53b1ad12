//! Cursors and page tokens: opaque, authenticated, bound to the log, the caller's scope and the filter.

use fault::{Outcome, Reason};
use keyring::Keyring;
use types::ServiceName;

use crate::filter::{Filter, Scope};
use crate::leaf::LeafHash;
use crate::log::Log;

const CURSOR: &str = "event-cursor";
const PAGE: &str = "event-page";
const CURSOR_LENGTH: usize = 4 + 8 + 32;
const PAGE_LENGTH: usize = 4 + 8;

/// What a cursor or page token of one call is bound to.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    context: Vec<u8>,
}

impl Bound {
    /// For a watch. A service's cursor is not bound to its filter: a new release may follow more types, and has nothing
    /// to hide from itself.
    pub(crate) fn to_watch(log: ServiceName, scope: &Scope, filter: &Filter) -> Self {
        let filter = if scope.is_service() { [0; 32] } else { filter.fingerprint };
        Self::of(log, scope, &filter, "watch")
    }

    /// For a list in one order.
    pub(crate) fn to_list(log: ServiceName, scope: &Scope, filter: &Filter, order: &str) -> Self {
        Self::of(log, scope, &filter.fingerprint, order)
    }

    /// Of nobody: the fuzz targets' own.
    #[cfg(fuzzing)]
    pub(crate) fn for_fuzzing() -> Self {
        Self { context: b"fuzzing".to_vec() }
    }

    fn of(log: ServiceName, scope: &Scope, filter: &[u8; 32], order: &str) -> Self {
        let mut context = filter.to_vec();
        // Neither of the first two holds a line feed.
        context.extend_from_slice(format!("{log}\n{order}\n{}", scope.label).as_bytes());
        Self { context }
    }

    pub(crate) fn cursor(&self, keyring: &Keyring, place: Place) -> String {
        let mut payload = Vec::with_capacity(CURSOR_LENGTH);
        payload.extend_from_slice(&place.epoch.to_be_bytes());
        payload.extend_from_slice(&place.position.to_be_bytes());
        payload.extend_from_slice(&place.leaf_hash);
        keyring.encode_token(CURSOR, &self.context, &payload)
    }

    /// # Errors
    /// INVALID_CURSOR: it was not given out for this.
    pub(crate) fn read_cursor(&self, keyring: &Keyring, text: &str) -> Outcome<Place> {
        let payload = keyring.decode_token(CURSOR, &self.context, text).map_err(|_| Reason::InvalidCursor)?;
        Place::read(&payload).ok_or_else(|| Reason::InvalidCursor.into())
    }

    /// `position` is the last one on the page.
    pub(crate) fn page_token(&self, keyring: &Keyring, epoch: i32, position: i64) -> String {
        let mut payload = Vec::with_capacity(PAGE_LENGTH);
        payload.extend_from_slice(&epoch.to_be_bytes());
        payload.extend_from_slice(&position.to_be_bytes());
        keyring.encode_token(PAGE, &self.context, &payload)
    }

    /// # Errors
    /// INVALID_CURSOR: it was not given out for this list; CURSOR_OUTDATED: in another epoch.
    pub(crate) fn read_page_token(&self, keyring: &Keyring, epoch: i32, text: &str) -> Outcome<i64> {
        let payload = keyring.decode_token(PAGE, &self.context, text).map_err(|_| Reason::InvalidCursor)?;
        let (of_epoch, position) = epoch_and_position(&payload).ok_or(Reason::InvalidCursor)?;
        if of_epoch == epoch { Ok(position) } else { Err(Reason::CursorOutdated.into()) }
    }
}

/// A place in the history of a log: a position, and proof that it is still the same history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) epoch: i32,
    pub(crate) position: i64,
    pub(crate) leaf_hash: LeafHash,
}

impl Place {
    fn read(payload: &[u8]) -> Option<Self> {
        let (epoch, position) = epoch_and_position(payload)?;
        let leaf_hash = payload.get(PAGE_LENGTH..)?.try_into().ok()?;
        Some(Self { epoch, position, leaf_hash })
    }

    /// Whether the log still has this place.
    ///
    /// # Errors
    /// CURSOR_OUTDATED: it was re-baselined, or another event stands there: the database was restored.
    pub(crate) async fn check(&self, log: &Log, epoch: i32) -> Outcome<()> {
        let is_same = self.epoch == epoch && log.leaf_at(self.position).await? == Some(self.leaf_hash);
        if is_same { Ok(()) } else { Err(Reason::CursorOutdated.into()) }
    }
}

fn epoch_and_position(payload: &[u8]) -> Option<(i32, i64)> {
    let (epoch, rest) = payload.split_first_chunk::<4>()?;
    let (position, _) = rest.split_first_chunk::<8>()?;
    let position = i64::from_be_bytes(*position);
    (position >= 0).then_some((i32::from_be_bytes(*epoch), position))
}
