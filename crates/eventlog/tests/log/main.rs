//! The event log on real PostgreSQL: order, reading, following, rights, restores.

mod follow;
mod grants;
mod list;
mod measure;
mod order;
mod requests;
mod restore;
mod support;
mod watch;
