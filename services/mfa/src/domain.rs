//! Policy, verification, enrolment and authority: states and decisions, pure.
//!
//! Knows no runtime, database, wire format or clock: time, ids and randomness come in as arguments.

mod adoption;
mod attempt;
mod attempts;
mod authority;
mod change;
mod destruction;
mod drift;
mod enrolled;
mod enrollment;
mod enrollment_calls;
mod enrollment_view;
mod etag;
mod policy;
mod provisioning;
mod qr;
mod recovery;
mod recovery_verification;
mod status;
mod target;
mod thresholds;
mod ticket;
mod totp;
#[cfg(test)]
mod tree_law;
mod unreadable;
mod user;
mod verification;

pub(crate) use adoption::{
    Counted, Counts, Footing, LevelTotals, Member, OVERDUE_AFTER, Recount, Settled, Standing, figures,
    settle, under,
};
pub(crate) use attempt::{AttemptKind, AttemptOwner, AttemptReused, FirstVerdict, MadeAttempt, repeated};
pub(crate) use attempts::{Attempts, Hammered};
pub(crate) use authority::{Located, TargetUser, can_disable, may_change, may_see};
pub(crate) use change::{Change, ChangeKind, Decision, TooFarAhead, decide_change, may_disable};
pub(crate) use destruction::{Destruction, KnownUser};
pub(crate) use drift::{Drift, Window};
pub(crate) use enrolled::Enrolled;
pub(crate) use enrollment::{
    Confirmation, Confirmed, EnrollmentBinding, LIFETIME as ENROLLMENT_LIFETIME, Pending, confirm, usable,
};
pub(crate) use enrollment_calls::{ENROLLMENT_WINDOW, EnrollmentCalls};
pub(crate) use enrollment_view::{Shown, show};
pub(crate) use etag::etag;
pub(crate) use policy::{Effective, EffectiveState, Level, Own, Policy, SetBy, Setting};
pub(crate) use provisioning::provisioning_uri;
pub(crate) use qr::{Drawn, draw};
pub(crate) use recovery::{
    FreshCodes, Matched, PendingCodes, RECOVERY_CODES, RecoveryHash, RecoveryKey, RecoverySet,
};
pub(crate) use recovery_verification::{RecoveryVerdict, gate_recovery, judge_recovery};
pub(crate) use status::{Branch, Demands, ListPlace, Listed, ListedKind, MfaStatus, PageSize};
pub(crate) use target::{Chain, Place, PolicyLevel, ProviderScope, Target};
pub(crate) use thresholds::{
    Asked as AskedThresholds, BUDGET, CONSECUTIVE, FIRST_LOCK, LONGEST_LOCK, OutOfBounds, STEP_WINDOW,
    SUSPICION, Thresholds,
};
pub(crate) use ticket::{BOOTSTRAP_TICKET_LIFETIME, TICKET_LIFETIME, Ticket, TicketClaim, admit};
pub(crate) use totp::{TimeStep, TotpSecret};
pub(crate) use unreadable::{Unreadable, UnreadableCause};
pub(crate) use user::{Factor, UserState};
pub(crate) use verification::{Verdict, gate, judge};
