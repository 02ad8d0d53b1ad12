//! The service on a real database: status, reason, rows and events. [`serving`] goes through the network and the layers,
//! the others call the handlers.

mod adding_realms;
mod bootstrapping;
mod creating;
mod deleting;
mod dependent;
mod enforcing;
mod fixture;
mod in_force;
mod moving;
mod reading;
mod recording;
mod serving;
mod support;
mod suspending;
mod updating;
