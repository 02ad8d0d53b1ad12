//! `ListEvents` and `GetEvent`: who sees what, and pages.

use access::Caller;
use eventlog::{Act, Actor, Draft, EventLog, Subject};
use proto::events::event_log_service_server::EventLogService;
use proto::events::{EventOrder, GetEventRequest, ListEventsRequest};
use time::Duration;
use tonic_types::StatusExt as _;
use types::{EventId, OrganizationId, Role, UserId};

use crate::support::{Db, HEAD, Tree, draft, payload, peer, reason, request, text, until, user};

struct Fixture {
    db: Db,
    service: EventLog,
    tree: Tree,
    ids: Vec<EventId>,
    subject: UserId,
    actor: UserId,
}

/// Twelve events: two rounds of one event for each organisation, a second apart; the second round of another type, by a user and about one.
async fn fixture() -> Fixture {
    let db = Db::create().await;
    let _sequencer = db.sequencer();
    let (tree, store, subject, actor) = (Tree::new(), db.store(2), UserId::generate(), UserId::generate());
    let places = [
        ("p", &tree.provider),
        ("a", &tree.reseller_a),
        ("a1", &tree.company_a1),
        ("a2", &tree.company_a2),
        ("b", &tree.reseller_b),
        ("b1", &tree.company_b1),
    ];
    let mut drafts = Vec::new();
    for (name, path) in places {
        drafts.push(draft(&db.act(), "mfa.test.changed", path, name));
        db.clock.advance(Duration::seconds(1));
    }
    let by = Actor::User { id: actor, role: Role::CompanyAdmin, session_id: None, amr: Vec::new() };
    for (name, path) in places {
        let act = Act { actor: by.clone(), ..db.act() };
        let text = format!("{name}'");
        drafts.push(Draft::new(&act, "mfa.test.seen", path, Subject::User(subject), payload(text)));
        db.clock.advance(Duration::seconds(1));
    }
    let ids = db.append(&store, drafts).await;
    until(&db.owner().await, HEAD, 12).await;
    let service = db.service(&db.log());
    Fixture { db, service, tree, ids, subject, actor }
}

fn everything() -> ListEventsRequest {
    ListEventsRequest {
        include_descendants: true,
        order: EventOrder::OldestFirst.into(),
        ..ListEventsRequest::default()
    }
}

impl Fixture {
    async fn list(&self, caller: &Caller, message: ListEventsRequest) -> Result<Vec<String>, String> {
        let response = self.service.list_events(request(caller, message)).await;
        let response = response.map_err(|status| reason(&status))?.into_inner();
        assert_eq!(response.next_page_token, "", "the end is known");
        Ok(response.events.iter().map(|event| text(event).to_owned()).collect())
    }

    async fn pages(&self, caller: &Caller, message: ListEventsRequest) -> Vec<String> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let message = ListEventsRequest { page_token: token, ..message.clone() };
            let response = self.service.list_events(request(caller, message)).await.unwrap().into_inner();
            all.extend(response.events.iter().map(|event| text(event).to_owned()));
            if response.next_page_token.is_empty() {
                return all;
            }
            token = response.next_page_token;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_sees_its_own_branch_and_nothing_else() {
    let it = fixture().await;
    let tree = &it.tree;
    let cases: [(Caller, &[&str]); 6] = [
        (peer("tenant"), &["p", "a", "a1", "a2", "b", "b1"]),
        (user(Role::ProviderAuditor, &tree.provider), &["p", "a", "a1", "a2", "b", "b1"]),
        (user(Role::ResellerAdmin, &tree.reseller_a), &["a", "a1", "a2"]),
        (user(Role::ResellerOperator, &tree.reseller_b), &["b", "b1"]),
        (user(Role::CompanyAdmin, &tree.company_a2), &["a2"]),
        (user(Role::CompanyAuditor, &tree.company_b1), &["b1"]),
    ];
    for (caller, expected) in &cases {
        let expected: Vec<String> = expected
            .iter()
            .map(|name| (*name).to_owned())
            .chain(expected.iter().map(|name| format!("{name}'")))
            .collect();
        assert_eq!(it.list(caller, everything()).await.as_ref(), Ok(&expected), "{caller:?}");
        for (index, id) in it.ids.iter().enumerate() {
            let message = GetEventRequest { event_id: id.to_string() };
            let got = it.service.get_event(request(caller, message)).await;
            let name = ["p", "a", "a1", "a2", "b", "b1"][index % 6];
            match got {
                Ok(response) => {
                    let event = response.into_inner().event.unwrap();
                    assert_eq!(event.position, index as i64 + 1);
                    assert!(expected.contains(&name.to_owned()), "{name} for {caller:?}");
                }
                Err(status) => {
                    assert_eq!(reason(&status), "NOT_FOUND");
                    assert!(!expected.contains(&name.to_owned()), "{name} for {caller:?}");
                }
            }
        }
    }
    // Nobody in particular, and a role that does not fit its organisation, see nothing.
    assert_eq!(it.list(&peer("console"), everything()).await, Err("TOKEN_INVALID".into()));
    let odd = user(Role::ProviderAdmin, &tree.company_a1);
    assert_eq!(it.list(&odd, everything()).await, Err("ROLE_NOT_ALLOWED".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_outside_the_branch_is_not_found() {
    let it = fixture().await;
    let tree = &it.tree;
    let of = |path: &types::OrganizationPath, include_descendants| ListEventsRequest {
        organization_id: path.organization_id().to_string(),
        include_descendants,
        types: vec!["mfa.test.changed".into()],
        ..everything()
    };
    let unknown = tree.provider.child(OrganizationId::generate()).unwrap();
    let provider = user(Role::ProviderAdmin, &tree.provider);
    let reseller = user(Role::ResellerAdmin, &tree.reseller_a);
    let company = user(Role::CompanyAdmin, &tree.company_a1);
    let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let not_found = || Err("NOT_FOUND".to_owned());
    let cases = [
        (&provider, &tree.reseller_a, false, names(&["a"])),
        (&provider, &tree.reseller_a, true, names(&["a", "a1", "a2"])),
        (&provider, &tree.company_b1, true, names(&["b1"])),
        (&provider, &tree.provider, false, names(&["p"])),
        (&provider, &unknown, true, not_found()),
        (&reseller, &tree.company_a1, false, names(&["a1"])),
        (&reseller, &tree.reseller_a, false, names(&["a"])),
        (&reseller, &tree.company_b1, false, not_found()),
        (&reseller, &tree.reseller_b, true, not_found()),
        (&reseller, &tree.provider, true, not_found()),
        (&reseller, &unknown, true, not_found()),
        (&company, &tree.company_a1, true, names(&["a1"])),
        (&company, &tree.company_a2, true, not_found()),
        (&company, &tree.reseller_a, true, not_found()),
    ];
    for (index, (caller, path, include_descendants, expected)) in cases.into_iter().enumerate() {
        assert_eq!(it.list(caller, of(path, include_descendants)).await, expected, "case {index}");
    }
    let services = peer("identity");
    assert_eq!(it.list(&services, of(&tree.provider, true)).await.unwrap().len(), 6);
    assert_eq!(it.list(&services, of(&tree.reseller_b, true)).await, names(&["b", "b1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_hold_together_in_both_orders_and_on_pages_of_any_size() {
    let it = fixture().await;
    let provider = user(Role::ProviderAdmin, &it.tree.provider);
    let start = time::macros::datetime!(2026-11-24 08:00 UTC);
    let at = |seconds| Some(wire::timestamp_to_wire(start + Duration::seconds(seconds)));
    let all = everything();
    let cases: Vec<(ListEventsRequest, &[&str])> = vec![
        (
            ListEventsRequest { subject_id: it.subject.to_string(), ..all.clone() },
            &["p'", "a'", "a1'", "a2'", "b'", "b1'"],
        ),
        (ListEventsRequest { actor_id: it.actor.to_string(), end_time: at(8), ..all.clone() }, &["p'", "a'"]),
        (ListEventsRequest { actor_id: "mfa".into(), start_time: at(4), ..all.clone() }, &["b", "b1"]),
        (
            ListEventsRequest { start_time: at(2), end_time: at(7), ..all.clone() },
            &["a1", "a2", "b", "b1", "p'"],
        ),
        (
            ListEventsRequest {
                types: vec!["mfa.test.seen".into(), "mfa.test.none".into()],
                start_time: at(10),
                ..all.clone()
            },
            &["b'", "b1'"],
        ),
        (
            ListEventsRequest {
                organization_id: it.tree.reseller_a.organization_id().to_string(),
                types: vec!["mfa.test.seen".into(), "mfa.test.changed".into(), "mfa.test.seen".into()],
                ..all.clone()
            },
            &["a", "a1", "a2", "a'", "a1'", "a2'"],
        ),
        (ListEventsRequest { subject_id: it.actor.to_string(), ..all.clone() }, &[]),
        (ListEventsRequest { start_time: at(100), ..all.clone() }, &[]),
        (ListEventsRequest { end_time: at(0), ..all.clone() }, &[]),
        (ListEventsRequest { types: vec!["mfa.test.none".into()], ..all.clone() }, &[]),
    ];
    for (message, expected) in cases {
        for size in [0, 1, 2, 3, 6, 500, 10_000] {
            let message = ListEventsRequest { page_size: size, ..message.clone() };
            assert_eq!(it.pages(&provider, message.clone()).await, expected, "{message:?}");
            let newest = ListEventsRequest { order: EventOrder::Unspecified.into(), ..message };
            let mut reversed = it.pages(&provider, newest.clone()).await;
            reversed.reverse();
            assert_eq!(reversed, expected, "{newest:?}");
        }
    }
}

/// An event whose time lies far behind its neighbours' is found by its time all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_event_is_found_by_its_time() {
    let it = fixture().await;
    let _sequencer = it.db.sequencer();
    let start = time::macros::datetime!(2026-11-24 08:00 UTC);
    let late = Act { at: start - Duration::hours(1), ..it.db.act() };
    let store = it.db.store(1);
    it.db.append(&store, vec![draft(&late, "mfa.test.changed", &it.tree.company_a1, "late")]).await;
    until(&it.db.owner().await, HEAD, 13).await;
    let provider = user(Role::ProviderAdmin, &it.tree.provider);
    let before = ListEventsRequest { end_time: Some(wire::timestamp_to_wire(start)), ..everything() };
    assert_eq!(it.list(&provider, before.clone()).await, Ok(vec!["late".to_owned()]));
    let newest = ListEventsRequest { order: EventOrder::NewestFirst.into(), ..before };
    assert_eq!(it.list(&provider, newest).await, Ok(vec!["late".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_valid_and_what_was_given_out_elsewhere_is_refused() {
    let it = fixture().await;
    let provider = user(Role::ProviderAdmin, &it.tree.provider);
    let ask = async |caller: &Caller, message: ListEventsRequest| {
        it.service.list_events(request(caller, message)).await.map_err(|status| reason(&status)).err()
    };
    let page = ListEventsRequest { page_size: 2, ..everything() };
    let response = it.service.list_events(request(&provider, page.clone())).await.unwrap().into_inner();
    let next = ListEventsRequest { page_token: response.next_page_token.clone(), ..page.clone() };
    assert_eq!(ask(&provider, next.clone()).await, None);
    assert_eq!(ask(&provider, ListEventsRequest { page_size: 3, ..next.clone() }).await, None);

    let invalid = Some("INVALID_CURSOR".to_owned());
    let reseller = user(Role::ResellerAdmin, &it.tree.reseller_a);
    assert_eq!(ask(&reseller, next.clone()).await, invalid);
    let other = ListEventsRequest { order: EventOrder::NewestFirst.into(), ..next.clone() };
    assert_eq!(ask(&provider, other).await, invalid);
    let other = ListEventsRequest { types: vec!["mfa.test.seen".into()], ..next.clone() };
    assert_eq!(ask(&provider, other).await, invalid);
    let mut token = response.next_page_token.into_bytes();
    token[20] ^= 1;
    let other = ListEventsRequest { page_token: String::from_utf8(token).unwrap(), ..next };
    assert_eq!(ask(&provider, other).await, invalid);

    let invalid = Some("INVALID_ARGUMENT".to_owned());
    for message in [
        ListEventsRequest { page_size: -1, ..everything() },
        ListEventsRequest { order: 9, ..everything() },
        ListEventsRequest { organization_id: "x".into(), ..everything() },
        ListEventsRequest { types: vec![String::new()], ..everything() },
        ListEventsRequest { types: vec!["mfa.test\0seen".into()], ..everything() },
        ListEventsRequest { types: vec!["mfa.test.seen".into(), "mfa.Test".into()], ..everything() },
        ListEventsRequest { types: vec!["mfa.tést".into()], ..everything() },
        ListEventsRequest { types: vec!["a".repeat(101)], ..everything() },
        ListEventsRequest { types: (0..101).map(|n| n.to_string()).collect(), ..everything() },
        ListEventsRequest { subject_id: "x".repeat(257), ..everything() },
        ListEventsRequest {
            start_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
            ..everything()
        },
        ListEventsRequest {
            start_time: Some(prost_types::Timestamp { seconds: 10, nanos: 0 }),
            end_time: Some(prost_types::Timestamp { seconds: 9, nanos: 0 }),
            ..everything()
        },
    ] {
        assert_eq!(ask(&provider, message.clone()).await, invalid, "{message:?}");
    }
    let garbage = ListEventsRequest { types: vec!["\0".into()], ..everything() };
    let status = it.service.list_events(request(&provider, garbage)).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "types");
    // What is no text of the database's is still a name that nothing has.
    let odd = ListEventsRequest { subject_id: "\0".into(), actor_id: "\0".into(), ..everything() };
    assert_eq!(ask(&provider, odd).await, None);
    let most = ListEventsRequest { types: vec!["a".repeat(100); 100], ..everything() };
    assert_eq!(ask(&provider, most).await, None);
    let bad = GetEventRequest { event_id: "x".into() };
    let status = it.service.get_event(request(&provider, bad)).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_ARGUMENT");
    let unknown = GetEventRequest { event_id: EventId::generate().to_string() };
    let status = it.service.get_event(request(&provider, unknown)).await.unwrap_err();
    assert_eq!(reason(&status), "NOT_FOUND");
}
