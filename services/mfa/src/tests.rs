//! The service's RPCs on a real database: status, reason, rows and events. Only the network is missing, and behind the
//! traits of `peers` stands a small tree of organisations and users.

mod adoption;
mod announcing;
mod bootstrapping;
mod clock_trust;
mod database;
mod enforcing;
mod enrolling;
mod explaining;
mod fixture;
mod following;
mod issuing;
mod lives;
mod peers;
mod random_histories;
mod repeating;
mod replacing;
mod resetting;
mod schema;
mod tickets;
mod verifying;
