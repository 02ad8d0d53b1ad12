//! What can go wrong with the database, by class.

use fault::{Fault, Reason};
use tokio_postgres::error::SqlState;

/// An error of the database or of the way to it. Its text is for the log, never for a caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error, or the connection broke.
    #[error("database: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// The address of the database cannot be used.
    #[error("the address of the database: {0}")]
    Address(String),
    /// No connection could be had in time.
    #[error("pool: {0}")]
    Pool(String),
    /// The unit's task was cut off (a panic, or the runtime is shutting down).
    #[error("the unit was cut off")]
    CutOff,
    /// A statement touched another number of rows than it must.
    #[error("{statement} affected {rows} rows")]
    RowCount {
        /// The function that holds the statement.
        statement: &'static str,
        /// How many rows it touched.
        rows: u64,
    },
    /// A stored value is none this version can read.
    #[error("{column} holds what no row may hold")]
    Unreadable {
        /// `table.column`
        column: &'static str,
    },
}

/// What kind of error a SQLSTATE is, as far as a caller's next step depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlClass {
    /// Serialization failure or deadlock: the unit runs again.
    Retry,
    /// A uniqueness, check or foreign-key rule was violated; the constraint's name says which.
    Constraint,
    /// The database refuses or cannot be reached: read-only, full, shutting down, connection lost.
    Unavailable,
    /// A defect of ours.
    Defect,
}

impl StoreError {
    /// The class of this error.
    #[must_use]
    pub fn class(&self) -> SqlClass {
        match self {
            Self::Database(error) => classify(error),
            Self::Pool(_) | Self::CutOff => SqlClass::Unavailable,
            Self::Address(_) | Self::RowCount { .. } | Self::Unreadable { .. } => SqlClass::Defect,
        }
    }

    /// The name of the violated constraint, when a constraint was violated.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(error) => error.as_db_error().and_then(tokio_postgres::error::DbError::constraint),
            _ => None,
        }
    }
}

fn classify(error: &tokio_postgres::Error) -> SqlClass {
    let Some(state) = error.code() else {
        // Not the server's answer: the way to it broke, or we asked in a form that cannot be sent.
        return if is_lost(error) { SqlClass::Unavailable } else { SqlClass::Defect };
    };
    if *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED {
        return SqlClass::Retry;
    }
    match state.code().get(..2) {
        Some("23") => SqlClass::Constraint,
        // 08 connection, 25 read-only, 53 resources, 55 object state, 57 operator intervention, 58 system.
        Some("08" | "25" | "53" | "55" | "57" | "58") => SqlClass::Unavailable,
        _ => SqlClass::Defect,
    }
}

/// Whether the connection was lost or never made.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    // A connect timeout and a refused handshake carry no I/O error; their kind is private, their words are not.
    error.is_closed()
        || error.to_string().starts_with("error connecting")
        || error.to_string().starts_with("timeout")
}

impl From<StoreError> for Fault {
    /// What a caller is told: UNAVAILABLE when the database is at fault, INTERNAL when we are. A constraint that has a
    /// reason of its own is turned into it before this (by name, in the service's store room).
    fn from(error: StoreError) -> Self {
        let reason = match error.class() {
            SqlClass::Retry | SqlClass::Unavailable => Reason::DependencyUnavailable,
            SqlClass::Constraint | SqlClass::Defect => Reason::Internal,
        };
        Self::new(reason).with_cause(error)
    }
}
