//! The plain count: every user, every level, looked up one by one in the tables of the services that own them.

use std::collections::BTreeMap;

use clock::Timestamp;
use proto::mfa::Adoption;
use testkit::TestSystem;
use time::Duration;
use tokio_postgres::Client;

/// Who is asked for a factor for longer than this, and has none, is overdue.
const OVERDUE_AFTER: Duration = Duration::days(30);

/// A user who is not deleted, of an organisation that is not.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    /// The ids from the provider down to their organisation.
    pub(crate) path: Vec<String>,
    login: String,
    is_external: bool,
    /// Local and active.
    is_local: bool,
    has_factor: bool,
    locked_until: Option<Timestamp>,
    is_exhausted: bool,
}

/// An organisation that is not deleted.
type Paths = BTreeMap<String, Vec<String>>;

/// The three databases as their owners see them, and what was read last.
pub(crate) struct Plain {
    tenant: Client,
    identity: Client,
    mfa: Client,
    paths: Paths,
    users: Vec<User>,
    /// From when MFA is demanded, by the level that demands it.
    demands: BTreeMap<String, Timestamp>,
    /// Since when a user has been local, active and without a factor: no table but the figures' own says so, so that it is noted
    /// at every look.
    waiting: BTreeMap<String, Timestamp>,
}

impl Plain {
    pub(crate) async fn new(system: &TestSystem) -> Self {
        Self {
            tenant: system.tenant_database.owner().await,
            identity: system.identity_database.owner().await,
            mfa: system.mfa_database.owner().await,
            paths: Paths::new(),
            users: Vec::new(),
            demands: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Reads everything.
    pub(crate) async fn look(&mut self, now: Timestamp) {
        let sql = "SELECT organization_id::text, path::text[] FROM organization WHERE state <> 'deleted'";
        let rows = self.tenant.query(sql, &[]).await.unwrap();
        self.paths = rows.iter().map(|row| (row.get(0), row.get(1))).collect();

        let sql = "SELECT target, coalesce(enforce_from, set_time) FROM enforcement WHERE enforced";
        let rows = self.mfa.query(sql, &[]).await.unwrap();
        self.demands = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let sql = "SELECT user_id::text FROM factor";
        let rows = self.mfa.query(sql, &[]).await.unwrap();
        let factors: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let sql = "SELECT user_id::text, locked_until, exhausted_time IS NOT NULL FROM user_mfa";
        let rows = self.mfa.query(sql, &[]).await.unwrap();
        let locks: BTreeMap<String, (Option<Timestamp>, bool)> =
            rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();

        let sql = "SELECT user_id::text, organization_id::text, login, auth_source, state FROM user_account
                   WHERE state <> 'deleted'";
        let rows = self.identity.query(sql, &[]).await.unwrap();
        self.users.clear();
        for row in rows {
            let (id, organization): (String, String) = (row.get(0), row.get(1));
            let Some(path) = self.paths.get(&organization) else { continue };
            let (source, state): (&str, &str) = (row.get(3), row.get(4));
            let (locked_until, is_exhausted) = locks.get(&id).copied().unwrap_or_default();
            self.users.push(User {
                path: path.clone(),
                login: row.get(2),
                is_external: source == "external",
                is_local: source == "local" && state == "active",
                has_factor: factors.contains(&id),
                locked_until,
                is_exhausted,
                id,
            });
        }
        let before = std::mem::take(&mut self.waiting);
        for user in self.users.iter().filter(|user| user.is_local && !user.has_factor) {
            let since = before.get(&user.id).copied().unwrap_or(now);
            self.waiting.insert(user.id.clone(), since);
        }
    }

    /// Everything that is not deleted.
    pub(crate) fn organizations(&self) -> Vec<String> {
        self.paths.keys().cloned().collect()
    }

    /// The figures of an organisation and everything below it; of everything where none is named.
    pub(crate) fn figures(&self, organization: &[String], now: Timestamp) -> Adoption {
        let mut figures = Adoption::default();
        for user in &self.users {
            if !organization.iter().all(|id| user.path.contains(id)) {
                continue;
            }
            figures.exempt += i64::from(user.is_external);
            if !user.is_local {
                continue;
            }
            let since = self.demanded_since(user, now);
            let is_pending = since.is_some() && !user.has_factor;
            let is_long = |since: Timestamp| since < now - OVERDUE_AFTER;
            let waits_long = self.waiting.get(&user.id).is_some_and(|since| is_long(*since));
            figures.local += 1;
            figures.enforced += i64::from(since.is_some());
            figures.enrolled += i64::from(user.has_factor);
            figures.pending += i64::from(is_pending);
            figures.overdue += i64::from(is_pending && since.is_some_and(is_long) && waits_long);
            let is_locked = user.is_exhausted || user.locked_until.is_some_and(|until| until > now);
            figures.locked += i64::from(is_locked);
        }
        figures
    }

    /// Who would have to enrol, by login, of those who are meant; and how many of them would not notice.
    pub(crate) fn preview(&self, is_meant: impl Fn(&User) -> bool, now: Timestamp) -> (Vec<String>, i64) {
        let (mut logins, mut unaffected) = (Vec::new(), 0);
        for user in self.users.iter().filter(|user| (user.is_local || user.is_external) && is_meant(user)) {
            if user.is_local && !user.has_factor && self.demanded_since(user, now).is_none() {
                logins.push(user.login.clone());
            } else {
                unaffected += 1;
            }
        }
        logins.sort();
        (logins, unaffected)
    }

    /// Since when any level above a user, or their own, has demanded MFA; none while none does yet.
    fn demanded_since(&self, user: &User, now: Timestamp) -> Option<Timestamp> {
        let switch = if user.path.len() == 1 { "internal_users" } else { "clients_and_resellers" };
        let below_provider = user.path.iter().skip(1).map(String::as_str);
        let levels = below_provider.chain([switch, user.id.as_str()]);
        levels.filter_map(|level| self.demands.get(level)).filter(|since| **since <= now).min().copied()
    }
}
