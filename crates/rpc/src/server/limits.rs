//! How much is too much.

use std::time::Duration;

use crate::DEFAULT_DEADLINE;

/// The limits of one server. What exceeds them gets a clear error, and other callers do not notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest request message, in bytes.
    pub message: usize,
    /// The largest metadata of a request, in bytes (names, values and 32 for each entry, as HTTP/2 counts).
    pub metadata: usize,
    /// Calls under way on one connection.
    pub streams_per_connection: u32,
    /// Connections. Handshakes under way are counted on their own, so that those who have no certificate cannot keep out
    /// those who have one.
    pub connections: usize,
    /// Handshakes under way.
    pub handshakes: usize,
    /// How long a handshake may take.
    pub handshake_time: Duration,
    /// How long a call may take until it answers, whatever its caller allows. A stream that has begun goes on.
    pub request_time: Duration,
    /// How often certificate files are looked at.
    pub certificate_poll: Duration,
    /// How long calls under way are waited for at shutdown.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 * 1024,
            metadata: 16 * 1024,
            streams_per_connection: 256,
            connections: 1024,
            handshakes: 256,
            handshake_time: Duration::from_secs(5),
            request_time: DEFAULT_DEADLINE,
            certificate_poll: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}
