//! The identity service: users, passwords, sign-ins, sessions, access tokens. It never sees an MFA secret and holds no
//! MFA policy: it asks mfa, and lets nobody in while mfa cannot be asked.
//!
//! Rooms: [`app`] wires everything; [`rpc`] turns wire types into commands; [`ops`] holds one use case a file; [`domain`]
//! decides, purely; [`store`] is the SQL; [`peers`] are the other services.

pub mod app;
pub mod domain;
pub mod ops;
pub mod peers;
pub mod rpc;
pub mod store;

pub use app::{Config, DelayConfig, HashingConfig, Program, SessionConfig, migrations, run, start};
