//! One call: sent, and sent again where that does no harm.
//!
//! What never left this process may always be sent elsewhere, and so may what a server says it has not begun (NOT_READY).
//! What was sent and lost may have been done: it is sent again only where the table of repeatable calls allows it, after a
//! pause, and not while most calls fail. An answer of a server's own - DEPENDENCY_UNAVAILABLE, say - is an answer: who is next
//! to the failure repeats, so that a few layers do not make many calls of one.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use fault::Reason;
use http::{Request, Response};
use http_body::Frame;
use tokio::time::sleep;
use tonic::body::Body;
use tonic::{Code, Status};

use super::link::spread;
use super::links::{Links, Way};
use super::repeat::{self, Repeat};
use super::throttle::Throttle;
use crate::reason_of;

/// How often a call is sent at most.
const MOST: u32 = 4;
/// The pause before the second time; it doubles.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// There is nobody to send it to.
    #[error("no address of the peer accepts: {0}")]
    Nobody(Arc<io::Error>),
    /// The connection broke while it was under way.
    #[error("the connection broke: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its own body could not be made.
    #[error("the request could not be made: {0}")]
    Unmade(#[source] Status),
}

/// What became of one sending.
enum Sent {
    Answered(Response<Body>),
    /// The server has not begun with it.
    Declined(Response<Body>),
    /// It never left; what there is of it comes back.
    Unsent(Lost, Option<Request<Body>>),
    /// It left, and nothing is known of it.
    Lost(Lost),
}

/// Sends a call until it is answered, or cannot be any more. `prepare` is asked for every sending: the time that is left
/// shrinks.
pub(super) async fn send(
    links: &Links,
    throttle: &Throttle,
    request: Request<Body>,
    prepare: impl Fn(&mut http::HeaderMap),
) -> Result<Response<Body>, Lost> {
    let kind = repeat::of(request.uri().path());
    let mut call = Call::of(request, kind).await.map_err(Lost::Unmade)?;
    let mut but = None;
    for attempt in 1.. {
        let way = links.next(but).await.map_err(Lost::Nobody)?;
        let address = way.address;
        let mut request = call.request()?;
        prepare(request.headers_mut());
        let sent = once(way, request, kind).await;
        let is_last = attempt >= MOST;
        but = Some(address);
        match sent {
            Sent::Answered(response) => {
                throttle.succeeded();
                return Ok(response);
            }
            Sent::Declined(response) => {
                links.rest(address);
                if is_last || !call.is_whole() {
                    return Ok(response);
                }
            }
            Sent::Unsent(lost, request) => {
                call.give_back(request);
                if is_last || !call.is_there() {
                    return Err(lost);
                }
                // Nothing was lost, and the next address may be as good as any: at once.
                tracing::debug!(peer = links.peer(), %address, %lost, "a call goes to another address");
                continue;
            }
            Sent::Lost(lost) => {
                links.rest(address);
                if is_last || !call.is_repeatable(kind) || !throttle.failed() {
                    return Err(lost);
                }
                tracing::debug!(peer = links.peer(), %address, %lost, attempt, "a call is repeated");
            }
        }
        sleep(spread(PAUSE * 2_u32.pow(attempt - 1))).await;
    }
    // Not reached: the last attempt returns.
    Err(Lost::Nobody(Arc::new(io::ErrorKind::TimedOut.into())))
}

/// A call that may have to be sent more than once.
struct Call {
    head: http::request::Parts,
    body: Content,
}

enum Content {
    /// Of one of our RPCs: one message, ready before it is sent.
    Whole(Bytes),
    /// Of somebody else's, perhaps a stream.
    Stream(Option<Body>),
}

impl Call {
    async fn of(request: Request<Body>, kind: Option<Repeat>) -> Result<Self, Status> {
        let (head, mut body) = request.into_parts();
        let body = match kind {
            Some(_) => Content::Whole(collect(&mut body).await?.0),
            None => Content::Stream(Some(body)),
        };
        Ok(Self { head, body })
    }

    fn request(&mut self) -> Result<Request<Body>, Lost> {
        let body = match &mut self.body {
            Content::Whole(bytes) => Body::new(Whole::of(bytes.clone(), None)),
            Content::Stream(body) => {
                body.take().ok_or_else(|| Lost::Broken("the request cannot be sent again".into()))?
            }
        };
        Ok(Request::from_parts(self.head.clone(), body))
    }

    fn give_back(&mut self, request: Option<Request<Body>>) {
        if let (Content::Stream(body), Some(request)) = (&mut self.body, request) {
            *body = Some(request.into_body());
        }
    }

    fn is_whole(&self) -> bool {
        matches!(self.body, Content::Whole(_))
    }

    fn is_there(&self) -> bool {
        matches!(self.body, Content::Whole(_) | Content::Stream(Some(_)))
    }

    fn is_repeatable(&self, kind: Option<Repeat>) -> bool {
        match (&self.body, kind) {
            (Content::Whole(message), Some(kind)) => kind.allows(message),
            _ => false,
        }
    }
}

async fn once(mut way: Way, request: Request<Body>, kind: Option<Repeat>) -> Sent {
    let response = match way.sender.try_send_request(request).await {
        Ok(response) => response,
        Err(mut error) => {
            let request = error.take_message();
            let is_unsent = request.is_some();
            let lost = Lost::Broken(Box::new(error.into_error()));
            return if is_unsent { Sent::Unsent(lost, request) } else { Sent::Lost(lost) };
        }
    };
    let (head, mut body) = response.into_parts();
    if let Some(status) = Status::from_header_map(&head.headers)
        && status.code() == Code::Unavailable
    {
        let response = Response::from_parts(head, Body::new(body));
        return match reason_of(&status) {
            Some(Reason::NotReady) => Sent::Declined(response),
            Some(_) => Sent::Answered(response),
            // Somebody between us and the peer says so.
            None => Sent::Lost(Lost::Broken(Box::new(status))),
        };
    }
    match kind {
        // A stream begins here, and is its reader's.
        None | Some(Repeat::Opening) => Sent::Answered(Response::from_parts(head, Body::new(body))),
        Some(_) => match collect(&mut body).await {
            Ok((bytes, trailers)) => {
                Sent::Answered(Response::from_parts(head, Body::new(Whole::of(bytes, trailers))))
            }
            Err(error) => Sent::Lost(Lost::Broken(Box::new(error))),
        },
    }
}

/// All of a body.
async fn collect<B>(body: &mut B) -> Result<(Bytes, Option<http::HeaderMap>), B::Error>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let (mut bytes, mut trailers) = (BytesMut::new(), None);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        match frame?.into_data() {
            Ok(data) => bytes.extend_from_slice(data.chunk()),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok((bytes.freeze(), trailers))
}

/// A body that is there as a whole.
struct Whole {
    bytes: Option<Bytes>,
    trailers: Option<http::HeaderMap>,
}

impl Whole {
    fn of(bytes: Bytes, trailers: Option<http::HeaderMap>) -> Self {
        Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), trailers }
    }
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match self.bytes.take() {
            Some(bytes) => Some(Frame::data(bytes)),
            None => self.trailers.take().map(Frame::trailers),
        };
        std::task::Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.trailers.is_none()
    }
}
