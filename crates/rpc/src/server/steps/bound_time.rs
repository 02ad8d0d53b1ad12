//! The call's deadline.

use std::time::Duration;

use async_trait::async_trait;
use fault::{Fault, Reason};
use http::HeaderMap;
use telemetry::TraceId;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::call::Present;
use crate::server::step::{Next, Request, Response, Step, refuse};

const HEADER: &str = "grpc-timeout";

pub(in crate::server) struct BoundTime {
    pub(in crate::server) cap: Duration,
    /// What calls leave to be done when their callers go away.
    pub(in crate::server) tasks: TaskTracker,
}

#[async_trait]
impl Step for BoundTime {
    async fn call(&self, request: Request, next: Next<'_>) -> Response {
        let Ok(asked) = parse(request.headers()) else {
            return refuse(Fault::field(HEADER, "is not of the form 1-8 digits and one of H, M, S, m, u, n"));
        };
        let deadline = Instant::now() + asked.unwrap_or(self.cap).min(self.cap);
        let trace = request.extensions().get::<TraceId>().copied().unwrap_or_else(TraceId::generate);
        let work = Present::new(deadline, trace, self.tasks.clone()).scope(next.run(request));
        timeout_at(deadline, work).await.unwrap_or_else(|_| refuse(Reason::DeadlineExceeded))
    }
}

struct Malformed;

/// Reads `grpc-timeout` (gRPC over HTTP/2: `TimeoutValue TimeoutUnit`); none when absent.
fn parse(headers: &HeaderMap) -> Result<Option<Duration>, Malformed> {
    let mut values = headers.get_all(HEADER).iter();
    let (value, more) = (values.next(), values.next());
    let Some(value) = value else { return Ok(None) };
    let text = value.to_str().map_err(|_| Malformed)?;
    let unit = text.chars().last().ok_or(Malformed)?;
    let digits = text.strip_suffix(unit).ok_or(Malformed)?;
    if more.is_some()
        || !(1..=8).contains(&digits.len())
        || !digits.bytes().all(|digit| digit.is_ascii_digit())
    {
        return Err(Malformed);
    }
    let amount: u64 = digits.parse().map_err(|_| Malformed)?;
    match unit {
        'H' => Ok(Some(Duration::from_secs(amount * 3600))),
        'M' => Ok(Some(Duration::from_secs(amount * 60))),
        'S' => Ok(Some(Duration::from_secs(amount))),
        'm' => Ok(Some(Duration::from_millis(amount))),
        'u' => Ok(Some(Duration::from_micros(amount))),
        'n' => Ok(Some(Duration::from_nanos(amount))),
        _ => Err(Malformed),
    }
}

#[cfg(fuzzing)]
pub(in crate::server) fn deadline(headers: &HeaderMap) -> Option<Option<Duration>> {
    parse(headers).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, value.parse().unwrap());
        parse(&headers).ok().flatten()
    }

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        for (text, expected) in [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("00000004m", Duration::from_millis(4)),
            ("5u", Duration::from_micros(5)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("0S", Duration::ZERO),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in ["", "S", "1", "1s", "1D", "+1S", "-1S", " 1S", "1 S", "1.5S", "123456789S", "0x1S"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(parse(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn two_timeouts_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, "1S".parse().unwrap());
        headers.append(HEADER, "2S".parse().unwrap());
        assert!(parse(&headers).is_err());
    }
}
