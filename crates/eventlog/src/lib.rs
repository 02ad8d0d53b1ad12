//! The event log of one service, the same in all three.
//!
//! - *Append*: a [`Draft`] is recorded by the unit of work that makes it true, and commits with it.
//! - *Order*: the [`Sequencer`] gives every committed event a position: 1, 2, 3 …, dense, nothing lost or late.
//! - *Read*: [`event_log_service`] lists and streams by position; cursors are authenticated and resumable.
//! - *Follow*: a [`Follower`] applies another service's events exactly once; [`Followed`] says how far it got, and
//!   [`Dependents`] waits until the others have applied what was just committed.
//! - *Retry*: [`request_record`] keeps the first answer to a mutation.
//!
//! Nobody but the sequencer may go by `event.seq`, and nobody at all by a time. This crate knows no service's domain:
//! payloads are opaque to it.
//!
//! # The tables and who may touch them
//! The migrations of this crate make the tables and grant: the service appends (without `seq`, `xid`, `epoch`) and
//! reads, moves its cursors, keeps its request records; the sequencer's role reads events, inserts positions, moves the
//! head. Neither can change or remove an event or a position. The roles' names follow from that of the owner who
//! migrates: `countersign_x_owner`, `countersign_x`, `countersign_x_sequencer`.

mod act;
mod again;
mod cursor;
mod dependents;
mod draft;
mod filter;
mod follow;
mod followed;
#[cfg(fuzzing)]
pub mod fuzzing;
mod leaf;
mod log;
mod migrations;
mod places;
mod positions;
pub mod request_record;
mod rows;
mod sequencer;
mod service;

pub use act::{Act, Actor};
pub use again::{FollowAgainError, follow_again};
pub use dependents::Dependents;
pub use draft::{Draft, Subject, is_recorded_twice};
pub use follow::{Blocked, Follow, Follower, FollowerState, Heard, Upstream};
pub use followed::{FollowRpc, Followed, follow_service};
pub use leaf::{LeafHash, commitment, leaf_hash};
pub use log::Log;
pub use migrations::migrations;
pub use places::{Places, RemotePlaces};
pub use positions::{Positions, positions};
pub use sequencer::{
    RebaselineError, Rebaselined, Sequencer, SequencerOptions, SequencerState, StopCause, rebaseline,
};
pub use service::{EventLog, WatchOptions, event_log_service};
