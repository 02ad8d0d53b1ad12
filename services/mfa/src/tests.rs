//! The service's RPCs on a real database: status, reason, rows and events. Only the network is missing, and behind the
//! traits of `peers` stands a small tree of organisations and users.

mod acknowledging;
mod adoption;
mod announcing;
mod bootstrapping;
mod bounds;
mod breaking_glass;
mod clock_trust;
mod confirming;
mod database;
mod drifting;
mod enforcing;
mod enrolling;
mod explaining;
mod fixture;
mod following;
mod guessing;
mod issuing;
mod keeping;
mod lives;
mod notifying;
mod outdated_answers;
mod peers;
mod random_histories;
mod recovering;
mod repeated_attempts;
mod repeating;
mod replacing;
mod resetting;
mod round_trips;
mod schema;
mod tampering;
mod tickets;
mod unlocking;
mod verifying;
