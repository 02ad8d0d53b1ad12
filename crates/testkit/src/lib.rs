//! What tests share: throw-away PostgreSQL databases, the three services in one process, an authenticator app.
//!
//! Tests run against real parts. Each test has databases of its own, copied from a migrated template, on one server per
//! test process; the server ends with the process. Nothing here is ever part of a production build.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test helper fails its test by panicking, and hands statuses on as they are"
)]

mod authenticator;
mod canary;
mod cluster;
mod console;
mod database;
mod followers;
mod system;
mod tree;

pub use authenticator::Authenticator;
pub use canary::{Finding, Scanner, Secret, Witnessed, listen_to_everything, listen_to_nothing};
pub use console::{Console, PASSWORD, as_user, company_target, reason, reseller_target, user_target};
pub use database::TestDatabase;
pub use followers::HeldFollower;
pub use system::{Consoles, TestSystem, start_time};
pub use tree::{ADMIN_LOGIN, PROVIDER_LOGIN, RESELLER_LOGIN, Tree};
