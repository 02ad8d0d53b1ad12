//! The guard in paused time, against references that disagree, fall silent, or never come back; PostgreSQL's and NTP's
//! clocks as they are read.

mod reading;

use clock::{Clock, ManualClock};
use time::macros::datetime;
use tokio::time::advance;

use super::*;

const START: clock::Timestamp = datetime!(2026-11-24 09:00 UTC);

fn guard(references: &[SteeredReference]) -> ClockGuard {
    let references = references.iter().cloned().map(|one| Arc::new(one) as Arc<dyn ClockReference>);
    let clock = ManualClock::at(START).shared();
    ClockGuard::spawn(clock, references.collect(), ClockGuardOptions::default())
}

/// Lets time pass, and lets the guard look at what has become due.
async fn pass(seconds: u64) {
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
}

fn different(seconds: i64) -> ClockVerdict {
    Err(Mistrust::Different { reference: "steered", difference: time::Duration::seconds(seconds) })
}

const UNCONFIRMED: ClockVerdict = Err(Mistrust::Unconfirmed { within: Duration::from_secs(60) });

#[tokio::test(start_paused = true)]
async fn nobody_is_trusted_before_somebody_was_asked() {
    let guard = guard(&[SteeredReference::default()]);
    assert_eq!(guard.verdict(), UNCONFIRMED);
    assert_eq!(guard.trusted().unwrap_err().reason(), Reason::ClockNotTrusted);
    guard.looked().await;
    assert_eq!(guard.verdict(), Ok(()));
    guard.trusted().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_tolerance_counts_to_both_sides() {
    for (milliseconds, expected) in [
        (0, Ok(())),
        (5_000, Ok(())),
        (-5_000, Ok(())),
        (5_001, different(5)),
        (-5_001, different(-5)),
        (86_400_000, different(86_400)),
    ] {
        let reference = SteeredReference::default();
        reference.shift(time::Duration::milliseconds(milliseconds));
        let guard = guard(&[reference]);
        guard.looked().await;
        assert_eq!(guard.verdict(), expected, "{milliseconds} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_wrong_is_noticed_at_the_next_look_and_what_is_repaired_sooner() {
    let reference = SteeredReference::default();
    let guard = guard(std::slice::from_ref(&reference));
    guard.looked().await;
    reference.shift(time::Duration::seconds(-7));
    pass(9).await;
    assert_eq!(guard.verdict(), Ok(()));
    pass(1).await;
    assert_eq!(guard.verdict(), different(-7));
    reference.shift(time::Duration::seconds(1));
    pass(1).await;
    assert_eq!(guard.verdict(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_vouches_for_a_minute() {
    let reference = SteeredReference::default();
    let guard = guard(std::slice::from_ref(&reference));
    guard.looked().await;
    reference.silence(true);
    pass(60).await;
    assert_eq!(guard.verdict(), Ok(()));
    pass(1).await;
    assert_eq!(guard.verdict(), UNCONFIRMED);
    reference.silence(false);
    // It looked last while it still trusted, so the next look may be one long interval away.
    pass(10).await;
    assert_eq!(guard.verdict(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn silence_does_not_take_a_disagreement_back() {
    let reference = SteeredReference::default();
    reference.shift(time::Duration::minutes(2));
    let others = SteeredReference::default();
    let guard = guard(&[others, reference.clone()]);
    guard.looked().await;
    assert_eq!(guard.verdict(), different(120));
    reference.silence(true);
    pass(200).await;
    assert_eq!(guard.verdict(), different(120));
    reference.shift(time::Duration::ZERO);
    reference.silence(false);
    pass(1).await;
    assert_eq!(guard.verdict(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn one_reference_that_answers_is_enough_and_one_that_disagrees_is_too_much() {
    let (one, other) = (SteeredReference::default(), SteeredReference::default());
    other.silence(true);
    let guard = guard(&[one, other.clone()]);
    guard.looked().await;
    pass(300).await;
    assert_eq!(guard.verdict(), Ok(()));
    other.silence(false);
    other.shift(time::Duration::seconds(9));
    pass(10).await;
    assert_eq!(guard.verdict(), different(9));
}

/// Takes a question and never answers.
#[derive(Debug)]
struct Mute;

#[async_trait::async_trait]
impl ClockReference for Mute {
    fn name(&self) -> &'static str {
        "mute"
    }

    async fn read(&self, _clock: &dyn Clock) -> Result<Reading, NoReading> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_never_answers_holds_nobody_up() {
    let clock = ManualClock::at(START).shared();
    let steered = SteeredReference::default();
    let references: Vec<Arc<dyn ClockReference>> = vec![Arc::new(Mute), Arc::new(steered.clone())];
    let begin = Instant::now();
    let guard = ClockGuard::spawn(clock.clone(), references, ClockGuardOptions::default());
    guard.looked().await;
    assert_eq!((begin.elapsed(), guard.verdict()), (Duration::from_secs(2), Ok(())));
    steered.shift(time::Duration::seconds(6));
    pass(12).await;
    assert_eq!(guard.verdict(), different(6));

    let alone = ClockGuard::spawn(clock, vec![Arc::new(Mute)], ClockGuardOptions::default());
    alone.looked().await;
    assert_eq!(alone.verdict(), UNCONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn without_references_nothing_is_trusted() {
    let guard = guard(&[]);
    guard.looked().await;
    pass(20).await;
    assert_eq!(guard.verdict(), UNCONFIRMED);
}

#[tokio::test(start_paused = true)]
async fn the_watching_ends_with_the_last_clone() {
    let reference = Arc::new(SteeredReference::default());
    let clock = ManualClock::at(START).shared();
    let guard = ClockGuard::spawn(clock, vec![reference.clone()], ClockGuardOptions::default());
    let clone = guard.clone();
    drop(guard);
    clone.looked().await;
    pass(30).await;
    assert_eq!((clone.verdict(), Arc::strong_count(&reference)), (Ok(()), 2));
    drop(clone);
    pass(1).await;
    assert_eq!(Arc::strong_count(&reference), 1);
}
