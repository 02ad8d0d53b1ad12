//! Companies and users by the thousand: rows copied from those of one company that was made over the API, in all three
//! databases.

use proto::common::Role;
use testkit::{TestDatabase, TestSystem, Tree};

/// How many users each company has.
pub(crate) const USERS: u32 = 10;
/// Those of them who have a factor: every second, but for the last.
const WITH_FACTOR: u32 = 4;

/// In tenant's database.
const TENANT: &str = "
    INSERT INTO organization
    SELECT (jsonb_populate_record(o, jsonb_build_object('organization_id', id, 'name', 'Company ' || number,
        'name_key', 'company ' || number, 'path', to_jsonb(o.path[1:2] || id)))).*
    FROM organization o, company_to_be WHERE o.organization_id = '{company}';
    INSERT INTO realm (realm, organization_id) SELECT realm, id FROM company_to_be;";
/// In identity's: everybody has the password of the user they are copied from.
const IDENTITY: &str = "
    INSERT INTO organization
    SELECT (jsonb_populate_record(o, jsonb_build_object('organization_id', id, 'name', 'Company ' || number,
        'path', to_jsonb(o.path[1:2] || id), 'realms', jsonb_build_array(realm)))).*
    FROM organization o, company_to_be WHERE o.organization_id = '{company}';
    INSERT INTO user_account
    SELECT (jsonb_populate_record(u, jsonb_build_object('organization_id', c.id, 'user_id', p.user_id,
        'login', p.login))).*
    FROM user_account u, user_to_be p JOIN company_to_be c USING (number) WHERE u.user_id = '{user}';";
/// In mfa's, with a mark for each to be counted.
const MFA: &str = "
    INSERT INTO organization
    SELECT (jsonb_populate_record(o, jsonb_build_object('organization_id', id, 'name', 'Company ' || number,
        'path', to_jsonb(o.path[1:2] || id)))).*
    FROM organization o, company_to_be WHERE o.organization_id = '{company}';
    INSERT INTO known_user
    SELECT (jsonb_populate_record(u, jsonb_build_object('organization_id', c.id, 'user_id', p.user_id,
        'login', p.login))).*
    FROM known_user u, user_to_be p JOIN company_to_be c USING (number) WHERE u.user_id = '{user}';
    INSERT INTO factor (organization_id, user_id, factor_id, sealed_secret, last_step, enroll_time)
    SELECT c.id, p.user_id, gen_random_uuid(), f.sealed_secret, f.last_step, f.enroll_time
    FROM (SELECT sealed_secret, last_step, enroll_time FROM factor LIMIT 1) f,
        user_to_be p JOIN company_to_be c USING (number)
    WHERE p.place % 2 = 0 AND p.place < {users};
    INSERT INTO adoption_mark (organization_id, mark_time) SELECT id, '{now}' FROM company_to_be;
    INSERT INTO adoption_mark (organization_id, user_id, mark_time)
    SELECT c.id, p.user_id, '{now}' FROM user_to_be p JOIN company_to_be c USING (number);";
/// The same ids everywhere.
const TO_BE: &str = "
    CREATE TEMPORARY TABLE company_to_be AS
    SELECT number, md5('company ' || number)::uuid AS id, 'c' || number || '.example' AS realm
    FROM generate_series(1, {companies}) AS number;
    CREATE TEMPORARY TABLE user_to_be AS
    SELECT number, place, md5('user ' || number || ' ' || place)::uuid AS user_id, 'user' || place || '@' || realm AS login
    FROM company_to_be CROSS JOIN generate_series(1, {users}) AS place;
    ANALYZE company_to_be; ANALYZE user_to_be;";

/// The companies of one reseller.
pub(crate) struct Crowd {
    companies: u32,
}

impl Crowd {
    /// Writes the rows and waits until mfa has counted them.
    pub(crate) async fn gather(system: &TestSystem, tree: &Tree, companies: u32) -> Self {
        let login = "model@acme.example";
        let (by, role) = (&tree.reseller_session, Role::CompanyUser);
        let user = system.console.create_user(by, &tree.company.id, login, role, false).await.unwrap();
        let is_known = || async {
            let known = "SELECT count(*) FROM known_user WHERE user_id::text = $1";
            let row = system.mfa_database.owner().await.query_one(known, &[&user.id]).await.unwrap();
            row.get::<_, i64>(0) == 1
        };
        system.eventually("mfa knows of the user", is_known).await;
        for (database, rows) in [
            (&system.tenant_database, TENANT),
            (&system.identity_database, IDENTITY),
            (&system.mfa_database, MFA),
        ] {
            let sql = format!("{TO_BE}{rows} ANALYZE;")
                .replace("{company}", &tree.company.id)
                .replace("{user}", &user.id)
                .replace("{companies}", &companies.to_string())
                .replace("{users}", &USERS.to_string())
                .replace("{now}", &system.now().to_string());
            database.owner().await.batch_execute(&sql).await.unwrap();
        }
        wait_until_counted(&system.mfa_database).await;
        Self { companies }
    }

    /// The login of a company's user; the first has no factor.
    pub(crate) fn login(&self, company: u32, place: u32) -> String {
        format!("user{place}@c{company}.example")
    }

    /// Somebody without a factor, in a company far from the one of the time before.
    pub(crate) fn login_somewhere(&self, time: usize) -> String {
        let time = u32::try_from(time).unwrap();
        self.login(1 + time * 7_919 % self.companies, 1)
    }

    /// All below the reseller, and those of them who have a factor: with the reseller's own administrator, and the two users of
    /// the company that the others are copied from.
    pub(crate) fn users_below_the_reseller(&self) -> (i64, i64) {
        (i64::from(self.companies * USERS + 3), i64::from(self.companies * WITH_FACTOR + 1))
    }
}

/// mfa counts what is marked, portion by portion.
async fn wait_until_counted(mfa: &TestDatabase) {
    let mfa = mfa.owner().await;
    while mfa.query_one("SELECT count(*) FROM adoption_mark", &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    mfa.batch_execute("VACUUM ANALYZE").await.unwrap();
}
