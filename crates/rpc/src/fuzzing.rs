//! What the fuzz targets reach into. Not part of a normal build, and nothing else may be here.

use std::time::Duration;

use fault::Reason;

pub use crate::server::fuzzing::{bearer, deadline, measure};

/// What a measured body came to.
pub type Measured = Result<bool, Reason>;
/// What a deadline came to; none when it is malformed.
pub type Deadline = Option<Option<Duration>>;
