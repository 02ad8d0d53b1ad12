//! PostgreSQL for one service: the pool, the unit of work, retries, error classes, migrations.
//!
//! There is one way to write: [`Store::unit`]. Its closure can only return what it has recorded, because
//! [`Recorded`] is made from the [`Receipt`] of an entry in the log; a write without an event does not compile.
//! This crate holds no SQL of any service and knows no event's content.

mod address;
mod connect;
mod connection;
mod error;
mod listen;
mod migrate;
mod schema;
mod statement;
mod tls;
mod unit;

pub use address::Address;
pub use connect::{PoolOptions, PoolState, Store};
pub use error::{SqlClass, StoreError};
pub use listen::Listener;
pub use migrate::{MigrationError, MigrationSet, migrate};
pub use schema::{SchemaLack, SchemaNeed};
pub use unit::{BoxFuture, Entry, Label, Receipt, Recorded, Unit, Write};
