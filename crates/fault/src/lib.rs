//! What a caller is told when something cannot be done: a closed list of reasons, each with one gRPC code.
//!
//! This crate knows neither tonic nor SQL. Layers below turn their own errors into a [`Fault`] by an exhaustive
//! match; only `crates/rpc` turns a [`Fault`] into a status on the wire.

mod reason;

pub use reason::{Code, Reason};

use std::borrow::Cow;
use std::time::Duration;

/// A refusal or failure on its way to a caller.
///
/// `message` and `metadata` are public: they reach the caller and must hold no host, SQL, path, version, secret or
/// fact about another tenant. `cause` is private: it is logged and never leaves the process.
#[derive(Debug, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Fault {
    reason: Reason,
    message: Cow<'static, str>,
    metadata: Vec<(&'static str, String)>,
    fields: Vec<FieldViolation>,
    retry_after: Option<Duration>,
    #[source]
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One field of a request that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field's path in the request message, such as `target.company_id`.
    pub field: Cow<'static, str>,
    /// What is wrong with it, for a person to read.
    pub description: Cow<'static, str>,
}

/// The answer of anything that may end in a [`Fault`].
pub type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// A fault with the reason's standard message.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            message: Cow::Borrowed(reason.message()),
            metadata: Vec::new(),
            fields: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// A request field that is not as it must be ([`Reason::InvalidArgument`]).
    #[must_use]
    pub fn field(field: impl Into<Cow<'static, str>>, description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Reason::InvalidArgument).with_field(field, description)
    }

    /// Replaces the standard message by one that says more. It is public.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// Adds a machine-readable detail. It is public.
    #[must_use]
    pub fn with_metadata(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((key, value.into()));
        self
    }

    /// Adds a field violation.
    #[must_use]
    pub fn with_field(
        mut self,
        field: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.fields.push(FieldViolation { field: field.into(), description: description.into() });
        self
    }

    /// Says after which time a retry has a chance.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Keeps the private cause for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The public message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The public machine-readable details.
    #[must_use]
    pub fn metadata(&self) -> &[(&'static str, String)] {
        &self.metadata
    }

    /// The request fields at fault.
    #[must_use]
    pub fn fields(&self) -> &[FieldViolation] {
        &self.fields
    }

    /// After which time a retry has a chance.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The private cause, for the log only.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}
