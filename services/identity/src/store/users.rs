//! Users.

use store::{Store, StoreError, Unit};
use tokio_postgres::Row;
use types::{EventId, Login, OrganizationId, OrganizationPath, Realm, Role, UserId};

use super::read::{self, organization_columns, word};
use crate::domain::Timestamp;
use crate::domain::external::ExternalSubject;
use crate::domain::organization::Organization;
use crate::domain::password::StoredHash;
use crate::domain::user::{User, UserRecord};

/// The columns of a user, of the table aliased `u`, as [`user`] reads them.
macro_rules! user_columns {
    () => {
        "u.organization_id AS u_organization_id, u.user_id AS u_user_id, u.login AS u_login, \
         u.display_name AS u_display_name, u.email AS u_email, u.role AS u_role, \
         u.auth_source AS u_auth_source, u.state AS u_state, u.password_hash AS u_password_hash, \
         u.external_subject AS u_external_subject, u.authority_event_id AS u_authority_event_id, \
         u.version AS u_version, u.revision AS u_revision, u.generation_floor AS u_generation_floor, \
         u.must_change_password AS u_must_change_password, \
         u.create_time AS u_create_time, u.update_time AS u_update_time"
    };
}
pub(super) use user_columns;

/// Reads `user_columns!`.
pub(super) fn user(row: &Row) -> Result<UserRecord, StoreError> {
    let user = User {
        organization_id: OrganizationId::from_uuid(row.try_get("u_organization_id")?),
        id: UserId::from_uuid(row.try_get("u_user_id")?),
        login: word("user_account.login", row.try_get("u_login")?)?,
        display_name: word("user_account.display_name", row.try_get("u_display_name")?)?,
        email: word("user_account.email", row.try_get("u_email")?)?,
        role: word("user_account.role", row.try_get("u_role")?)?,
        auth_source: word("user_account.auth_source", row.try_get("u_auth_source")?)?,
        state: read::read_user_state(row.try_get("u_state")?)?,
        version: row.try_get("u_version")?,
        revision: row.try_get("u_revision")?,
        generation_floor: row.try_get("u_generation_floor")?,
        must_change_password: row.try_get("u_must_change_password")?,
        create_time: row.try_get("u_create_time")?,
        update_time: row.try_get("u_update_time")?,
    };
    let password_hash: Option<String> = row.try_get("u_password_hash")?;
    let subject: Option<&str> = row.try_get("u_external_subject")?;
    let authority_event: Option<uuid::Uuid> = row.try_get("u_authority_event_id")?;
    Ok(UserRecord {
        user,
        password_hash: password_hash.map(StoredHash::new),
        external_subject: subject.map(|text| word("user_account.external_subject", text)).transpose()?,
        authority_event: authority_event.map(EventId::from_uuid),
    })
}

/// What a login or an external subject leads to.
#[derive(Debug)]
pub struct Found {
    /// The user.
    pub user: Option<UserRecord>,
    /// The user's organisation, where the copy holds it.
    pub organization: Option<Organization>,
    /// Where a refusal belongs: to the user's organisation, that of the login's realm, or the provider.
    pub place: Option<OrganizationPath>,
    /// How many of the user's sign-ins wait for something.
    pub open_sign_ins: i64,
}

fn found(row: &Row) -> Result<Found, StoreError> {
    let place: Option<Vec<uuid::Uuid>> = row.try_get("place")?;
    Ok(Found {
        user: if row.try_get("found")? { Some(user(row)?) } else { None },
        organization: read::organization(row)?,
        place: place.map(|ids| read::path("organization.path", &ids)).transpose()?,
        open_sign_ins: row.try_get("open_sign_ins")?,
    })
}

/// Looks a login up. One statement and one round trip, whatever it finds; `None` finds nothing but the provider.
///
/// # Errors
/// The database's.
pub async fn find_by_login(
    store: &Store,
    login: Option<&Login>,
    now: Timestamp,
) -> Result<Found, StoreError> {
    const SQL: &str = concat!(
        "-- users::find_by_login\n",
        "SELECT u.user_id IS NOT NULL AS found, ",
        user_columns!(),
        ", ",
        organization_columns!(),
        ",
            coalesce(o.path, r.path, p.path) AS place,
            (SELECT count(*) FROM sign_in s WHERE s.organization_id = u.organization_id
                AND s.user_id = u.user_id AND s.state = 'open' AND s.expire_time > $3) AS open_sign_ins
        FROM (SELECT $1::text AS login, $2::text AS realm) q
        LEFT JOIN user_account u ON u.login = q.login
        LEFT JOIN organization o ON o.organization_id = u.organization_id
        LEFT JOIN LATERAL (SELECT path FROM organization WHERE realms @> ARRAY[q.realm] LIMIT 1) r ON true
        LEFT JOIN LATERAL (SELECT path FROM organization WHERE kind = 'provider' LIMIT 1) p ON true"
    );
    let (text, realm) = login.map_or(("", ""), |login| (login.as_str(), login.realm().as_str()));
    let Some(row) = read::row(store, SQL, &[&text, &realm, &now]).await? else {
        return Err(StoreError::RowCount { statement: "users::find_by_login", rows: 0 });
    };
    found(&row)
}

/// Looks up who somebody at the identity provider of a realm is here.
///
/// # Errors
/// The database's.
pub async fn find_by_subject(
    store: &Store,
    realm: &Realm,
    subject: &ExternalSubject,
) -> Result<Found, StoreError> {
    const SQL: &str = concat!(
        "-- users::find_by_subject\n",
        "SELECT u.user_id IS NOT NULL AS found, ",
        user_columns!(),
        ", ",
        organization_columns!(),
        ",
            coalesce(o.path, r.path, p.path) AS place, 0::bigint AS open_sign_ins
        FROM (SELECT $1::text AS subject, $2::text AS realm) q
        LEFT JOIN user_account u ON u.external_subject = q.subject AND right(u.login, length(q.realm) + 1) = '@' || q.realm
        LEFT JOIN organization o ON o.organization_id = u.organization_id
        LEFT JOIN LATERAL (SELECT path FROM organization WHERE realms @> ARRAY[q.realm] LIMIT 1) r ON true
        LEFT JOIN LATERAL (SELECT path FROM organization WHERE kind = 'provider' LIMIT 1) p ON true"
    );
    let Some(row) = read::row(store, SQL, &[&subject.as_str(), &realm.as_str()]).await? else {
        return Err(StoreError::RowCount { statement: "users::find_by_subject", rows: 0 });
    };
    found(&row)
}

/// A user by id, deleted ones too, with the organisation where the copy holds it.
///
/// # Errors
/// The database's.
pub async fn find(
    store: &Store,
    id: UserId,
) -> Result<Option<(UserRecord, Option<Organization>)>, StoreError> {
    const SQL: &str = concat!(
        "-- users::find\n",
        "SELECT ",
        user_columns!(),
        ", ",
        organization_columns!(),
        "
        FROM user_account u LEFT JOIN organization o ON o.organization_id = u.organization_id
        WHERE u.user_id = $1"
    );
    let Some(row) = read::row(store, SQL, &[&id.uuid()]).await? else { return Ok(None) };
    Ok(Some((user(&row)?, read::organization(&row)?)))
}

/// The first two users there are, in no order: enough to know whether there is none, one, or more.
///
/// # Errors
/// The database's.
pub async fn first_two(store: &Store) -> Result<Vec<UserRecord>, StoreError> {
    const SQL: &str =
        concat!("-- users::first_two\n", "SELECT ", user_columns!(), " FROM user_account u LIMIT 2");
    read::rows(store, SQL, &[]).await?.iter().map(user).collect()
}

/// Whether there is any user. Inside a unit, under [`lock_bootstrap`].
///
/// # Errors
/// The database's.
pub async fn any(unit: &Unit<'_>) -> Result<bool, StoreError> {
    const SQL: &str = "-- users::any
        SELECT 1 FROM user_account LIMIT 1";
    Ok(unit.query_opt(SQL, &[]).await?.is_some())
}

/// Lets one bootstrap run at a time, until the unit ends.
///
/// # Errors
/// The database's.
pub async fn lock_bootstrap(unit: &Unit<'_>) -> Result<(), StoreError> {
    const SQL: &str = "-- users::lock_bootstrap
        SELECT pg_advisory_xact_lock(hashtextextended('countersign.identity.bootstrap', 0))";
    unit.query(SQL, &[]).await.map(drop)
}

/// The users of an organisation by login, after one.
///
/// # Errors
/// The database's.
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    role: Option<Role>,
    after_login: &str,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    const SQL: &str = concat!(
        "-- users::list\n",
        "SELECT ", user_columns!(), " FROM user_account u
        WHERE u.organization_id = $1 AND u.login > $2 AND u.role = coalesce($3, u.role) AND u.state <> 'deleted'
        ORDER BY u.login LIMIT $4"
    );
    let role = role.map(Role::as_str);
    let rows = read::rows(store, SQL, &[&organization.uuid(), &after_login, &role, &limit]).await?;
    rows.iter().map(|row| user(row).map(|found| found.user)).collect()
}

/// Stores a new user.
///
/// # Errors
/// The database's; a taken login violates `user_account_login_key`, a taken subject `user_account_external_subject_key`.
pub async fn insert(unit: &Unit<'_>, new: &UserRecord) -> Result<(), StoreError> {
    const SQL: &str = "-- users::insert
        INSERT INTO user_account (organization_id, user_id, login, display_name, email, role, auth_source, state,
            password_hash, version, generation_floor, create_time, update_time, external_subject, revision)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let user = &new.user;
    unit.execute_one(
        "users::insert",
        SQL,
        &[
            &user.organization_id.uuid(),
            &user.id.uuid(),
            &user.login.as_str(),
            &user.display_name.as_str(),
            &user.email.as_str(),
            &user.role.as_str(),
            &user.auth_source.as_str(),
            &read::user_state(user.state),
            &new.password_hash.as_ref().map(StoredHash::expose),
            &user.version,
            &user.generation_floor,
            &user.create_time,
            &user.update_time,
            &new.external_subject.as_ref().map(ExternalSubject::as_str),
            &user.revision,
        ],
    )
    .await
}

/// A user's row and their organisation's as they are now, until the unit ends.
#[derive(Debug)]
pub struct Locked {
    /// The user.
    pub user: UserRecord,
    /// The organisation. Whether those above it are active is as of before the lock: `floors::hold` knows it for certain.
    pub organization: Organization,
}

/// Locks the organisation (shared) and the user. None when one of them is not there.
///
/// # Errors
/// The database's.
pub async fn lock(
    unit: &Unit<'_>,
    organization: OrganizationId,
    id: UserId,
) -> Result<Option<Locked>, StoreError> {
    const SQL: &str = concat!(
        "-- users::lock\n",
        "SELECT ",
        user_columns!(),
        ", ",
        organization_columns!(),
        "
        FROM organization o JOIN user_account u ON u.organization_id = o.organization_id
        WHERE u.organization_id = $1 AND u.user_id = $2
        FOR SHARE OF o FOR NO KEY UPDATE OF u"
    );
    let Some(row) = unit.query_opt(SQL, &[&organization.uuid(), &id.uuid()]).await? else { return Ok(None) };
    let Some(organization) = read::organization(&row)? else { return Ok(None) };
    Ok(Some(Locked { user: user(&row)?, organization }))
}

/// Replaces a password's hash by one of the same password with today's parameters. The version stays: nothing changed
/// that a session depends on. Does nothing when the hash is another one by now.
///
/// # Errors
/// The database's.
pub async fn upgrade_password_hash(
    unit: &Unit<'_>,
    user: &User,
    old: &StoredHash,
    new: &StoredHash,
) -> Result<(), StoreError> {
    const SQL: &str = "-- users::upgrade_password_hash
        UPDATE user_account SET password_hash = $4
        WHERE organization_id = $1 AND user_id = $2 AND password_hash = $3";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&user.organization_id.uuid(), &user.id.uuid(), &old.expose(), &new.expose()];
    unit.execute(SQL, &parameters).await.map(drop)
}

/// Raises a user's generation floor; whether the user is there. Never lowers it. It is nothing of the user that anybody is
/// shown, so their time of change stays.
///
/// # Errors
/// The database's.
pub async fn raise_generation_floor(
    unit: &Unit<'_>,
    organization: OrganizationId,
    id: UserId,
    generation: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- users::raise_generation_floor
        UPDATE user_account SET generation_floor = greatest(generation_floor, $3)
        WHERE organization_id = $1 AND user_id = $2";
    let rows = unit.execute(SQL, &[&organization.uuid(), &id.uuid(), &generation]).await?;
    Ok(rows == 1)
}
