//! The mfa service: enforcement policy on every level of the tree, factors and their secrets, verification.
//!
//! It never sees a password or a session's keys. `app` wires it; a request passes `rpc`, `ops`, `domain` and `store` in
//! this order, and asks other services through `peers`.

mod app;
mod domain;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ops;
mod peers;
mod rpc;
mod store;
#[cfg(test)]
mod tests;

pub use app::{Config, GuessingConfig, Program, migrations, run, start};
