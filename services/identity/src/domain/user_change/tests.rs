use time::macros::datetime;
use types::{OrganizationId, UserId};

use super::super::user::User;
use super::*;

const THEN: Timestamp = datetime!(2026-11-24 12:00 UTC);
const NOW: Timestamp = datetime!(2026-11-24 13:00 UTC);

fn local() -> UserRecord {
    UserRecord {
        user: User {
            organization_id: OrganizationId::generate(),
            id: UserId::generate(),
            login: "ada@example.com".parse().unwrap(),
            display_name: "Ada".parse().unwrap(),
            email: "ada@example.com".parse().unwrap(),
            role: Role::ProviderAdmin,
            auth_source: AuthSource::Local,
            state: UserState::Active,
            version: 7,
            revision: 9,
            generation_floor: 2,
            must_change_password: false,
            create_time: THEN,
            update_time: THEN,
        },
        password_hash: Some(hash("old")),
        external_subject: None,
        authority_event: None,
    }
}

fn external() -> UserRecord {
    let mut record = local();
    record.user.auth_source = AuthSource::External;
    record.password_hash = None;
    record.external_subject = Some(subject("ada"));
    record
}

fn hash(text: &str) -> StoredHash {
    StoredHash::new(text.to_owned())
}

fn subject(text: &str) -> ExternalSubject {
    text.parse().unwrap()
}

fn source(source: NewSource<StoredHash>) -> Changes<StoredHash> {
    Changes { source: Some(source), ..nothing() }
}

fn nothing() -> Changes<StoredHash> {
    Changes { display_name: None, email: None, role: None, source: None }
}

#[test]
fn what_sessions_depend_on_raises_the_version_and_the_rest_does_not() {
    let name = Changes { display_name: Some("Ada L.".parse().unwrap()), ..nothing() };
    let role = Changes { role: Some(Role::ProviderAuditor), email: Some(Email::default()), ..nothing() };
    let to_external = source(NewSource::External(subject("ada")));
    let to_local = source(NewSource::Local(Some(hash("new"))));
    let to_other = source(NewSource::External(subject("eve")));
    for (record, changes, fields, version) in [
        (local(), name, &["display_name"][..], 7),
        (local(), role, &["email", "role"], 8),
        (local(), to_external, &["auth_source"], 8),
        (external(), to_local, &["auth_source"], 8),
        (external(), to_other, &["external_subject"], 8),
    ] {
        let changed = record.changed(&changes, NOW).unwrap().unwrap();
        assert_eq!((changed.fields.as_slice(), changed.record.user.version), (fields, version));
        assert_eq!(changed.ends_sessions, version == 8);
        assert_eq!((changed.record.user.revision, changed.record.user.update_time), (10, NOW));
    }
}

#[test]
fn nothing_new_changes_nothing() {
    let record = local();
    let same = Changes {
        display_name: Some(record.user.display_name.clone()),
        email: Some(record.user.email.clone()),
        role: Some(record.user.role),
        source: Some(NewSource::Local(None)),
    };
    assert_eq!(record.changed(&same, NOW), Ok(None));
    let same = source(NewSource::External(subject("ada")));
    assert_eq!(external().changed(&same, NOW), Ok(None));
}

#[test]
fn password_and_subject_never_stand_side_by_side() {
    let changed = |record: UserRecord, new| record.changed(&source(new), NOW).unwrap().unwrap().record;
    let gone = changed(local(), NewSource::External(subject("ada")));
    assert_eq!((gone.password_hash, gone.external_subject), (None, Some(subject("ada"))));
    let invited = changed(external(), NewSource::Local(None));
    assert_eq!((invited.password_hash, invited.external_subject), (None, None));
    let back = changed(external(), NewSource::Local(Some(hash("new"))));
    assert_eq!((back.password_hash, back.external_subject), (Some(hash("new")), None));
}

#[test]
fn what_does_not_fit_is_refused() {
    let role = Changes { role: Some(Role::CompanyUser), ..nothing() };
    assert_eq!(local().changed(&role, NOW), Err(Unfit::Role));
    let password = source(NewSource::Local(Some(hash("new"))));
    assert_eq!(local().changed(&password, NOW), Err(Unfit::LocalAlready));
}

#[test]
fn who_is_deleted_leaves_nothing_and_never_comes_back() {
    for record in [local(), external()] {
        let gone = record.in_state(UserState::Deleted, NOW).unwrap();
        assert_eq!(gone.user.login, Login::of_deleted(record.user.id));
        assert_eq!((gone.user.display_name.as_str(), gone.user.email.as_str()), ("", ""));
        assert_eq!((&gone.password_hash, &gone.external_subject), (&None, &None));
        assert_eq!((gone.user.id, gone.user.role, gone.user.version), (record.user.id, record.user.role, 8));
        for state in [UserState::Active, UserState::Inactive, UserState::Deleted] {
            assert_eq!(gone.in_state(state, NOW), None);
        }
    }
}

#[test]
fn disabling_and_enabling_raise_the_version_each_once() {
    let disabled = local().in_state(UserState::Inactive, NOW).unwrap();
    assert_eq!(disabled.user.version, 8);
    assert_eq!(disabled.in_state(UserState::Inactive, NOW), None);
    let enabled = disabled.in_state(UserState::Active, NOW).unwrap();
    assert_eq!((enabled.user.version, enabled.password_hash), (9, local().password_hash));
}

#[test]
fn only_who_can_sign_in_and_administer_keeps_the_provider() {
    assert!(local().keeps_provider());
    assert!(!external().keeps_provider());
    assert!(!UserRecord { password_hash: None, ..local() }.keeps_provider());
    assert!(!local().in_state(UserState::Inactive, NOW).unwrap().keeps_provider());
    let role = Changes { role: Some(Role::ProviderOperator), ..nothing() };
    let operator = local().changed(&role, NOW).unwrap().unwrap().record;
    assert!(!operator.keeps_provider());
}
