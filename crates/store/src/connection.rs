//! A connection's own life: its messages, and its end when its server stops taking writes.

use std::future::poll_fn;
use std::task::Poll;

use tokio_postgres::{AsyncMessage, Error, Socket};

use crate::tls::TlsStream;

/// A connection, to be driven.
pub(crate) type Connection = tokio_postgres::Connection<Socket, TlsStream>;

/// Parameters a server reports by itself whenever they change, which are `on` where it takes no writes: a standby, and a
/// primary that was fenced.
const READ_ONLY: [&str; 2] = ["in_hot_standby", "default_transaction_read_only"];

/// Drives it to its end.
pub(crate) async fn drive(mut connection: Connection) {
    while let Some(message) = next(&mut connection).await {
        if let Err(error) = message {
            tracing::warn!(%error, "a connection to the database broke");
            return;
        }
    }
}

/// Its next message; none at its end, or when its server takes no more writes: then it is of no use to anybody, and its pool
/// makes another one, which looks for the server that does.
pub(crate) async fn next(connection: &mut Connection) -> Option<Result<AsyncMessage, Error>> {
    poll_fn(|context| match connection.poll_message(context) {
        Poll::Pending if is_read_only(connection) => {
            tracing::warn!("the database takes no more writes; its connection is given up");
            Poll::Ready(None)
        }
        polled => polled,
    })
    .await
}

fn is_read_only(connection: &Connection) -> bool {
    READ_ONLY.iter().any(|name| connection.parameter(name) == Some("on"))
}
