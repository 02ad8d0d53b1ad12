//! Following mfa's log: floors rise, and what lies below them ends.

use async_trait::async_trait;
use clock::Timestamp;
use eventlog::Follow;
use fault::Outcome;
use proto::events::event::Payload;
use proto::events::{EnforcementChanged, Event, SubjectKind};
use store::Unit;
use types::{OrganizationPath, ServiceName, UserId};

use super::tenant::unreadable;
use crate::ops::{self, FloorChange};

/// Applies mfa's events.
#[derive(Debug, Clone, Copy, Default)]
pub struct FollowMfa;

#[async_trait]
impl Follow for FollowMfa {
    fn log(&self) -> ServiceName {
        ServiceName::Mfa
    }

    fn types(&self) -> &'static [&'static str] {
        &[
            "mfa.factor.enrolled",
            "mfa.factor.removed",
            "mfa.factor.reset",
            "mfa.configuration.destroyed",
            "mfa.enforcement.enforced",
            "mfa.enforcement.disabled",
            "mfa.enforcement.reenabled",
            "mfa.password.suspected",
        ]
    }

    /// Each locks a user and floors, as does whoever opens a session: two events in one transaction would take them out of order.
    fn is_alone(&self, _event_type: &str) -> bool {
        true
    }

    async fn apply(&self, unit: &mut Unit<'_>, event: &Event, now: Timestamp) -> Outcome<()> {
        if let Some(Payload::PasswordSuspected(_)) = &event.payload {
            let (path, user) = user_of(event)?;
            return ops::apply_password_suspected(unit, &path, user, now).await;
        }
        for change in changes(event)? {
            ops::apply_floor_change(unit, &change, now).await?;
        }
        Ok(())
    }
}

/// What an event means for floors: of the user first, as everybody locks users before floors.
fn changes(event: &Event) -> Outcome<Vec<FloorChange>> {
    let of_user = |generation, session: &str, sign_in: &str, proved| -> Outcome<FloorChange> {
        let (path, user) = user_of(event)?;
        Ok(FloorChange::Generation {
            path,
            user,
            generation,
            session: wire::optional_id("session_id", session).map_err(unreadable)?,
            sign_in: wire::optional_id("sign_in_id", sign_in).map_err(unreadable)?,
            proved,
        })
    };
    match &event.payload {
        Some(Payload::FactorEnrolled(enrolled)) => {
            let proved = enrolled.verify_time.as_ref().map(|at| wire::timestamp("verify_time", at));
            let proved = proved.transpose().map_err(unreadable)?;
            Ok(vec![of_user(enrolled.generation, &enrolled.session_id, &enrolled.sign_in_id, proved)?])
        }
        Some(Payload::FactorRemoved(removed)) => {
            Ok(vec![of_user(removed.generation, &removed.session_id, "", None)?])
        }
        Some(Payload::FactorReset(reset)) => {
            let generation = of_user(reset.generation, "", "", None)?;
            let (_, user) = user_of(event)?;
            let policy = FloorChange::Policy { target: user.to_string(), version: reset.policy_version };
            Ok(vec![generation, policy])
        }
        // Of an organisation that is gone nobody has anything open; of a user, nothing of before may come back with them.
        Some(Payload::ConfigurationDestroyed(_)) if !is_about_user(event) => Ok(Vec::new()),
        Some(Payload::ConfigurationDestroyed(destroyed)) => {
            Ok(vec![of_user(destroyed.generation, "", "", None)?])
        }
        Some(Payload::EnforcementChanged(changed)) => {
            let policy = FloorChange::Policy { target: changed.target.clone(), version: changed.version };
            if concerns_user(event, changed) {
                Ok(vec![of_user(changed.generation, "", "", None)?, policy])
            } else {
                Ok(vec![policy])
            }
        }
        _ => Err(unreadable("an event of mfa lacks its payload")),
    }
}

fn concerns_user(event: &Event, changed: &EnforcementChanged) -> bool {
    is_about_user(event) && changed.generation > 0
}

fn is_about_user(event: &Event) -> bool {
    event.subject.as_ref().is_some_and(|subject| subject.kind() == SubjectKind::User)
}

fn user_of(event: &Event) -> Outcome<(OrganizationPath, UserId)> {
    let subject = event.subject.as_ref().filter(|subject| subject.kind() == SubjectKind::User);
    let subject = subject.ok_or_else(|| unreadable("an event of mfa names no user"))?;
    let ids = event.path.iter().map(|id| wire::id("path", id)).collect::<Outcome<Vec<_>>>();
    let path = OrganizationPath::new(ids.map_err(unreadable)?).map_err(unreadable)?;
    Ok((path, wire::id("subject.id", &subject.id).map_err(unreadable)?))
}

#[cfg(test)]
mod tests {
    use proto::events::{
        ConfigurationDestroyed, FactorEnrolled, FactorRemoved, FactorReset, Subject, VerificationRefused,
    };
    use types::{OrganizationId, SessionId, SignInId};

    use super::*;

    fn event(user: UserId, path: &OrganizationPath, payload: Payload) -> Event {
        Event {
            path: path.ids().iter().map(ToString::to_string).collect(),
            subject: Some(Subject { kind: SubjectKind::User.into(), id: user.to_string() }),
            payload: Some(payload),
            ..Event::default()
        }
    }

    #[test]
    fn events_of_a_factor_raise_the_users_generation() {
        let (user, path) = (UserId::generate(), OrganizationPath::root(OrganizationId::generate()));
        let (in_session, in_sign_in) = (SessionId::generate(), SignInId::generate());
        let floor = |session, sign_in, proved| FloorChange::Generation {
            path: path.clone(),
            user,
            generation: 7,
            session,
            sign_in,
            proved,
        };
        let at = time::macros::datetime!(2026-11-24 12:00 UTC);
        let of_sign_in =
            FactorEnrolled { generation: 7, sign_in_id: in_sign_in.to_string(), ..FactorEnrolled::default() };
        let in_a_session = FactorEnrolled {
            generation: 7,
            session_id: in_session.to_string(),
            verify_time: Some(wire::timestamp_to_wire(at)),
            ..FactorEnrolled::default()
        };
        let of_session =
            FactorRemoved { generation: 7, session_id: in_session.to_string(), ..FactorRemoved::default() };
        let reset = FactorReset { generation: 7, policy_version: 3, ..FactorReset::default() };
        let policy = FloorChange::Policy { target: user.to_string(), version: 3 };
        let destroyed = ConfigurationDestroyed { generation: 7, ..ConfigurationDestroyed::default() };
        for (payload, expected) in [
            (Payload::FactorEnrolled(of_sign_in), vec![floor(None, Some(in_sign_in), None)]),
            (Payload::FactorEnrolled(in_a_session), vec![floor(Some(in_session), None, Some(at))]),
            (Payload::FactorRemoved(of_session), vec![floor(Some(in_session), None, None)]),
            (Payload::FactorReset(reset), vec![floor(None, None, None), policy]),
            (Payload::ConfigurationDestroyed(destroyed), vec![floor(None, None, None)]),
        ] {
            assert_eq!(changes(&event(user, &path, payload)).unwrap(), expected);
        }
    }

    #[test]
    fn events_of_enforcement_raise_the_policy_of_their_level() {
        let (user, path) = (UserId::generate(), OrganizationPath::root(OrganizationId::generate()));
        let changed = |target: String, generation| EnforcementChanged {
            target,
            generation,
            version: 4,
            ..EnforcementChanged::default()
        };
        let policy = |target: &str| FloorChange::Policy { target: target.to_owned(), version: 4 };
        let of_user = event(user, &path, Payload::EnforcementChanged(changed(user.to_string(), 2)));
        let generation = FloorChange::Generation {
            path: path.clone(),
            user,
            generation: 2,
            session: None,
            sign_in: None,
            proved: None,
        };
        assert_eq!(changes(&of_user).unwrap(), [generation, policy(&user.to_string())]);
        let mut of_company =
            event(user, &path, Payload::EnforcementChanged(changed("company".to_owned(), 0)));
        of_company.subject = Some(Subject { kind: SubjectKind::Organization.into(), id: "x".to_owned() });
        assert_eq!(changes(&of_company).unwrap(), [policy("company")]);
    }

    #[test]
    fn what_a_deleted_organisation_had_configured_concerns_nobody_any_more() {
        let (user, path) = (UserId::generate(), OrganizationPath::root(OrganizationId::generate()));
        let payload = Payload::ConfigurationDestroyed(ConfigurationDestroyed::default());
        let subject = Subject { kind: SubjectKind::Organization.into(), id: "x".to_owned() };
        let event = Event { subject: Some(subject), ..event(user, &path, payload) };
        assert_eq!(changes(&event).unwrap(), []);
    }

    #[test]
    fn every_event_is_applied_in_a_transaction_of_its_own() {
        assert!(FollowMfa.types().iter().all(|event_type| FollowMfa.is_alone(event_type)));
    }

    #[test]
    fn what_cannot_be_read_is_never_passed_over() {
        let (user, path) = (UserId::generate(), OrganizationPath::root(OrganizationId::generate()));
        let other = event(user, &path, Payload::VerificationRefused(VerificationRefused::default()));
        assert!(changes(&other).is_err());
        let mut nobody = event(user, &path, Payload::FactorReset(FactorReset::default()));
        nobody.subject = None;
        assert!(changes(&nobody).is_err());
    }
}
