//! How the tour shows what it does: a title, the calls with what came back, and checks.

use tonic::Status;

use crate::failure::{Failure, Outcome, reason, status_text};

/// Announces a step of the journey.
pub(crate) fn step(number: u32, title: &str) {
    println!("\n━━ {number}. {title}");
}

/// Says something.
pub(crate) fn say(sentence: &str) {
    println!("   {sentence}");
}

/// Shows a call and what came back.
pub(crate) fn call(caller: &str, method: &str, answer: &str) {
    println!("   {caller} → {method}");
    println!("      {answer}");
}

/// Shows a call that must be refused with one of these reasons, and checks it.
pub(crate) fn refusal<T>(
    caller: &str,
    method: &str,
    answer: Result<T, Status>,
    expected: &str,
) -> Outcome<()> {
    let Err(status) = answer else {
        return Err(Failure::new(format!(
            "{method} by {caller} was accepted, but must be refused with {expected}"
        )));
    };
    call(caller, method, &format!("refused: {}", status_text(&status)));
    let reason = reason(&status);
    if reason == expected {
        return check(true, &format!("refused with {expected}"));
    }
    Err(Failure::new(format!("{method} must be refused with {expected}, but was with {reason}")))
}

/// Fails the tour when something is not as it must be.
pub(crate) fn check(holds: bool, claim: &str) -> Outcome<()> {
    if holds {
        println!("      ✓ {claim}");
        Ok(())
    } else {
        Err(Failure::new(format!("this does not hold: {claim}")))
    }
}

/// Shows a QR code, indented.
pub(crate) fn picture(text: &str) {
    for line in text.lines() {
        println!("      {line}");
    }
}
