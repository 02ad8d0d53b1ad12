//! gRPC as this product speaks it: mutual TLS 1.3, one list of layers on the server, channels to peers, and the only place
//! where a [`fault::Fault`] becomes a status on the wire and back.
//!
//! No SQL, no domain. What may be called by whom stands in `access`; this crate asks it.

mod authenticate;
mod call;
mod client;
mod draining;
mod liveness;
mod server;
mod status;
mod tls;

#[cfg(fuzzing)]
pub mod fuzzing;

pub use authenticate::RemoteAuthenticator;
pub use call::{
    CallInfo, DEFAULT_DEADLINE, call_info, caller, refusal_is_recorded, remaining_time, signed_in,
    spawn_in_call, spawn_past_call,
};
pub use client::{ConnectError, LookUp, PeerChannel};
pub use draining::{Draining, draining, ends_by_itself};
pub use liveness::{Liveness, liveness};
pub use server::{
    Limits, OwnCertificate, Readiness, ReflectionMode, Refusal, RefusalSink, ServeError, Server,
    ServerOptions, ServerParts,
};
pub use status::{
    ERROR_DOMAIN, fault_from_status, into_status, is_only_counted, only_counted, reason_of, respond,
    respond_to_service,
};
pub use tls::{TlsError, TlsFiles};
