//! The event log on real PostgreSQL: order, reading, following, rights, restores.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod again;
mod follow;
mod grants;
mod lag;
mod list;
mod notes;
mod order;
mod places;
mod requests;
mod restore;
mod sealed_requests;
mod support;
mod unread;
mod vigil;
mod watch;
