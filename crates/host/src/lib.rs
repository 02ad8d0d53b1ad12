//! What every service stands on: the settings all have, the parts all are made of, how all begin and end.
//!
//! A service's `app.rs` lays a [`Foundation`], builds its use cases on it, and serves. Nothing here knows what a service
//! does, and no service is named here.

mod app;
mod clock_guard;
mod config;
mod error;
mod foundation;
mod keys;
mod measures;
mod ops_port;
mod program;
mod readiness;
mod report;
pub mod settings;

pub use app::App;
pub use clock_guard::{
    ClockGuard, ClockGuardOptions, ClockReference, ClockReferences, ClockVerdict, Mistrust, NoReading, Ntp,
    PostgreSql, Reading, SteeredReference,
};
pub use config::{HostConfig, OpsConfig, OpsListen};
pub use error::StartError;
pub use foundation::Foundation;
pub use keys::{InUse, KeysRefused, NoSecrets, Resealed, Resealing, SealedTable, Secrets, migrations};
pub use program::{Service, main, run, told};
pub use report::{Condition, Report};
