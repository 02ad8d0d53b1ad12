//! An answer's body, whose end is ours to word.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use fault::{Fault, Reason};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

use crate::into_status;
use crate::status::{Stage, rewritten};

type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

/// Rewrites foreign statuses in trailers, turns panics and broken bodies into trailers, and ends streams at shutdown.
pub(in crate::server) struct Answer {
    inner: Body,
    draining: CancellationToken,
    /// Made when there is something to wait for: most answers are ready at once.
    shutdown: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    ended: bool,
}

impl Answer {
    pub(in crate::server) fn new(inner: Body, draining: CancellationToken) -> Self {
        Self { inner, draining, shutdown: None, ended: false }
    }

    fn end_with(&mut self, status: &Status) -> Polled {
        self.ended = true;
        let mut trailers = HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn end_at_shutdown(&mut self, context: &mut Context<'_>) -> Polled {
        let draining = &self.draining;
        let shutdown = self.shutdown.get_or_insert_with(|| Box::pin(draining.clone().cancelled_owned()));
        match shutdown.as_mut().poll(context) {
            Poll::Ready(()) => self.end_with(&into_status(Fault::new(Reason::NotReady))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let inner = Pin::new(&mut this.inner);
        // After a panic the inner body is never polled again.
        match catch_unwind(AssertUnwindSafe(|| inner.poll_frame(context))) {
            Ok(Poll::Ready(Some(Ok(frame)))) => match frame.into_trailers() {
                Ok(trailers) => match Status::from_header_map(&trailers) {
                    Some(status) if status.code() != tonic::Code::Ok => {
                        this.end_with(&rewritten(status, Stage::Trailers))
                    }
                    _ => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                },
                Err(frame) => Poll::Ready(Some(Ok(frame))),
            },
            Ok(Poll::Ready(Some(Err(status)))) => this.end_with(&rewritten(status, Stage::Trailers)),
            Ok(Poll::Ready(None)) => Poll::Ready(None),
            Ok(Poll::Pending) => this.end_at_shutdown(context),
            Err(_) => {
                tracing::error!("a stream panicked");
                this.end_with(&into_status(Fault::new(Reason::Internal)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Trailers may replace what the inner body meant to send.
        SizeHint::default()
    }
}
