//! Whether a session may be refreshed.

use super::Timestamp;
use super::evaluation::{Demand, Evaluation};
use super::floors::Floors;
use super::gate::{self, Barred, Presence};
use super::organization::Branch;
use super::session::{EndCause, Session, TokenState};
use super::sign_in::Refusal;
use super::user::User;

/// What becomes of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The token is exchanged.
    Rotate,
    /// The session ends now.
    End(EndCause),
    /// Nothing changes; the session is over already, or may not be used at this moment.
    Refuse,
    /// Policy changed in the meantime: ask mfa again.
    AskAgain,
}

/// What the decision looks at.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The session.
    pub session: &'a Session,
    /// Whether the token was used before.
    pub token: TokenState,
    /// The user.
    pub user: &'a User,
    /// Whether the organisation and everything above it may be used.
    pub branch: Branch,
    /// The floors of this user.
    pub floors: &'a Floors,
    /// The time.
    pub now: Timestamp,
}

/// What is known without asking mfa; `None` when mfa has to be asked.
#[must_use]
pub fn at_first_sight(situation: &Situation<'_>) -> Option<Decision> {
    if situation.session.ended.is_some() {
        return Some(Decision::Refuse);
    }
    // Before expiry: a stolen token may well come late.
    if situation.token == TokenState::Spent {
        return Some(Decision::End(EndCause::RefreshTokenReused));
    }
    if !situation.session.is_live(situation.now) {
        return Some(Decision::Refuse);
    }
    // Before states: whoever was disabled and enabled again has to sign in again.
    if situation.session.user_version != situation.user.version {
        return Some(Decision::End(EndCause::UserChanged));
    }
    let source = situation.session.methods.auth_source();
    if gate::standing(situation.user, situation.branch, source).is_err() {
        return Some(Decision::Refuse);
    }
    None
}

/// The decision, with mfa's answer.
#[must_use]
pub fn decide(situation: &Situation<'_>, evaluation: &Evaluation) -> Decision {
    if let Some(decision) = at_first_sight(situation) {
        return decision;
    }
    let (session, told, floor) =
        (situation.session.basis.generation, evaluation.generation, situation.floors.generation);
    if session < floor {
        return Decision::End(EndCause::FactorChanged);
    }
    // mfa has moved on, and what that means for this session has not arrived yet; or it arrived after mfa was asked.
    if session != told {
        return Decision::AskAgain;
    }
    let demanded = evaluation.enforced || evaluation.demand != Demand::None;
    if demanded && !situation.session.methods.has_mfa() {
        return Decision::End(EndCause::MfaRequired);
    }
    let presence = Presence { user: situation.user, branch: situation.branch, floors: situation.floors };
    let session = situation.session;
    match gate::admit(&presence, &evaluation.basis(), session.user_version, session.methods.auth_source()) {
        Ok(()) => Decision::Rotate,
        Err(Barred::PolicyOutdated) => Decision::AskAgain,
        // The user's generation moved on.
        Err(Barred::Refused(Refusal::Outdated)) => Decision::End(EndCause::FactorChanged),
        Err(Barred::Refused(_)) => Decision::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use time::Duration;
    use time::macros::datetime;
    use types::{AuthSource, OrganizationId, Role, SessionId, UserId};
    use wire::{Client, PolicyVersion, UserState};

    use super::super::evaluation::Basis;
    use super::super::external::ExternalMethods;
    use super::super::session::{Lifetimes, Methods};
    use super::*;

    const NOW: Timestamp = datetime!(2026-11-24 12:00 UTC);

    fn user() -> User {
        User {
            organization_id: OrganizationId::generate(),
            id: UserId::generate(),
            login: "ada@example.com".parse().unwrap(),
            display_name: "Ada".parse().unwrap(),
            email: "".parse().unwrap(),
            role: Role::CompanyAdmin,
            auth_source: AuthSource::Local,
            state: UserState::Active,
            version: 1,
            revision: 1,
            generation_floor: 0,
            must_change_password: false,
            create_time: NOW,
            update_time: NOW,
        }
    }

    fn session(methods: Methods) -> Session {
        let lifetimes = Lifetimes::default();
        Session {
            organization_id: OrganizationId::generate(),
            id: SessionId::generate(),
            user_id: UserId::generate(),
            create_time: NOW,
            auth_time: NOW,
            methods,
            mfa_time: None,
            basis: Basis { generation: 1, policy_version: PolicyVersion::default() },
            user_version: 1,
            idle_expire_time: NOW + lifetimes.idle,
            expire_time: NOW + lifetimes.absolute,
            refresh_time: NOW,
            client: Client::default(),
            ended: None,
        }
    }

    fn evaluation(demand: Demand, enforced: bool, generation: i64) -> Evaluation {
        Evaluation {
            demand,
            enforced,
            generation,
            policy_version: PolicyVersion::default(),
            mfa_required_from: None,
        }
    }

    fn decided(session: &Session, token: TokenState, evaluation: &Evaluation, now: Timestamp) -> Decision {
        decided_above(session, token, evaluation, now, &Floors::default())
    }

    fn decided_above(
        session: &Session,
        token: TokenState,
        evaluation: &Evaluation,
        now: Timestamp,
        floors: &Floors,
    ) -> Decision {
        let user = user();
        let situation = Situation { session, token, user: &user, branch: Branch::Active, floors, now };
        decide(&situation, evaluation)
    }

    #[test]
    fn a_refresh_is_refused_when_policy_demands_what_the_session_lacks() {
        let current = TokenState::Current;
        let lacks = Decision::End(EndCause::MfaRequired);
        for (methods, demand, enforced, expected) in [
            (Methods::Password, Demand::None, false, Decision::Rotate),
            (Methods::Password, Demand::Verify, false, lacks),
            (Methods::Password, Demand::Enroll, true, lacks),
            (Methods::Password, Demand::None, true, lacks),
            (Methods::PasswordAndCode, Demand::Verify, true, Decision::Rotate),
            (Methods::PasswordAndRecoveryCode, Demand::Verify, true, Decision::Rotate),
        ] {
            let evaluation = evaluation(demand, enforced, 1);
            let decision = decided(&session(methods.clone()), current, &evaluation, NOW);
            assert_eq!(decision, expected, "{methods:?} {demand:?} {enforced}");
        }
    }

    #[test]
    fn another_generation_and_a_spent_token_end_the_session() {
        let session = session(Methods::PasswordAndCode);
        let current = evaluation(Demand::Verify, true, 1);
        let changed = evaluation(Demand::Verify, true, 2);
        // Not heard of yet: the session may be the one that is to be lifted.
        assert_eq!(decided(&session, TokenState::Current, &changed, NOW), Decision::AskAgain);
        let heard = Floors { generation: 2, ..Floors::default() };
        assert_eq!(
            decided_above(&session, TokenState::Current, &changed, NOW, &heard),
            Decision::End(EndCause::FactorChanged)
        );
        let lifted = Session { basis: Basis { generation: 2, ..session.basis.clone() }, ..session.clone() };
        assert_eq!(
            decided_above(&lifted, TokenState::Current, &current, NOW, &heard),
            Decision::AskAgain,
            "mfa was asked before"
        );
        let reused = Decision::End(EndCause::RefreshTokenReused);
        assert_eq!(decided(&session, TokenState::Spent, &current, NOW), reused);
        assert_eq!(decided(&session, TokenState::Spent, &current, NOW + Duration::hours(2)), reused);
        assert_eq!(
            decided(&session, TokenState::Current, &current, NOW + Duration::hours(2)),
            Decision::Refuse
        );
        let ended = Session { ended: Some(EndCause::Revoked), ..session };
        assert_eq!(decided(&ended, TokenState::Spent, &current, NOW), Decision::Refuse);
    }

    #[test]
    fn a_session_lives_only_with_the_user_it_was_opened_for() {
        let nothing = evaluation(Demand::None, false, 1);
        let external = Methods::External(ExternalMethods::default());
        let of_another_version = Session { user_version: 2, ..session(Methods::Password) };
        for (session, expected) in [
            (session(Methods::Password), Decision::Rotate),
            (session(external), Decision::Refuse),
            (of_another_version, Decision::End(EndCause::UserChanged)),
        ] {
            assert_eq!(decided(&session, TokenState::Current, &nothing, NOW), expected, "{session:?}");
        }
    }

    #[test]
    fn policy_below_its_floor_is_asked_again() {
        let user = user();
        let session = session(Methods::PasswordAndCode);
        let floors = Floors { generation: 0, policy: PolicyVersion(BTreeMap::from([("a".to_owned(), 1)])) };
        let situation = Situation {
            session: &session,
            token: TokenState::Current,
            user: &user,
            branch: Branch::Active,
            floors: &floors,
            now: NOW,
        };
        assert_eq!(decide(&situation, &evaluation(Demand::Verify, true, 1)), Decision::AskAgain);
    }
}
