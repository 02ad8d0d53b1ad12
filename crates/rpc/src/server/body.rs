//! Bodies on their way in and out: requests are measured, errors of answers become ours.

mod answer;
mod guarded;

pub(super) use answer::Answer;
pub(super) use guarded::Guarded;
#[cfg(fuzzing)]
pub(super) use guarded::measure;
