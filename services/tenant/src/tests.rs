//! The service on a real database: status, reason, rows and events. [`serving`] goes through the network and the layers,
//! the others call the handlers.

mod bootstrapping;
mod creating;
mod enforcing;
mod fixture;
mod mfa;
mod reading;
mod recording;
mod serving;
mod support;
mod updating;
