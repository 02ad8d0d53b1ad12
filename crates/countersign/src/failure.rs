//! Why a command failed, for the person who typed it.

use std::fmt::{self, Display};

/// A sentence that says what could not be done and why.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// The answer of a command or a part of it.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Adds what was being done to an error.
pub(crate) trait During<T> {
    /// `during("write the env file")` → `could not write the env file: <error>`.
    fn during(self, doing: impl Display) -> Outcome<T>;
}

impl<T, E: Display> During<T> for Result<T, E> {
    fn during(self, doing: impl Display) -> Outcome<T> {
        self.map_err(|error| Failure(format!("could not {doing}: {error}")))
    }
}

/// A gRPC refusal as a person reads it: code, reason and message.
pub(crate) fn status_text(status: &tonic::Status) -> String {
    format!("{:?} [{}] {}", status.code(), reason(status), status.message())
}

/// The reason in a refusal's details; a dash when it carries none of ours.
pub(crate) fn reason(status: &tonic::Status) -> &'static str {
    rpc::reason_of(status).map_or("-", fault::Reason::as_str)
}
