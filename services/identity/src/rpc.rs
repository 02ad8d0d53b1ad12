//! The wire: requests become commands of domain types, answers are rendered. Must not know SQL.

mod fields;
#[cfg(fuzzing)]
pub mod fuzzing;
mod session_requests;
mod session_service;
mod sign_in_requests;
mod sign_in_service;
mod user_requests;
mod user_service;

pub use session_service::Sessions;
pub use sign_in_service::SignIns;
pub use user_service::{Facts, Users};
