use super::*;
use time::macros::datetime;

const THEN: OffsetDateTime = datetime!(2026-11-24 08:00 UTC);
const NOW: OffsetDateTime = datetime!(2026-11-24 09:00 UTC);

fn name(text: &str) -> OrganizationName {
    text.parse().unwrap()
}

/// A provider, a reseller below it, and a company below that.
fn branch() -> [Organization; 3] {
    let id = OrganizationId::generate;
    let provider =
        Organization::provider(id(), name("Cloudline"), "cloudline.example".parse().unwrap(), THEN);
    let reseller = provider.child(OrganizationKind::Reseller, id(), name("Nordwind"), None, THEN).unwrap();
    let company = reseller.child(OrganizationKind::Company, id(), name("Acme"), None, THEN).unwrap();
    [provider, reseller, company]
}

#[test]
fn only_the_right_kind_has_children_of_a_kind() {
    let tree = branch();
    for (parent, kind, fits) in [
        (0, OrganizationKind::Provider, false),
        (0, OrganizationKind::Reseller, true),
        (0, OrganizationKind::Company, false),
        (1, OrganizationKind::Reseller, false),
        (1, OrganizationKind::Company, true),
        (2, OrganizationKind::Reseller, false),
        (2, OrganizationKind::Company, false),
    ] {
        let parent = &tree[parent];
        let made = parent.child(kind, OrganizationId::generate(), name("New"), None, NOW);
        assert_eq!(made.is_ok(), fits, "{kind} below {}", parent.kind());
        match made {
            Ok(child) => {
                assert_eq!(child.parent_id(), Some(parent.id()));
                assert_eq!(child.kind(), kind);
                assert_eq!((child.version, child.state), (1, OrganizationState::Active));
                assert_eq!((child.create_time, child.update_time), (NOW, NOW));
            }
            Err(refusal) => assert_eq!(refusal.reason(), Reason::NotFound),
        }
    }
}

#[test]
fn nothing_is_created_below_what_is_not_active() {
    for (state, reason) in [
        (OrganizationState::Inactive, Reason::OrganizationNotActive),
        (OrganizationState::Deleted, Reason::NotFound),
    ] {
        let [_, mut reseller, _] = branch();
        reseller.state = state;
        let made =
            reseller.child(OrganizationKind::Company, OrganizationId::generate(), name("New"), None, NOW);
        assert_eq!(made.unwrap_err().reason(), reason, "{state:?}");
    }
}

#[test]
fn a_new_name_is_a_new_version() {
    let [_, _, company] = branch();
    let changed = company.rename(&name("Acme GmbH"), Some(&company.etag()), NOW).unwrap();
    assert_eq!(changed.fields, [Field::Name]);
    assert_eq!(changed.organization.name, name("Acme GmbH"));
    assert_eq!((changed.organization.version, changed.organization.update_time), (2, NOW));
    assert_eq!(changed.organization.create_time, THEN);
    assert_ne!(changed.organization.etag(), company.etag());
}

#[test]
fn the_time_of_a_change_never_goes_back() {
    let [_, _, company] = branch();
    let now = company.rename(&name("Acme GmbH"), None, NOW).unwrap().organization;
    let earlier = now.rename(&name("Acme AG"), None, THEN).unwrap().organization;
    assert_eq!((earlier.version, earlier.update_time), (3, NOW));
}

#[test]
fn the_same_name_changes_nothing() {
    let [_, _, company] = branch();
    let changed = company.rename(&name(" Acme "), None, NOW).unwrap();
    assert_eq!((changed.organization, changed.fields), (company, vec![]));
}

#[test]
fn an_update_of_another_state_is_refused_also_when_it_would_change_nothing() {
    let [_, _, company] = branch();
    for (new, etag) in [("Acme GmbH", "v2"), ("Acme", "v2"), ("Acme GmbH", "1"), ("Acme GmbH", "nonsense")] {
        let refusal = company.rename(&name(new), Etag::sent(etag).as_ref(), NOW).unwrap_err();
        assert_eq!(refusal.reason(), Reason::EtagMismatch, "{new} {etag}");
    }
    assert!(company.rename(&name("Acme GmbH"), Etag::sent("").as_ref(), NOW).is_ok());
}

#[test]
fn what_is_deleted_is_not_there() {
    let [_, _, mut company] = branch();
    company.state = OrganizationState::Deleted;
    assert_eq!(company.rename(&name("New"), None, NOW).unwrap_err().reason(), Reason::NotFound);
}

#[test]
fn masks_name_only_what_there_is() {
    for (text, field) in
        [("name", Some(Field::Name)), ("", None), ("Name", None), ("state", None), ("*", None)]
    {
        assert_eq!(Field::parse(text), field, "{text}");
    }
}
