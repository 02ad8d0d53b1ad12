//! The tenant service: the tree of provider, resellers and companies, and the realms of their logins.
//!
//! It owns names, places and states of organisations, and never sees a user's password, a second factor or a policy.
//! `app` wires it; a request passes `rpc`, `ops`, `domain` and `store` in this order.

mod app;
mod domain;
mod ops;
#[cfg(not(fuzzing))]
mod rpc;
#[cfg(fuzzing)]
pub mod rpc;
mod store;
#[cfg(test)]
mod tests;

pub use app::{Config, Program, migrations, run, start};
