use fault::Reason;
use time::macros::datetime;
use types::OrganizationId;

use super::*;

const THEN: OffsetDateTime = datetime!(2026-11-24 08:00 UTC);
const NOW: OffsetDateTime = datetime!(2026-11-24 09:00 UTC);

use OrganizationState::{Active, Deleted, Inactive};

fn realm(text: &str) -> Realm {
    text.parse().unwrap()
}

/// A provider, two resellers below it, and a company below the first.
fn tree() -> [Organization; 4] {
    let id = OrganizationId::generate;
    let name = |text: &str| text.parse().unwrap();
    let provider = Organization::provider(id(), name("Cloudline"), realm("cloudline.example"), THEN);
    let reseller = |text| provider.child(OrganizationKind::Reseller, id(), name(text), None, THEN).unwrap();
    let (one, other) = (reseller("Nordwind"), reseller("Südstern"));
    let company = one.child(OrganizationKind::Company, id(), name("Acme"), None, THEN).unwrap();
    [provider, one, other, company]
}

fn in_state(state: OrganizationState) -> Organization {
    let [.., company] = tree();
    Organization { state, ..company }
}

/// One version later than before, and changed now.
fn assert_next(next: &Organization, before: &Organization) {
    assert_eq!((next.version, next.update_time), (before.version + 1, NOW));
    assert_eq!((next.id(), next.create_time), (before.id(), THEN));
    assert_ne!(next.etag(), before.etag());
}

#[test]
fn states_and_what_leads_from_one_to_another() {
    for (state, suspended, expected) in [
        (Active, true, Ok(Some(Inactive))),
        (Active, false, Ok(None)),
        (Inactive, true, Ok(None)),
        (Inactive, false, Ok(Some(Active))),
        (Deleted, true, Err(Reason::NotFound)),
        (Deleted, false, Err(Reason::NotFound)),
    ] {
        let before = in_state(state);
        let after = before.set_suspended(suspended, NOW).map_err(Refusal::reason);
        if let Ok(Some(next)) = &after {
            assert_next(next, &before);
        }
        assert_eq!(after.map(|next| next.map(|next| next.state)), expected, "{state:?} {suspended}");
    }
}

#[test]
fn deletion_takes_the_realms_and_waits_for_the_last_child() {
    for (state, has_children, expected) in [
        (Active, false, Ok(())),
        (Inactive, false, Ok(())),
        (Active, true, Err(Reason::OrganizationNotEmpty)),
        (Deleted, false, Err(Reason::NotFound)),
        (Deleted, true, Err(Reason::NotFound)),
    ] {
        let before = Organization { realms: vec![realm("acme.example")], ..in_state(state) };
        let after = before.delete(has_children, NOW).map_err(Refusal::reason);
        if let Ok(next) = &after {
            assert_next(next, &before);
            assert_eq!((next.state, next.realms.len()), (Deleted, 0));
            assert_eq!((&next.path, &next.name), (&before.path, &before.name));
        }
        assert_eq!(after.map(drop), expected, "{state:?} {has_children}");
    }
}

#[test]
fn companies_move_to_resellers_and_nothing_else_moves() {
    let [provider, one, other, company] = tree();
    for (what, to, expected) in [
        (&company, &other, Ok(true)),
        (&company, &one, Ok(false)),
        (&company, &provider, Err(Reason::NotFound)),
        (&company, &company, Err(Reason::NotFound)),
        (&one, &other, Err(Reason::NotFound)),
        (&one, &provider, Err(Reason::NotFound)),
        (&provider, &one, Err(Reason::NotFound)),
    ] {
        let after = what.move_below(to, NOW).map_err(Refusal::reason);
        if let Ok(Some(next)) = &after {
            assert_next(next, what);
            assert_eq!(next.parent_id(), Some(to.id()));
            assert_eq!(next.path.provider_id(), provider.id());
        }
        assert_eq!(after.map(|next| next.is_some()), expected, "{} below {}", what.name, to.name);
    }
}

#[test]
fn a_move_asks_for_the_states_of_both() {
    let [_, _, other, company] = tree();
    for (state, reseller_state, expected) in [
        (Inactive, Active, Ok(Inactive)),
        (Active, Inactive, Err(Reason::OrganizationNotActive)),
        (Active, Deleted, Err(Reason::NotFound)),
        (Deleted, Active, Err(Reason::NotFound)),
    ] {
        let company = Organization { state, ..company.clone() };
        let reseller = Organization { state: reseller_state, ..other.clone() };
        let after = company.move_below(&reseller, NOW).map_err(Refusal::reason);
        assert_eq!(after.map(|next| next.unwrap().state), expected, "{state:?} {reseller_state:?}");
    }
}

#[test]
fn realms_are_added_once_in_order_and_to_what_can_be_used() {
    for (state, usable, expected) in [
        (Active, true, Ok(true)),
        (Active, false, Err(Reason::OrganizationNotActive)),
        (Inactive, true, Err(Reason::OrganizationNotActive)),
        (Deleted, true, Err(Reason::NotFound)),
    ] {
        let before = Organization { realms: vec![realm("b.example")], ..in_state(state) };
        let after = before.add_realm(&realm("a.example"), usable, NOW).map_err(Refusal::reason);
        if let Ok(Some(next)) = &after {
            assert_next(next, &before);
            assert_eq!(next.realms, [realm("a.example"), realm("b.example")]);
            assert_eq!(next.add_realm(&realm("a.example"), usable, NOW), Ok(None));
        }
        assert_eq!(after.map(|next| next.is_some()), expected, "{state:?} {usable}");
    }
}

#[test]
fn realms_are_bounded() {
    let realms = (0..MOST_REALMS).map(|number| realm(&format!("r{number}.example"))).collect();
    let full = Organization { realms, ..in_state(Active) };
    assert_eq!(full.add_realm(&realm("one.more.example"), true, NOW), Err(Refusal::TooManyRealms));
    assert_eq!(full.add_realm(&realm("r7.example"), true, NOW), Ok(None));
    let fault = fault::Fault::from(Refusal::TooManyRealms);
    assert_eq!((fault.reason(), fault.fields().len()), (Reason::InvalidArgument, 1));
}
