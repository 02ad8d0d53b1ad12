//! Acknowledged means in force: what an act of authority takes away is gone in every service when its call answers OK; when
//! a service that must apply it is stopped or falls behind, the call says so in time, the change stands, a repetition waits
//! again, and the followed event finishes it with or without one.
//!
//! One table of acts for each service ([`policy`], [`organizations`], [`users`]), and three drills that each act of a table
//! goes through ([`drill`]). Followers are held back by a lock on their cursor's row, or stopped with their service.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what surprises a test's helper fails the test"
)]

mod act;
mod drill;
mod organizations;
mod policy;
mod power;
mod sight;
mod subject;
mod users;
mod world;
