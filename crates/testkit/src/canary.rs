//! Secrets that went over the wire must be found nowhere else.
//!
//! Every channel of a [`crate::TestSystem`] is witnessed: what its requests and answers hold in fields that carry secrets is
//! noted, and so is what refusals say. When the system ends, its databases, the log lines and spans of the process, and the
//! refusals are searched for each of those secrets in every form a leak could have. Nothing here is part of what is tested.

mod dump;
mod fields;
mod forms;
mod hearing;
mod secrets;
mod vigil;
mod witness;

pub use forms::{Finding, Scanner, Secret};
pub use hearing::{listen_to_everything, listen_to_nothing};
pub use witness::Witnessed;

pub(crate) use secrets::Secrets;
pub(crate) use vigil::Vigil;
