//! An external user's sign-in: an identity provider has authenticated them, and a broker says so.
//!
//! It opens a session through the same gate as every other sign-in, for external users only.

use fault::{Fault, Outcome, Reason};
use types::{AuthSource, OrganizationPath, Realm, SignInId};

use super::open_session::{Opening, Source};
use super::start_sign_in::{EVALUATIONS, never_a_verdict};
use super::{Identity, OpenedSession, Origin};
use crate::domain::Timestamp;
use crate::domain::evaluation::Passage;
use crate::domain::external::{Assertion, ExternalMethods, ExternalSubject};
use crate::domain::gate;
use crate::domain::sign_in::{Refusal, Step};
use crate::domain::user::User;
use crate::store::answers::read_sign_in;
use crate::store::users;

/// The command.
#[derive(Debug)]
pub struct AssertExternalSignIn {
    /// Whose identity provider it is.
    pub realm: Realm,
    /// Who the user is there.
    pub subject: ExternalSubject,
    /// How the provider authenticated them.
    pub methods: ExternalMethods,
    /// When; none: now.
    pub auth_time: Option<Timestamp>,
    /// Where it comes from; the peer must be a broker.
    pub origin: Origin,
}

impl Identity {
    /// Opens a session for an external user on the word of a broker.
    ///
    /// # Errors
    /// PEER_NOT_ALLOWED; INVALID_ARGUMENT; SIGN_IN_REFUSED, whatever was wrong (recorded); DEPENDENCY_UNAVAILABLE, never a
    /// session.
    pub async fn assert_external_sign_in(&self, command: AssertExternalSignIn) -> Outcome<OpenedSession> {
        let AssertExternalSignIn { realm, subject, methods, auth_time, origin } = command;
        self.must_be_broker(&origin.call.peer)?;
        let assertion = Assertion::new(methods, auth_time, self.clock.now())
            .map_err(|invalid| Fault::field("auth_time", invalid.to_string()))?;
        let (user, path) = self.find_external(&realm, &subject, &origin).await?;
        for _ in 0..EVALUATIONS {
            match self.enter_external(&user, &path, &assertion, &origin).await {
                Err(fault) if fault.reason() == Reason::GenerationOutdated => {}
                other => return other,
            }
        }
        Err(Fault::new(Reason::DependencyUnavailable)
            .with_cause("policy changes faster than it can be followed"))
    }

    /// Asked before anything of the request is looked at, too: what is wrong with it is not for every peer to learn.
    ///
    /// # Errors
    /// PEER_NOT_ALLOWED.
    pub fn must_be_broker(&self, peer: &str) -> Outcome<()> {
        if self.brokers.contains(peer) {
            return Ok(());
        }
        tracing::warn!(peer, "a peer that is no identity broker asserted a sign-in");
        Err(Reason::PeerNotAllowed.into())
    }

    async fn find_external(
        &self,
        realm: &Realm,
        subject: &ExternalSubject,
        origin: &Origin,
    ) -> Outcome<(User, OrganizationPath)> {
        let found = users::find_by_subject(&self.store, realm, subject).await?;
        let Some(user) = found.user.map(|record| record.user) else {
            let refusal = Refusal::LoginUnknown;
            return Err(self.refuse_at_once(origin, found.place, None, Step::External, refusal).await);
        };
        let organization = self.complete_organization(found.organization, user.organization_id).await?;
        match gate::standing(&user, organization.branch, AuthSource::External) {
            Ok(()) => Ok((user, organization.path)),
            Err(refusal) => {
                let place = Some(organization.path);
                Err(self.refuse_at_once(origin, place, Some(user.id), Step::External, refusal).await)
            }
        }
    }

    async fn enter_external(
        &self,
        user: &User,
        path: &OrganizationPath,
        assertion: &Assertion,
        origin: &Origin,
    ) -> Outcome<OpenedSession> {
        let evaluation = self.mfa.evaluate_sign_in(&user.facts(path)).await.map_err(never_a_verdict)?;
        // mfa exempts external users; were it to demand a factor nevertheless, nobody gets in.
        let passage = Passage::by_assertion(&evaluation, assertion).ok_or_else(|| {
            Fault::new(Reason::DependencyUnavailable).with_cause("mfa demands a factor of an external user")
        })?;
        let opening = Opening {
            origin: origin.clone(),
            path: path.clone(),
            user_id: user.id,
            source: Source::Assertion { sign_in_id: SignInId::generate(), user_version: user.version },
            passage,
            recovery_codes_left: 0,
            key: None,
        };
        let answer = self.open_session(opening).await?.answer;
        read_sign_in(&answer)?.session().ok_or_else(|| Reason::SignInRefused.into())
    }
}
