//! The use cases, one a file: each draws time, ids and randomness, opens the unit of work, and lets `domain` decide in it.
//!
//! Never here: tonic, prost, SQL text.

mod acknowledge_enrollment;
mod applied;
mod begin_enrollment;
mod call;
mod change_enforcement;
mod confirm_enrollment;
mod evaluate_sign_in;
mod expire;
mod get_enforcement;
mod issue_bootstrap_ticket;
mod list_factors;
mod locate;
mod record_refusal;
mod remove_factor;
mod reset_mfa;
mod secrets;
mod set_policy;
mod try_code;
mod verify_code;

use std::sync::Arc;
use std::time::Duration;

use clock::SharedClock;
use keyring::Keyring;
use store::Store;

use crate::peers::{Identity, InForce, Tenant};

pub(crate) use applied::{apply_organization, apply_organization_created, apply_user_created};
pub(crate) use begin_enrollment::BeginEnrollment;
pub(crate) use call::{Call, Seen, SignInCall};
pub(crate) use change_enforcement::ChangeEnforcement;
pub(crate) use evaluate_sign_in::{Demand, Evaluation};
pub(crate) use get_enforcement::{Configuration, Explained};
pub(crate) use issue_bootstrap_ticket::IssuedTicket;
pub(crate) use record_refusal::RefusedCall;
pub(crate) use remove_factor::RemoveFactor;
pub(crate) use reset_mfa::ResetMfa;
pub(crate) use verify_code::VerifyCode;

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
    /// How long a sign-in waits for the creation of its user or organisation to arrive over the followed logs.
    pub(crate) patience: Duration,
}
