//! A session and the refresh tokens that keep it alive.

use std::fmt;

use time::Duration;
use types::{AuthSource, OrganizationId, SessionId, UserId};
use wire::Client;

use super::Timestamp;
use super::evaluation::{Basis, VerifiedCode};
use super::external::ExternalMethods;

/// How long sessions and access tokens live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// A session that is not refreshed for this long is over.
    pub idle: Duration,
    /// A session is over after this long, whatever happens.
    pub absolute: Duration,
    /// How long an access token is valid.
    pub access_token: Duration,
    /// How long a sign-in may take.
    pub sign_in: Duration,
}

impl Default for Lifetimes {
    /// One hour idle, 24 hours absolute (NIST SP 800-63B-4 AAL2), 5 minutes for access tokens, 10 for sign-ins.
    fn default() -> Self {
        Self {
            idle: Duration::hours(1),
            absolute: Duration::hours(24),
            access_token: Duration::minutes(5),
            sign_in: Duration::minutes(10),
        }
    }
}

/// How somebody was authenticated (RFC 8176).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// By the password alone.
    Password,
    /// By password and one-time code.
    PasswordAndCode,
    /// By password and recovery code: two factors, but no one-time password in the sense of RFC 8176, whose `otp` is an
    /// authenticator's.
    PasswordAndRecoveryCode,
    /// By an external identity provider, in its own words.
    External(ExternalMethods),
}

impl Methods {
    /// The values of the claim `amr`.
    #[must_use]
    pub fn amr(&self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Password => &["pwd"],
            Self::PasswordAndCode => &["pwd", "otp", "mfa"],
            Self::PasswordAndRecoveryCode => &["pwd", "mfa"],
            Self::External(methods) => return methods.values().to_vec(),
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Whether a second factor was among them.
    #[must_use]
    pub fn has_mfa(&self) -> bool {
        match self {
            Self::Password => false,
            Self::PasswordAndCode | Self::PasswordAndRecoveryCode => true,
            Self::External(methods) => methods.has_mfa(),
        }
    }

    /// Who authenticated: a session lives only while its user is of this source.
    #[must_use]
    pub const fn auth_source(&self) -> AuthSource {
        match self {
            Self::Password | Self::PasswordAndCode | Self::PasswordAndRecoveryCode => AuthSource::Local,
            Self::External(_) => AuthSource::External,
        }
    }

    /// Reads source and values back.
    #[must_use]
    pub fn read(source: AuthSource, amr: &[String]) -> Option<Self> {
        match source {
            AuthSource::Local => {
                let local = [Self::Password, Self::PasswordAndCode, Self::PasswordAndRecoveryCode];
                local.into_iter().find(|methods| methods.amr() == amr)
            }
            AuthSource::External => ExternalMethods::parse(amr).ok().map(Self::External),
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// The user or an administrator revoked it.
    Revoked,
    /// A spent refresh token was used again.
    RefreshTokenReused,
    /// The user's second factor was reset, disabled or replaced.
    FactorChanged,
    /// Policy demands MFA, and the session lacks it.
    MfaRequired,
    /// The user was disabled or deleted, or changed role, password or authentication source.
    UserChanged,
    /// The organisation, or one above it, was suspended, moved or deleted.
    OrganizationChanged,
}

impl EndCause {
    /// Every cause.
    pub const ALL: [Self; 6] = [
        Self::Revoked,
        Self::RefreshTokenReused,
        Self::FactorChanged,
        Self::MfaRequired,
        Self::UserChanged,
        Self::OrganizationChanged,
    ];

    /// The form in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::FactorChanged => "factor_changed",
            Self::MfaRequired => "mfa_required",
            Self::UserChanged => "user_changed",
            Self::OrganizationChanged => "organization_changed",
        }
    }
}

impl fmt::Display for EndCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The user's organisation.
    pub organization_id: OrganizationId,
    /// The session.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When it was opened.
    pub create_time: Timestamp,
    /// When the user was authenticated (claim `auth_time`); never renewed.
    pub auth_time: Timestamp,
    /// How.
    pub methods: Methods,
    /// When the second factor was last proved.
    pub mfa_time: Option<Timestamp>,
    /// What it was last decided on.
    pub basis: Basis,
    /// The user's version when it was opened.
    pub user_version: i64,
    /// When it is over unless it is refreshed before.
    pub idle_expire_time: Timestamp,
    /// When it is over, whatever happens.
    pub expire_time: Timestamp,
    /// When it was last refreshed; when it was opened, before that.
    pub refresh_time: Timestamp,
    /// Where it was opened from, as the peer said.
    pub client: Client,
    /// Set when it was ended.
    pub ended: Option<EndCause>,
}

impl Session {
    /// Whether the session lives at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && now < self.idle_expire_time && now < self.expire_time
    }

    /// When an access token made at `now` expires: never after the session.
    #[must_use]
    pub fn access_token_expiry(&self, now: Timestamp, lifetimes: &Lifetimes) -> Timestamp {
        (now + lifetimes.access_token).min(self.expire_time)
    }

    /// The session kept alive by a refresh at `now`, decided on `basis`. Times of authentication stay as they are.
    #[must_use]
    pub fn refreshed(self, basis: Basis, now: Timestamp, lifetimes: &Lifetimes) -> Self {
        let idle_expire_time = (now + lifetimes.idle).min(self.expire_time);
        Self { basis, idle_expire_time, refresh_time: now, ..self }
    }

    /// The session with its second factor proved again, or for the first time.
    #[must_use]
    pub fn stepped_up(self, basis: Basis, code: VerifiedCode) -> Self {
        Self { basis, methods: Methods::PasswordAndCode, mfa_time: Some(code.verify_time), ..self }
    }

    /// The session in which a factor was enrolled: its code was the second factor of a session that had none. One that had
    /// another keeps it and the time of its proof.
    #[must_use]
    pub fn enrolled(self, verify_time: Timestamp) -> Self {
        match self.methods {
            Methods::Password => {
                Self { methods: Methods::PasswordAndCode, mfa_time: Some(verify_time), ..self }
            }
            Methods::PasswordAndCode | Methods::PasswordAndRecoveryCode | Methods::External(_) => self,
        }
    }
}

/// Whether a refresh token may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// The one valid token of its session.
    Current,
    /// Used before: to see it again means that somebody has a copy.
    Spent,
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use wire::PolicyVersion;

    use super::*;

    fn session() -> Session {
        let now = datetime!(2026-11-24 12:00 UTC);
        let lifetimes = Lifetimes::default();
        Session {
            organization_id: OrganizationId::generate(),
            id: SessionId::generate(),
            user_id: UserId::generate(),
            create_time: now,
            auth_time: now,
            methods: Methods::Password,
            mfa_time: None,
            basis: Basis { generation: 0, policy_version: PolicyVersion::default() },
            user_version: 1,
            idle_expire_time: now + lifetimes.idle,
            expire_time: now + lifetimes.absolute,
            refresh_time: now,
            client: Client::default(),
            ended: None,
        }
    }

    #[test]
    fn a_session_ends_when_idle_when_old_and_when_told() {
        let session = session();
        let start = session.create_time;
        assert!(session.is_live(start + Duration::minutes(59)));
        assert!(!session.is_live(start + Duration::minutes(60)));
        let kept = Session { idle_expire_time: start + Duration::days(2), ..session.clone() };
        assert!(!kept.is_live(start + Duration::hours(24)));
        assert!(!Session { ended: Some(EndCause::Revoked), ..session }.is_live(start));
    }

    #[test]
    fn refreshing_never_outlives_the_session_nor_renews_authentication() {
        let lifetimes = Lifetimes::default();
        let session = session();
        let late = session.create_time + Duration::hours(24) - Duration::minutes(2);
        let refreshed = session.clone().refreshed(session.basis.clone(), late, &lifetimes);
        assert_eq!(refreshed.idle_expire_time, session.expire_time);
        assert_eq!(refreshed.access_token_expiry(late, &lifetimes), session.expire_time);
        assert_eq!((refreshed.auth_time, refreshed.mfa_time), (session.auth_time, None));
        assert_eq!(refreshed.refresh_time, late);
    }

    #[test]
    fn an_enrolment_is_the_second_factor_of_a_session_that_had_none() {
        let session = session();
        let at = session.create_time + Duration::minutes(3);
        let enrolled = session.clone().enrolled(at);
        assert_eq!((enrolled.methods, enrolled.mfa_time), (Methods::PasswordAndCode, Some(at)));
        let external = ExternalMethods::parse(&["pwd".to_owned()]).unwrap();
        for methods in
            [Methods::PasswordAndCode, Methods::PasswordAndRecoveryCode, Methods::External(external)]
        {
            let before = Session { methods, ..session.clone() };
            assert_eq!(before.clone().enrolled(at), before);
        }
    }

    #[test]
    fn methods_and_causes_read_back() {
        // What a provider says in our own words is still what a provider says.
        let external = ExternalMethods::parse(&Methods::PasswordAndCode.amr()).unwrap();
        for methods in [
            Methods::Password,
            Methods::PasswordAndCode,
            Methods::PasswordAndRecoveryCode,
            Methods::External(external),
        ] {
            assert_eq!(Methods::read(methods.auth_source(), &methods.amr()), Some(methods));
        }
        assert_eq!(Methods::read(AuthSource::Local, &["otp".to_owned()]), None);
    }
}
