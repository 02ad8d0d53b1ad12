//! A private PostgreSQL: finding or fetching the binaries, running one server, and making databases in it.
//!
//! Read in this order: [`Postgres`] (the server's life), `home` (where its files lie), `account` (as which
//! user it runs), `binaries` (which PostgreSQL), [`databases`] (roles and databases inside it).

mod account;
mod binaries;
mod cluster;
pub mod databases;
mod download;
mod error;
mod home;
mod launch;
mod options;
mod pidfile;
mod probe;
mod server;
mod standby;
mod url;

pub use binaries::{Binaries, Candidate, Choice, MINIMUM_MAJOR, Origin, choose};
pub use download::default_cache;
pub use error::Error;
pub use options::{Options, Place};
pub use probe::locate;
pub use server::Postgres;
pub use url::url_for;
