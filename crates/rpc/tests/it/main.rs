//! The server and its channels over real TLS on the loopback interface.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking; clippy knows tests by their attribute, not their helpers"
)]

mod access_rules;
mod balance;
mod certificates;
mod channel;
mod errors;
mod handshake;
mod infrastructure;
mod names;
mod remote_authenticator;
mod support;
mod tree;
