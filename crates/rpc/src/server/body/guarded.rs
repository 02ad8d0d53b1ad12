//! A request's body, whose frames are measured before anything buffers them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use fault::{Fault, Reason};
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use crate::into_status;

/// A gRPC message is a flag, four bytes of length, and that many bytes.
const PREFIX: usize = 5;

/// Refuses messages that are too large, compressed, or cut short.
pub(in crate::server) struct Guarded {
    inner: Body,
    limit: usize,
    /// The prefix read so far.
    prefix: [u8; PREFIX],
    prefix_read: usize,
    /// What is left of the present message.
    message_left: usize,
}

impl Guarded {
    pub(in crate::server) fn new(inner: Body, limit: usize) -> Self {
        Self { inner, limit, prefix: [0; PREFIX], prefix_read: 0, message_left: 0 }
    }

    fn measure(&mut self, mut bytes: &[u8]) -> Result<(), Reason> {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.message_left > 0 {
                let (_, rest) = bytes.split_at(self.message_left.min(bytes.len()));
                self.message_left -= bytes.len() - rest.len();
                bytes = rest;
                continue;
            }
            if let Some(place) = self.prefix.get_mut(self.prefix_read) {
                *place = *byte;
                self.prefix_read += 1;
                bytes = rest;
            }
            if self.prefix_read == PREFIX {
                self.message_left = self.read_prefix()?;
                self.prefix_read = 0;
            }
        }
        Ok(())
    }

    fn read_prefix(&self) -> Result<usize, Reason> {
        let [flag, length @ ..] = self.prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        match flag {
            0 if length <= self.limit => Ok(length),
            0 => Err(Reason::TooLarge),
            _ => Err(Reason::MalformedRequest),
        }
    }

    fn is_cut_short(&self) -> bool {
        self.prefix_read > 0 || self.message_left > 0
    }
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let refused = |reason: Reason| Poll::Ready(Some(Err(into_status(Fault::new(reason)))));
        match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            Some(Ok(frame)) => {
                let measured = frame.data_ref().map_or(Ok(()), |data| self.measure(data));
                measured.map_or_else(refused, |()| Poll::Ready(Some(Ok(frame))))
            }
            None if self.is_cut_short() => {
                (self.prefix_read, self.message_left) = (0, 0);
                refused(Reason::MalformedRequest)
            }
            other => Poll::Ready(other),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && !self.is_cut_short()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(fuzzing)]
pub(in crate::server) fn measure(limit: usize, pieces: &[&[u8]]) -> Result<bool, Reason> {
    let mut body = Guarded::new(Body::empty(), limit);
    pieces.iter().try_for_each(|piece| body.measure(piece))?;
    Ok(body.is_cut_short())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(limit: usize, pieces: &[&[u8]]) -> (Result<(), Reason>, bool) {
        let mut body = Guarded::new(Body::empty(), limit);
        let measured = pieces.iter().try_for_each(|piece| body.measure(piece));
        (measured, body.is_cut_short())
    }

    #[test]
    fn messages_are_measured_however_they_are_cut() {
        let two = [0, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0];
        assert_eq!(measure(3, &[&two]), (Ok(()), false));
        for size in 1..two.len() {
            let pieces: Vec<&[u8]> = two.chunks(size).collect();
            assert_eq!(measure(3, &pieces), (Ok(()), false), "{size}");
            assert_eq!(measure(2, &pieces).0, Err(Reason::TooLarge), "{size}");
        }
    }

    #[test]
    fn what_is_cut_short_or_compressed_is_noticed() {
        assert_eq!(measure(9, &[&[0, 0]]), (Ok(()), true));
        assert_eq!(measure(9, &[&[0, 0, 0, 0, 2, 7]]), (Ok(()), true));
        assert_eq!(measure(9, &[&[1, 0, 0, 0, 0]]).0, Err(Reason::MalformedRequest));
        assert_eq!(measure(9, &[&[0, 255, 255, 255, 255]]).0, Err(Reason::TooLarge));
    }
}
