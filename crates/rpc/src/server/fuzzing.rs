//! For the fuzz targets alone: headers and bodies as the layers read them.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{body, steps};
use crate::fuzzing::{Deadline, Measured};

fn headers(name: HeaderName, value: &[u8]) -> Option<HeaderMap> {
    HeaderValue::from_bytes(value).ok().map(|value| HeaderMap::from_iter([(name, value)]))
}

/// A `grpc-timeout` header as it is read; none when it is no header's value at all.
#[must_use]
pub fn deadline(value: &[u8]) -> Option<Deadline> {
    headers(HeaderName::from_static("grpc-timeout"), value).map(|headers| steps::deadline(&headers))
}

/// The token of an `authorization` header.
#[must_use]
pub fn bearer(value: &[u8]) -> Option<String> {
    let headers = headers(http::header::AUTHORIZATION, value)?;
    steps::bearer(&headers).map(str::to_owned)
}

/// Measures a body that arrives in pieces; whether it ended within a message.
///
/// # Errors
/// Why it is refused.
pub fn measure(limit: usize, pieces: &[&[u8]]) -> Measured {
    body::measure(limit, pieces)
}
