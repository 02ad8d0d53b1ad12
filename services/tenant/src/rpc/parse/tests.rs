use super::*;
use fault::Reason;
use prost_types::FieldMask;

const ID: &str = "0190b5b4-7d6c-7c4e-9a54-0123456789ab";

fn fields_of<T: std::fmt::Debug>(outcome: Outcome<T>) -> Vec<String> {
    let fault = outcome.unwrap_err();
    assert_eq!(fault.reason(), Reason::InvalidArgument);
    fault.fields().iter().map(|violation| violation.field.to_string()).collect()
}

#[test]
fn a_malformed_field_is_named() {
    let company = |reseller_id: &str, name: &str, realm: &str| {
        create_company(&tenant::CreateCompanyRequest {
            reseller_id: reseller_id.into(),
            name: name.into(),
            realm: realm.into(),
            ..Default::default()
        })
    };
    assert!(company(ID, "Acme", "").unwrap().realm.is_none());
    assert_eq!(fields_of(company("", "Acme", "")), ["reseller_id"]);
    assert_eq!(fields_of(company("1", "Acme", "")), ["reseller_id"]);
    assert_eq!(fields_of(company(ID, " ", "")), ["name"]);
    assert_eq!(fields_of(company(ID, "A\u{202e}cme", "")), ["name"]);
    assert_eq!(fields_of(company(ID, "Acme", "acme example")), ["realm"]);
}

#[test]
fn an_update_says_what_it_changes() {
    let update = |mask: Option<&[&str]>, name: &str| {
        update_organization(&tenant::UpdateOrganizationRequest {
            organization_id: ID.into(),
            name: name.into(),
            update_mask: mask
                .map(|paths| FieldMask { paths: paths.iter().map(|path| (*path).into()).collect() }),
            ..Default::default()
        })
    };
    for mask in [None, Some(&[] as &[&str]), Some(&["*"]), Some(&["state"]), Some(&["name", "realms"])] {
        assert_eq!(fields_of(update(mask, "Acme")), ["update_mask"], "{mask:?}");
    }
    assert_eq!(fields_of(update(Some(&["name"]), "")), ["name"]);
    assert_eq!(update(Some(&["name", "name"]), "Acme").unwrap().name.as_str(), "Acme");
}

#[test]
fn an_unknown_kind_is_not_every_kind() {
    let list = |kind: i32, page_size: i32| {
        list_organizations(&tenant::ListOrganizationsRequest { kind, page_size, ..Default::default() })
    };
    assert_eq!(list(0, 0).unwrap().kind, None);
    assert_eq!(list(3, 0).unwrap().kind, Some(OrganizationKind::Company));
    assert_eq!(fields_of(list(4, 0)), ["kind"]);
    assert_eq!(fields_of(list(-1, 0)), ["kind"]);
    assert_eq!(fields_of(list(0, -1)), ["page_size"]);
}

#[test]
fn what_to_resolve_must_be_said() {
    use tenant::resolve_organization_request::Key;
    let resolve = |key| organization_key(&tenant::ResolveOrganizationRequest { key });
    assert_eq!(fields_of(resolve(None)), ["key"]);
    assert_eq!(fields_of(resolve(Some(Key::OrganizationId(String::new())))), ["organization_id"]);
    assert_eq!(fields_of(resolve(Some(Key::Realm("-".into())))), ["realm"]);
    assert!(resolve(Some(Key::Realm("ACME.example".into()))).is_ok());
}

#[test]
fn a_change_names_whom_it_concerns_and_why() {
    let suspend = |organization_id: &str, reason: &str| {
        suspend_organization(&tenant::SuspendOrganizationRequest {
            organization_id: organization_id.into(),
            reason: reason.into(),
            ..Default::default()
        })
    };
    assert!(suspend(ID, "did not pay").unwrap().suspended);
    assert!(suspend(ID, "").is_ok());
    assert_eq!(fields_of(suspend("", "")), ["organization_id"]);
    assert_eq!(fields_of(suspend(ID, &"x".repeat(501))), ["reason"]);
    let go = |company_id: &str, reseller_id: &str| {
        move_company(&tenant::MoveCompanyRequest {
            company_id: company_id.into(),
            reseller_id: reseller_id.into(),
            ..Default::default()
        })
    };
    assert!(go(ID, ID).is_ok());
    assert_eq!(fields_of(go("", ID)), ["company_id"]);
    assert_eq!(fields_of(go(ID, "Nordwind")), ["reseller_id"]);
    let realm = |realm: &str| {
        add_realm(&tenant::AddRealmRequest {
            organization_id: ID.into(),
            realm: realm.into(),
            ..Default::default()
        })
    };
    assert_eq!(realm("ACME.example").unwrap().realm.as_str(), "acme.example");
    assert_eq!(fields_of(realm("")), ["realm"]);
}
