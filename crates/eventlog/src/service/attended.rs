//! A stream whose caller does not read it ends.
//!
//! While a caller has taken nothing of what there is for it, its connection does not ask for more, so the stream cannot end by
//! itself: somebody else has to look. What it holds - its place among the caller's streams, its subscriptions - goes at once; the
//! caller hears of it when it reads again.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fault::Reason;
use futures::Stream;
use rpc::into_status;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tonic::Status;

/// `frames` for as long as the caller comes back for the next one within `patience`; then STREAM_NOT_READ. That nothing is there
/// for a long time is not the caller's fault, and does not count.
pub(super) fn attended<S, T>(frames: S, patience: Duration) -> impl Stream<Item = Result<T, Status>> + Send
where
    S: Stream<Item = Result<T, Status>> + Send + 'static,
{
    let held = Arc::new(Held::new(frames));
    let watchdog = tokio::spawn(look_after(Arc::clone(&held), patience)).abort_handle();
    Attended { held, is_told: false, watchdog }
}

struct Held<S> {
    /// None when nobody read them for too long.
    frames: Mutex<Option<Pin<Box<S>>>>,
    taking: Arc<Taking>,
}

impl<S> Held<S> {
    fn new(frames: S) -> Self {
        let taking = Taking { untaken_since: Mutex::new(Some(Instant::now())), caller: Mutex::default() };
        Self { frames: Mutex::new(Some(Box::pin(frames))), taking: Arc::new(taking) }
    }

    /// Takes the frames away when something has been untaken for `patience`.
    fn give_up(&self, now: Instant, patience: Duration) -> Option<Pin<Box<S>>> {
        let since = (*lock(&self.taking.untaken_since))?;
        if now.duration_since(since) >= patience { lock(&self.frames).take() } else { None }
    }
}

/// Whether the caller comes for what is there. It is what the frames wake: a caller whose connection is full does not ask for the
/// frame that it was woken for.
struct Taking {
    /// Since when a frame is on its way, or may be there, and nobody asked. None while the caller waits for us.
    untaken_since: Mutex<Option<Instant>>,
    caller: Mutex<Option<Waker>>,
}

impl Taking {
    fn asked(&self, caller: &Waker) {
        *lock(&self.untaken_since) = None;
        *lock(&self.caller) = Some(caller.clone());
    }

    fn there_is_something(&self) {
        lock(&self.untaken_since).get_or_insert_with(Instant::now);
    }
}

impl Wake for Taking {
    fn wake(self: Arc<Self>) {
        self.there_is_something();
        let caller = lock(&self.caller).take();
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

struct Attended<S> {
    held: Arc<Held<S>>,
    is_told: bool,
    watchdog: AbortHandle,
}

impl<S, T> Stream for Attended<S>
where
    S: Stream<Item = Result<T, Status>>,
{
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let mut frames = lock(&this.held.frames);
        let Some(frames) = &mut *frames else {
            let was_told = std::mem::replace(&mut this.is_told, true);
            return Poll::Ready((!was_told).then(|| Err(into_status(Reason::StreamNotRead.into()))));
        };
        let taking = &this.held.taking;
        taking.asked(context.waker());
        let waker = Waker::from(Arc::clone(taking));
        let polled = frames.as_mut().poll_next(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            taking.there_is_something();
        }
        polled
    }
}

impl<S> Drop for Attended<S> {
    fn drop(&mut self) {
        self.watchdog.abort();
        // At once: the task that is ending holds them, too. Not dropped under the lock.
        let frames = lock(&self.held.frames).take();
        drop(frames);
    }
}

/// Takes the frames away once they lie untaken for too long. Looks often enough to be late by a fourth of the patience at most.
async fn look_after<S>(held: Arc<Held<S>>, patience: Duration) {
    loop {
        sleep(patience / 4).await;
        // Not dropped under the lock.
        let untaken = held.give_up(Instant::now(), patience);
        if untaken.is_some() {
            tracing::info!("a stream of events ended: its caller did not read it");
            return;
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, poll};
    use rpc::reason_of;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Attended by nobody but the test.
    fn unattended<S>(frames: S) -> Attended<S> {
        let watchdog = tokio::spawn(std::future::ready(())).abort_handle();
        Attended { held: Arc::new(Held::new(frames)), is_told: false, watchdog }
    }

    /// Whether it is given up when one looks that long from now.
    fn gives_up<S>(frames: &Attended<S>, after: Duration) -> bool {
        frames.held.give_up(Instant::now() + after, PATIENCE).is_some()
    }

    fn counting() -> impl Stream<Item = Result<u32, Status>> + Send + 'static {
        futures::stream::iter((0..).map(Ok))
    }

    #[tokio::test]
    async fn what_nobody_reads_is_let_go_and_the_caller_hears_why() {
        let mut frames = unattended(counting());
        for number in 0..3 {
            assert!(!gives_up(&frames, PATIENCE / 2));
            assert_eq!(frames.next().await.unwrap().unwrap(), number);
        }
        assert!(gives_up(&frames, PATIENCE));
        let told = frames.next().await.unwrap().unwrap_err();
        assert_eq!(reason_of(&told), Some(Reason::StreamNotRead));
        assert!(frames.next().await.is_none());
    }

    #[tokio::test]
    async fn what_was_never_read_is_let_go_too() {
        let frames = unattended(counting());
        assert!(!gives_up(&frames, PATIENCE / 2) && gives_up(&frames, PATIENCE));
    }

    #[tokio::test]
    async fn whoever_waits_for_a_frame_may_wait_for_long() {
        let (sender, frames) = futures::channel::mpsc::unbounded();
        let mut frames = unattended(frames);
        for number in 0..3 {
            assert!(poll!(frames.next()).is_pending());
            assert!(!gives_up(&frames, PATIENCE * 100));
            sender.unbounded_send(Ok::<_, Status>(number)).unwrap();
            assert!(!gives_up(&frames, PATIENCE / 2));
            assert_eq!(frames.next().await.unwrap().unwrap(), number);
        }
    }

    /// As a connection does whose window became full with the frame before: it hears, and does not come.
    #[tokio::test]
    async fn whoever_waited_and_does_not_come_for_the_frame_is_not_waited_for() {
        let (sender, frames) = futures::channel::mpsc::unbounded();
        let mut frames = unattended(frames);
        assert!(poll!(frames.next()).is_pending());
        sender.unbounded_send(Ok::<_, Status>(1)).unwrap();
        assert!(gives_up(&frames, PATIENCE));
        assert_eq!(reason_of(&frames.next().await.unwrap().unwrap_err()), Some(Reason::StreamNotRead));
    }
}
