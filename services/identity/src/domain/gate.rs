//! The gate: the one decision that lets a session be opened, and the same question asked again at a refresh.
//!
//! Asked inside the unit, on locked rows.

use types::AuthSource;
use wire::UserState;

use super::Timestamp;
use super::evaluation::Basis;
use super::floors::{Floors, Outdated};
use super::organization::Branch;
use super::sign_in::{NextStep, Refusal, SignIn};
use super::user::User;

/// What the gate looks at: rows as they are now, locked until the unit ends.
#[derive(Debug)]
pub struct Presence<'a> {
    /// The user.
    pub user: &'a User,
    /// Whether the organisation and everything above it may be used.
    pub branch: Branch,
    /// The floors of this user.
    pub floors: &'a Floors,
}

/// Why no session is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// For good; the log says why.
    Refused(Refusal),
    /// Policy changed in the meantime: ask mfa again.
    PolicyOutdated,
}

/// Whether the user, authenticated by `source`, may be let in on `basis`, which was decided on version `user_version` of
/// the user.
///
/// # Errors
/// What bars them.
pub fn admit(
    presence: &Presence<'_>,
    basis: &Basis,
    user_version: i64,
    source: AuthSource,
) -> Result<(), Barred> {
    standing(presence.user, presence.branch, source).map_err(Barred::Refused)?;
    if presence.user.version != user_version {
        return Err(Barred::Refused(Refusal::Outdated));
    }
    match presence.floors.check(basis) {
        Ok(()) => Ok(()),
        Err(Outdated::Generation) => Err(Barred::Refused(Refusal::Outdated)),
        Err(Outdated::Policy) => Err(Barred::PolicyOutdated),
    }
}

/// As [`admit`], for a sign-in by password under way, which must be open too and at this `step`. Changed policy ends it: its
/// step may be the wrong one now.
///
/// # Errors
/// What bars it.
pub fn admit_sign_in(
    presence: &Presence<'_>,
    sign_in: &SignIn,
    step: NextStep,
    basis: &Basis,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !sign_in.can_take(step, now) {
        return Err(Refusal::Outdated);
    }
    admit(presence, basis, sign_in.user_version, AuthSource::Local).map_err(|barred| match barred {
        Barred::Refused(refusal) => refusal,
        Barred::PolicyOutdated => Refusal::Outdated,
    })
}

/// Whether somebody who is admitted must replace their password before a session is opened. Who was authenticated by an
/// identity provider has none here.
#[must_use]
pub fn must_change_password(user: &User, source: AuthSource) -> bool {
    match source {
        AuthSource::Local => user.must_change_password,
        AuthSource::External => false,
    }
}

/// Whether a user of this state, in a branch of this state, may use the product when authenticated by `source`. What is
/// not known to be active is not.
///
/// # Errors
/// Why not.
pub fn standing(user: &User, branch: Branch, source: AuthSource) -> Result<(), Refusal> {
    if user.state != UserState::Active {
        return Err(Refusal::UserNotActive);
    }
    match branch {
        Branch::Active => {}
        Branch::Inactive | Branch::Unknown => return Err(Refusal::OrganizationNotActive),
    }
    match (source, user.auth_source) {
        (AuthSource::Local, AuthSource::Local) | (AuthSource::External, AuthSource::External) => Ok(()),
        (AuthSource::Local, AuthSource::External) => Err(Refusal::NotLocal),
        // A subject belongs to external users only: this one has become local since.
        (AuthSource::External, AuthSource::Local) => Err(Refusal::Outdated),
    }
}

/// What the password step alone says against a login: whatever else is wrong is told only to who knows the password.
///
/// # Errors
/// The refusal.
pub fn password_step(user: Option<&User>, password_matches: bool) -> Result<&User, Refusal> {
    let user = user.ok_or(Refusal::LoginUnknown)?;
    if user.auth_source != AuthSource::Local {
        return Err(Refusal::NotLocal);
    }
    if password_matches { Ok(user) } else { Err(Refusal::PasswordWrong) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use time::Duration;
    use time::macros::datetime;
    use types::{OrganizationId, Role, SignInId, UserId};
    use wire::{Client, PolicyVersion};

    use super::super::sign_in::SignInState;
    use super::*;

    fn user() -> User {
        let now = datetime!(2026-11-24 12:00 UTC);
        User {
            organization_id: OrganizationId::generate(),
            id: UserId::generate(),
            login: "ada@example.com".parse().unwrap(),
            display_name: "Ada".parse().unwrap(),
            email: "".parse().unwrap(),
            role: Role::CompanyAdmin,
            auth_source: AuthSource::Local,
            state: UserState::Active,
            version: 7,
            revision: 7,
            generation_floor: 2,
            must_change_password: false,
            create_time: now,
            update_time: now,
        }
    }

    fn basis(generation: i64, policy: i64) -> Basis {
        Basis { generation, policy_version: PolicyVersion(BTreeMap::from([("company".to_owned(), policy)])) }
    }

    #[test]
    fn the_gate_opens_only_when_everything_is_as_it_was() {
        let outdated = Err(Barred::Refused(Refusal::Outdated));
        let active = Branch::Active;
        let floors =
            Floors { generation: 2, policy: PolicyVersion(BTreeMap::from([("company".to_owned(), 5)])) };
        let external = User { auth_source: AuthSource::External, ..user() };
        let disabled = User { state: UserState::Inactive, ..user() };
        let suspended = Err(Barred::Refused(Refusal::OrganizationNotActive));
        for (name, user, branch, basis, version, expected) in [
            ("as it was", user(), active, basis(2, 5), 7, Ok(())),
            ("newer than the floors", user(), active, basis(3, 6), 7, Ok(())),
            ("generation", user(), active, basis(1, 5), 7, outdated),
            ("policy", user(), active, basis(2, 4), 7, Err(Barred::PolicyOutdated)),
            ("user changed", user(), active, basis(2, 5), 6, outdated),
            ("suspended", user(), Branch::Inactive, basis(2, 5), 7, suspended),
            ("not known", user(), Branch::Unknown, basis(2, 5), 7, suspended),
            ("external", external.clone(), active, basis(2, 5), 7, Err(Barred::Refused(Refusal::NotLocal))),
            ("disabled", disabled, active, basis(2, 5), 7, Err(Barred::Refused(Refusal::UserNotActive))),
        ] {
            let presence = Presence { user: &user, branch, floors: &floors };
            assert_eq!(admit(&presence, &basis, version, AuthSource::Local), expected, "{name}");
        }
        for (user, expected) in [(external, Ok(())), (user(), outdated)] {
            let presence = Presence { user: &user, branch: active, floors: &floors };
            assert_eq!(admit(&presence, &basis(2, 5), 7, AuthSource::External), expected);
        }
    }

    #[test]
    fn a_sign_in_passes_the_gate_once_and_in_time() {
        let user = user();
        let now = user.create_time;
        let floors = Floors::default();
        let presence = Presence { user: &user, branch: Branch::Active, floors: &floors };
        let sign_in = SignIn {
            organization_id: user.organization_id,
            id: SignInId::generate(),
            user_id: user.id,
            next_step: NextStep::VerifyMfa,
            state: SignInState::Open,
            basis: basis(2, 5),
            user_version: 7,
            wrong_codes: 0,
            create_time: now,
            expire_time: now + Duration::minutes(10),
            client: Client::default(),
            proved: None,
        };
        let admitted =
            |sign_in: &SignIn, step, now| admit_sign_in(&presence, sign_in, step, &sign_in.basis, now);
        assert_eq!(admitted(&sign_in, NextStep::VerifyMfa, now), Ok(()));
        let finished = SignIn { state: SignInState::Finished, ..sign_in.clone() };
        let late = now + Duration::minutes(10);
        for (sign_in, step, now) in [
            (&finished, NextStep::VerifyMfa, now),
            (&sign_in, NextStep::VerifyMfa, late),
            (&sign_in, NextStep::EnrollMfa, now),
            (&sign_in, NextStep::ChangePassword, now),
        ] {
            assert_eq!(admitted(sign_in, step, now), Err(Refusal::Outdated));
        }
    }

    #[test]
    fn only_who_signs_in_by_password_replaces_it() {
        let suspected = User { must_change_password: true, ..user() };
        assert!(must_change_password(&suspected, AuthSource::Local));
        assert!(!must_change_password(&suspected, AuthSource::External));
        assert!(!must_change_password(&user(), AuthSource::Local));
    }
}
