//! States and decisions of users, sign-ins and sessions: pure. Times, ids and randomness come in as values.
//!
//! Must not know tokio, PostgreSQL, tonic, prost or a clock.

pub mod authority;
pub mod delay;
pub mod delays;
pub mod enrollment_call;
pub mod evaluation;
pub mod external;
pub mod floors;
pub mod gate;
pub mod lanes;
pub mod opened;
pub mod organization;
pub mod password;
pub mod refresh;
pub mod refusal_counts;
pub mod session;
pub mod sign_in;
pub mod signing_keys;
pub mod user;
pub mod user_change;

/// A point in time, in UTC.
pub type Timestamp = time::OffsetDateTime;
