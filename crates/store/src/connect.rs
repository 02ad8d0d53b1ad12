//! The pool.

use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::NoTls;

use crate::StoreError;

/// How large the pool is and how long a caller waits for it.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// The most connections at once.
    pub connections: usize,
    /// How long to wait for a free connection, and for a new one to be made.
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
/// hold an open transaction, which the pool's own check would not notice.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    config: Box<tokio_postgres::Config>,
}

impl Store {
    /// A store for a connection string (`postgres://…` or `key=value` pairs). Connects lazily.
    ///
    /// # Errors
    /// The connection string cannot be read.
    pub fn connect_lazily(url: &str, options: PoolOptions) -> Result<Self, StoreError> {
        Self::of(tokio_postgres::Config::from_str(url)?, options)
    }

    /// Another pool to the same database, whose connections begin with these settings (`-c name=value …`). `settings` is
    /// a text of ours, never a caller's.
    ///
    /// # Errors
    /// The pool cannot be made.
    pub fn with_settings(&self, settings: &'static str, options: PoolOptions) -> Result<Self, StoreError> {
        let mut config = self.config.as_ref().clone();
        let given = config.get_options().unwrap_or_default().to_owned();
        config.options(format!("{given} {settings}").trim());
        Self::of(config, options)
    }

    fn of(mut config: tokio_postgres::Config, options: PoolOptions) -> Result<Self, StoreError> {
        config.connect_timeout(options.wait);
        let manager = Manager::from_config(
            config.clone(),
            NoTls,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(options.wait),
                create: Some(options.wait),
                recycle: Some(options.wait),
            })
            .build()
            .map_err(|error| StoreError::Pool(error.to_string()))?;
        Ok(Self { pool, config: Box::new(config) })
    }

    /// A connection for reads, outside any transaction. Every statement sees what is committed when it starts.
    ///
    /// # Errors
    /// No connection can be had in time.
    pub async fn read(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| StoreError::Pool(error.to_string()))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read().await?.simple_query("SELECT 1").await?;
        Ok(())
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
    pub(crate) fn config(&self) -> &tokio_postgres::Config {
        &self.config
    }

    /// Closes the pool; later calls fail.
    pub fn close(&self) {
        self.pool.close();
    }
}
