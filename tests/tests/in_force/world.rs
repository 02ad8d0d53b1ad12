//! The system that acts are done in, and what its databases say of them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use proto::common::Role;
use proto::identity::Session;
use testkit::{TestSystem, Tree};
use types::{RequestId, ServiceName};

use crate::act::{Act, By, Deed};
use crate::subject::{STEP, Subject};

/// How long a call may take that is expected to be answered.
const PATIENT: Duration = Duration::from_secs(15);

/// The three services, one replica of each, and the provider's administrator who acts.
pub(crate) struct World {
    pub(crate) system: TestSystem,
    provider_id: String,
    provider: Session,
    strict_id: String,
    founded: usize,
}

/// An act, ready to be done.
pub(crate) struct Case {
    pub(crate) act: Act,
    pub(crate) by: By,
    /// How many events of its type there were before.
    events_before: i64,
}

impl World {
    pub(crate) async fn new() -> Self {
        let system = TestSystem::start().await;
        let tree = Tree::plant(&system).await;
        let (provider_id, provider) = (tree.provider_id, tree.provider_session);
        let strict = system.console.create_reseller(&provider, "strict", true).await.unwrap();
        Self { system, provider_id, provider, strict_id: strict.id, founded: 0 }
    }

    /// Somebody who acts on a subject, under a request id of their own.
    fn by(&self, subject: &Arc<Subject>) -> By {
        By {
            console: self.system.console.clone(),
            session: self.provider.clone(),
            subject: Arc::clone(subject),
            request_id: RequestId::generate().to_string(),
            strict_id: self.strict_id.clone(),
            timeout: PATIENT,
        }
    }

    async fn done(&self, deeds: &[Deed], subject: &Arc<Subject>) {
        for deed in deeds {
            deed(self.by(subject)).await.unwrap();
        }
    }

    /// A subject for each act, whose users have signed in twice.
    pub(crate) async fn prepare(&mut self, owner: ServiceName, acts: &[Act]) -> Vec<Case> {
        let (system, provider) = (&self.system, (self.provider_id.as_str(), &self.provider));
        let founding = acts.iter().zip(self.founded..).map(|(_, number)| async move {
            Arc::new(Subject::found(system, provider, &number.to_string()).await)
        });
        let mut subjects = join_all(founding).await;
        self.founded += acts.len();
        let given = subjects.iter().zip(acts).map(|(subject, act)| self.done(act.given, subject));
        join_all(given).await;
        for _ in 0..2 {
            let signing_in = subjects.iter_mut().map(|subject| async {
                let subject = Arc::get_mut(subject).expect("nobody else has it yet");
                subject.bare.sign_in(&self.system.console, self.system.now()).await;
                subject.enrolled.sign_in(&self.system.console, self.system.now()).await;
            });
            join_all(signing_in).await;
            self.system.clock.advance(STEP);
        }
        let then = subjects.iter().zip(acts).map(|(subject, act)| self.done(act.then, subject));
        join_all(then).await;
        self.settled(owner, &[ServiceName::Identity, ServiceName::Mfa]).await;
        let mut cases = Vec::new();
        for (subject, act) in subjects.iter().zip(acts) {
            let (act, by, events_before) = (*act, self.by(subject), 0);
            let mut case = Case { act, by, events_before };
            case.events_before = self.events(owner, &case).await;
            cases.push(case);
        }
        cases
    }

    /// An administrator of the subject's reseller, with a second factor.
    pub(crate) async fn reseller_admin(&self, subject: &Subject) -> Session {
        let (console, reseller) = (&self.system.console, &subject.reseller);
        let login = format!("admin@{}", reseller.realms.first().expect("a realm"));
        let role = Role::ResellerAdmin;
        console.create_user(&self.provider, &reseller.id, &login, role, true).await.unwrap();
        let started = console.start(&login).await.unwrap();
        console.enrol(&started.sign_in_token, "", self.system.now()).await.unwrap().1
    }

    /// Waits until followers have applied all that an owner has changed so far.
    pub(crate) async fn settled(&self, owner: ServiceName, followers: &[ServiceName]) {
        const LAST: &str = r"SELECT max(position), count(*) - count(position)
            FROM event LEFT JOIN event_position USING (event_id)
            WHERE event.type ~ '^(tenant\.organization|identity\.user|mfa\.enforcement|mfa\.factor)\.'";
        const APPLIED: &str = "SELECT position FROM log_cursor WHERE log = $1";
        let log = self.system.database_of(owner).owner().await;
        for follower in followers.iter().filter(|follower| **follower != owner) {
            let database = self.system.database_of(*follower).owner().await;
            let applied = || async {
                let row = log.query_one(LAST, &[]).await.unwrap();
                let (last, without_position): (Option<i64>, i64) = (row.get(0), row.get(1));
                let applied: i64 = database.query_one(APPLIED, &[&owner.as_str()]).await.unwrap().get(0);
                without_position == 0 && last.is_none_or(|last| applied >= last)
            };
            self.system.eventually("what was changed is applied", applied).await;
        }
    }

    /// How many events of its type an act has left.
    pub(crate) async fn events(&self, owner: ServiceName, case: &Case) -> i64 {
        const SQL: &str = "SELECT count(*) FROM event WHERE type = $1 AND organization_id::text = ANY ($2)";
        let database = self.system.database_of(owner).owner().await;
        let mut organizations = case.by.subject.ids();
        organizations.push(case.by.subject.provider_id.clone());
        let row = database.query_one(SQL, &[&case.act.event, &organizations]).await.unwrap();
        row.get::<_, i64>(0) - case.events_before
    }

    /// What a service's copy says of an act's subject: versions of organisations or users, or floors.
    pub(crate) async fn copy(&self, of: ServiceName, owner: ServiceName, case: &Case) -> String {
        let sql = match owner {
            ServiceName::Tenant => {
                "SELECT string_agg(concat_ws(' ', organization_id, state, version), ', ' ORDER BY organization_id)
                FROM organization WHERE organization_id::text = ANY ($1)"
            }
            ServiceName::Identity => {
                "SELECT string_agg(concat_ws(' ', user_id, state, version), ', ' ORDER BY user_id)
                FROM known_user WHERE user_id::text = ANY ($1)"
            }
            ServiceName::Mfa => {
                "SELECT string_agg(concat_ws(' ', target, version), ', ' ORDER BY target) FROM (
                    SELECT target, version FROM policy_floor WHERE target = ANY ($1)
                    UNION ALL SELECT user_id::text || ' generation', generation_floor FROM user_account
                    WHERE user_id::text = ANY ($1)) AS floor (target, version)"
            }
        };
        let mut ids = case.by.subject.ids();
        ids.push("clients_and_resellers".to_owned());
        let row = self.system.database_of(of).owner().await.query_one(sql, &[&ids]).await.unwrap();
        row.get(0)
    }
}
