//! What tests share: throw-away PostgreSQL databases, the three services in one process, an authenticator app.
//!
//! Tests run against real parts. Each test has databases of its own, copied from a migrated template, on one server per
//! test process; the server ends with the process. Nothing here is ever part of a production build.

mod authenticator;
mod cluster;
mod database;
mod system;

pub use authenticator::Authenticator;
pub use database::TestDatabase;
pub use system::{Console, Session, TestSystem, start_time};
