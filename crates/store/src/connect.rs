//! The pool.

use std::time::Duration;

use tokio::time::timeout;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};

use crate::{Address, StoreError};

/// How long a database that answers may take to say so.
const PING: Duration = Duration::from_secs(2);
/// No statement waits longer for another's lock, and no transaction of ours that was forgotten holds any: whoever holds one
/// by hand must not hold up a service for ever. Longer than any call lasts, so that calls end by their own deadline.
/// (Not `statement_timeout`: it would cut off a COMMIT that waits for a standby, which stands all the same.)
const BOUNDS: &str = "-c lock_timeout=35s -c idle_in_transaction_session_timeout=60s";

/// How large the pool is and how long a caller waits for it.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// The most connections at once.
    pub connections: usize,
    /// How long to wait for a free connection. Making a new one may take longer: some seconds for each host of the address.
    pub wait: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { connections: 16, wait: Duration::from_secs(3) }
    }
}

/// How a pool is used: so many connections, and callers that wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Connections at work.
    pub in_use: usize,
    /// Connections that wait for work.
    pub idle: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
}

/// One service's database.
///
/// Cloning is cheap; clones share the pool. A connection whose work was cut off is thrown away, never reused: it may
/// hold an open transaction, which the pool's own check would not notice. One whose server died or takes no more writes is
/// thrown away too; the next one finds the server that does.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    address: Address,
}

impl Store {
    /// A store for a connection string (see [`Address::parse`]). Connects lazily.
    ///
    /// # Errors
    /// The connection string cannot be read.
    pub fn connect_lazily(url: &str, options: PoolOptions) -> Result<Self, StoreError> {
        Self::of(Address::parse(url)?.with_settings(BOUNDS), options)
    }

    /// Another pool to the same database, whose connections begin with these settings (`-c name=value …`). `settings` is
    /// a text of ours, never a caller's.
    ///
    /// # Errors
    /// The pool cannot be made.
    pub fn with_settings(&self, settings: &'static str, options: PoolOptions) -> Result<Self, StoreError> {
        Self::of(self.address.with_settings(settings), options)
    }

    fn of(address: Address, options: PoolOptions) -> Result<Self, StoreError> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        // The address knows its hosts itself.
        let manager = Manager::from_connect(tokio_postgres::Config::new(), address.clone(), config);
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(options.wait),
                create: Some(options.wait.max(address.patience())),
                recycle: Some(options.wait),
            })
            .build()
            .map_err(|error| StoreError::Pool(error.to_string()))?;
        Ok(Self { pool, address })
    }

    /// A connection for reads, outside any transaction. Every statement sees what is committed when it starts.
    ///
    /// # Errors
    /// No connection can be had in time.
    pub async fn read(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| StoreError::Pool(error.to_string()))
    }

    /// Whether the database answers, within two seconds once there is a connection. One that stays silent is thrown away.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let client = self.read().await?;
        match timeout(PING, client.simple_query("SELECT 1")).await {
            Ok(answer) => {
                answer?;
                Ok(())
            }
            Err(_) => {
                drop(Object::take(client));
                Err(StoreError::CutOff)
            }
        }
    }

    /// The same database by one connection of its own: to ask it whether it answers while all of the others are at work.
    ///
    /// # Errors
    /// The pool cannot be made.
    pub fn apart(&self) -> Result<Self, StoreError> {
        Self::of(self.address.clone(), PoolOptions { connections: 1, wait: PING })
    }

    /// How the pool is used at this moment.
    #[must_use]
    pub fn pool_state(&self) -> PoolState {
        let status = self.pool.status();
        PoolState {
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            waiting: status.waiting,
        }
    }

    /// For connections outside the pool.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Closes the pool; later calls fail.
    pub fn close(&self) {
        self.pool.close();
    }
}
