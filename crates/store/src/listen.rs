//! Listening to a NOTIFY channel, on a connection of its own.

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client};

use crate::connection::next;
use crate::{Store, StoreError};

/// A connection that listens. Only the latest payload is kept: who is slow sees the newest, not all.
#[derive(Debug)]
pub struct Listener {
    payload: watch::Receiver<String>,
    task: JoinHandle<()>,
    // Kept: the connection ends when its client is dropped.
    client: Client,
}

impl Store {
    /// Listens to a channel, on a connection outside the pool. `channel` is a name of ours, never a caller's text.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn listen(&self, channel: &'static str) -> Result<Listener, StoreError> {
        let (client, mut connection) = self.address().connect_any().await?;
        let (sender, payload) = watch::channel(String::new());
        let task = tokio::spawn(async move {
            while let Some(Ok(message)) = next(&mut connection).await {
                if let AsyncMessage::Notification(notification) = message {
                    sender.send_replace(notification.payload().to_owned());
                }
            }
        });
        let listener = Listener { payload, task, client };
        listener.client.batch_execute(&format!("LISTEN {channel}")).await?;
        Ok(listener)
    }
}

impl Listener {
    /// The next payload, or the newest of several. Cancellation loses nothing.
    ///
    /// # Errors
    /// The connection is gone: listen again, and look at what was missed.
    pub async fn next(&mut self) -> Result<String, StoreError> {
        match self.payload.changed().await {
            Ok(()) => Ok(self.payload.borrow_and_update().clone()),
            Err(_) => Err(StoreError::CutOff),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}
