//! Requests as commands of domain types, and answers as messages. No SQL, no decision.

mod call;
mod facts_service;
#[cfg(fuzzing)]
pub mod fuzzing;
mod parse;
mod places;
mod refusals;
mod render;
mod tenant_service;

pub(crate) use facts_service::FactsHandlers;
pub(crate) use places::OwnPlaces;
pub(crate) use refusals::Refusals;
pub(crate) use tenant_service::TenantHandlers;
