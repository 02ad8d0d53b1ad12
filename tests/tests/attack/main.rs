//! The system under attack: three services, two replicas of each, one set of databases, and somebody who knows what a competitor's
//! advisories say.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what surprises a test's helper fails the test"
)]

mod guessing;
mod one_code;
mod outages;
mod siege;
mod stolen_session;
mod tampering;
mod tokens;
mod unspecified;
