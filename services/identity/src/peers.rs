//! What identity asks of the other services, as traits of domain types, and what it hears by following their logs.
//!
//! Must not know SQL. A peer that does not answer is DEPENDENCY_UNAVAILABLE, never an answer in somebody's favour.

pub mod follow_mfa;
pub mod follow_tenant;
pub mod mfa;
pub mod tenant;
