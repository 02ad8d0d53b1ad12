//! Policy, verification, enrolment and authority: states and decisions, pure.
//!
//! Knows no runtime, database, wire format or clock: time, ids and randomness come in as arguments.

mod attempts;
mod authority;
mod change;
mod enrollment;
mod enrollment_view;
mod policy;
mod provisioning;
mod qr;
mod target;
mod ticket;
mod totp;
mod user;
mod verification;

pub use attempts::Attempts;
pub use authority::{Located, TargetUser, may_change, may_see};
pub use change::{Change, ChangeKind, Decision, decide_change, may_disable};
pub use enrollment::{
    Confirmation, Confirmed, EnrollmentBinding, LIFETIME as ENROLLMENT_LIFETIME, Pending, confirm, usable,
};
pub use enrollment_view::{Shown, show};
pub use policy::{Effective, EffectiveState, Level, Own, Policy, SetBy, Setting};
pub use provisioning::provisioning_uri;
pub use qr::{Drawn, draw};
pub use target::{Chain, Place, PolicyLevel, ProviderScope, Target};
pub use ticket::{BOOTSTRAP_TICKET_LIFETIME, TICKET_LIFETIME, Ticket, TicketClaim, admit};
pub use totp::{TimeStep, TotpSecret};
pub use user::{Factor, UserState};
pub use verification::{Verdict, gate, judge};
