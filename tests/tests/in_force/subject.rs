//! Whom an act concerns: a company of its own below a reseller of its own, with two users who have signed in.

use proto::common::Role;
use proto::identity::{NextStep, Session};
use proto::mfa::{AcknowledgeEnrollmentRequest, BeginEnrollmentRequest, ConfirmEnrollmentRequest};
use proto::tenant::Organization;
use testkit::{Authenticator, Console, TestSystem, as_user};
use time::{Duration, OffsetDateTime};

/// One time step of a code.
pub(crate) const STEP: Duration = Duration::seconds(30);

/// A user, and what they have open: one holding to look at while the act is committed and not yet in force, one for when
/// it is in force.
pub(crate) struct Victim {
    pub(crate) id: String,
    pub(crate) organization_id: String,
    pub(crate) login: String,
    holdings: Vec<Holding>,
    authenticator: Option<Authenticator>,
}

/// What a user has open. Who has to enrol has no session.
pub(crate) struct Holding {
    pub(crate) session: Option<Session>,
    pub(crate) open: Option<(String, NextStep)>,
}

/// The organisations, and the users of the company.
pub(crate) struct Subject {
    pub(crate) provider_id: String,
    pub(crate) reseller: Organization,
    pub(crate) company: Organization,
    /// Never had a factor.
    pub(crate) bare: Victim,
    /// Has enrolled without being made to.
    pub(crate) enrolled: Victim,
    /// A further session of the user without a factor, to act in.
    pub(crate) own: Session,
}

impl Subject {
    /// Founds a reseller with a company, and lets two users enter it.
    pub(crate) async fn found(system: &TestSystem, provider: (&str, &Session), name: &str) -> Self {
        let (console, (provider_id, by)) = (&system.console, provider);
        let reseller = console.create_reseller(by, &format!("reseller-{name}"), false).await.unwrap();
        let company = format!("company-{name}");
        let company = console.create_company(by, &reseller.id, &company, false).await.unwrap();
        let (mut bare, own) = Victim::enter(console, by, &company, "bare").await;
        bare.authenticator = None;
        let (mut enrolled, session) = Victim::enter(console, by, &company, "enrolled").await;
        enrolled.authenticator = Some(enrol(console, &session, system.now()).await);
        Self { provider_id: provider_id.to_owned(), reseller, company, bare, enrolled, own }
    }

    /// Everything whose copies and events are counted.
    pub(crate) fn ids(&self) -> Vec<String> {
        let organizations = [&self.reseller.id, &self.company.id];
        organizations.into_iter().chain([&self.bare.id, &self.enrolled.id]).cloned().collect()
    }
}

impl Victim {
    async fn enter(console: &Console, by: &Session, company: &Organization, name: &str) -> (Self, Session) {
        let login = format!("{name}@{}", company.realms.first().expect("a realm"));
        let role = Role::CompanyUser;
        let user = console.create_user(by, &company.id, &login, role, false).await.unwrap();
        let session = console.start(&login).await.unwrap().session.expect("nothing is enforced");
        let organization_id = company.id.clone();
        let (holdings, authenticator) = (Vec::new(), None);
        (Self { id: user.id, organization_id, login, holdings, authenticator }, session)
    }

    /// Signs in as far as a password and a code lead, and once more without the code.
    pub(crate) async fn sign_in(&mut self, console: &Console, now: OffsetDateTime) {
        let started = console.start(&self.login).await.unwrap();
        let step = started.next_step();
        let holding = match step {
            NextStep::VerifyMfa => {
                let code = self.authenticator.as_ref().expect("a factor").code(now);
                let session = console.verify(&started.sign_in_token, &code).await.unwrap();
                let open = console.start(&self.login).await.unwrap();
                Holding { session: Some(session), open: Some((open.sign_in_token, step)) }
            }
            NextStep::EnrollMfa => Holding { session: None, open: Some((started.sign_in_token, step)) },
            _ => Holding { session: started.session, open: None },
        };
        self.holdings.push(holding);
    }

    /// What they have had open since they signed in for the first or second time.
    pub(crate) fn holding(&self, index: usize) -> &Holding {
        self.holdings.get(index).expect("they have signed in twice")
    }

    /// A right code that was never shown: of the next time step.
    pub(crate) fn unused_code(&self, now: OffsetDateTime) -> String {
        self.authenticator.as_ref().expect("a factor").code(now + STEP)
    }
}

/// Enrols of their own accord, with the code of the time step before.
async fn enrol(console: &Console, session: &Session, now: OffsetDateTime) -> Authenticator {
    let mut factors = console.factors.clone();
    let begin = as_user(session, BeginEnrollmentRequest::default());
    let begun = factors.begin_enrollment(begin).await.unwrap().into_inner();
    let authenticator = Authenticator::new(&begun.secret_base32);
    let confirm = ConfirmEnrollmentRequest {
        code: authenticator.code(now - STEP),
        ..ConfirmEnrollmentRequest::default()
    };
    factors.confirm_enrollment(as_user(session, confirm)).await.unwrap();
    let acknowledge = as_user(session, AcknowledgeEnrollmentRequest::default());
    factors.acknowledge_enrollment(acknowledge).await.unwrap();
    authenticator
}
