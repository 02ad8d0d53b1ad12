//! Requests as commands of domain types, and answers as messages. No SQL, no decision.

mod adoption;
mod call;
mod enforcement_service;
mod factor_service;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod parse;
mod refusals;
mod render;
mod verification_service;

pub(crate) use enforcement_service::EnforcementHandlers;
pub(crate) use factor_service::FactorHandlers;
pub(crate) use refusals::Refusals;
pub(crate) use verification_service::VerificationHandlers;
