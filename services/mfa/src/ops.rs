//! The use cases, one a file: each draws time, ids and randomness, opens the unit of work, and lets `domain` decide in it.
//!
//! Never here: tonic, prost, SQL text.

mod acknowledge_enrollment;
mod alarm;
mod applied;
mod begin_enrollment;
mod bounded_calls;
mod break_glass_ticket;
mod call;
mod change_enforcement;
mod confirm_enrollment;
mod ended_locks;
mod evaluate_sign_in;
mod expire;
mod fold_adoption;
mod get_adoption;
mod get_enforcement;
mod issue_bootstrap_ticket;
mod issue_enrollment_ticket;
mod kept_answer;
mod list_enforcements;
mod list_factors;
mod locate;
mod lock_events;
mod measure_adoption;
mod preview_enforcement;
mod record_refusal;
mod recovery_attempts;
mod recovery_key;
mod regenerate_recovery_codes;
mod remove_factor;
mod repeated_attempt;
mod reseal_secrets;
mod reset_mfa;
mod secrets;
mod set_policy;
mod settled;
mod try_code;
mod unlock_user;
mod verify_code;
mod verify_recovery_code;

use std::sync::Arc;
use std::time::Duration;

use clock::SharedClock;
use keyring::Keyring;
use store::Store;

use crate::domain::Thresholds;
use crate::peers::{ClockTrust, Identity, InForce, Tenant};

pub(crate) use applied::{
    apply_organization, apply_organization_created, apply_sign_in, apply_user, apply_user_created,
};
pub(crate) use begin_enrollment::{BeginEnrollment, PresentedTicket};
pub(crate) use break_glass_ticket::{BreakGlassTicket, OperatorCall};
pub(crate) use call::{Call, Seen, SignInCall};
pub(crate) use change_enforcement::ChangeEnforcement;
pub(crate) use confirm_enrollment::ConfirmSignInEnrollment;
pub(crate) use evaluate_sign_in::{Demand, Evaluation};
pub(crate) use get_adoption::Adoption;
pub(crate) use get_enforcement::{Configuration, Explained};
pub(crate) use issue_bootstrap_ticket::IssuedTicket;
pub(crate) use issue_enrollment_ticket::IssueEnrollmentTicket;
pub(crate) use list_enforcements::{EnforcementPage, Entry, ListEnforcements};
pub(crate) use list_factors::ListedFactor;
pub(crate) use preview_enforcement::{Preview, PreviewEnforcement, WouldEnroll};
pub(crate) use record_refusal::RefusedCall;
pub(crate) use remove_factor::RemoveFactor;
pub(crate) use reseal_secrets::SealedSecrets;
pub(crate) use reset_mfa::ResetMfa;
pub(crate) use unlock_user::UnlockUser;
pub(crate) use verify_code::VerifyCode;
pub(crate) use verify_recovery_code::VerifyRecoveryCode;

/// What the use cases work with; each is a method of this.
pub(crate) struct Mfa {
    /// The service's own database.
    pub(crate) store: Store,
    /// The only source of time.
    pub(crate) clock: SharedClock,
    /// Seals and opens secrets.
    pub(crate) keyring: Arc<Keyring>,
    /// Whom to ask about organisations.
    pub(crate) tenant: Arc<dyn Tenant>,
    /// Whom to ask about users.
    pub(crate) identity: Arc<dyn Identity>,
    /// Who must have applied a change before it is acknowledged.
    pub(crate) in_force: Arc<dyn InForce>,
    /// Who vouches for the clock: while nobody does, policy is not changed (R8).
    pub(crate) clock_trust: Arc<dyn ClockTrust>,
    /// How much guessing is borne, and how far a phone's clock may be off.
    pub(crate) thresholds: Thresholds,
    /// How long a sign-in waits for the creation of its user or organisation to arrive over the followed logs.
    pub(crate) patience: Duration,
}
