//! The service's RPCs on a real database: status, reason, rows and events. Only the network is missing; `tests/` has it.

mod bootstrapping;
mod creating;
mod fixture;
mod reading;
mod recording;
#[path = "../tests/support/mod.rs"]
mod support;
mod updating;
