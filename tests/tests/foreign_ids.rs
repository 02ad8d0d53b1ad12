//! The other reseller's administrator sends a foreign id in every field that names an object, of every RPC: the answer is byte
//! for byte that for an id that does not exist, and so is the one event that it leaves in the caller's own branch.
//!
//! The answer is NOT_FOUND - but where the RPC is none of the caller's role at all: there it is ROLE_NOT_ALLOWED, for a foreign id,
//! a missing one and one of the own branch alike, because nothing was looked up. It says nothing about any id, and to an
//! administrator of the own branch who lacks a right it says what is the matter.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::collections::BTreeSet;

use countersign_tests::fields::{Field, of_requests_for_users};
use countersign_tests::landscape::{Actor, Landscape};
use countersign_tests::place::Place;
use countersign_tests::probes::{Probe, probes, second_fields};
use countersign_tests::raw::{Caller, SERVICES, reason_of, without_ids_and_times};
use countersign_tests::requests::{About, templates};
use prost::Message;
use proto::events::watch_events_response::Frame;
use proto::events::{
    Event, EventFilter, EventOrder, ListEventsRequest, ListEventsResponse, WatchEventsRequest,
    WatchEventsResponse,
};
use testkit::as_user;
use tonic::Status;
use types::Role;
use uuid::Uuid;

/// Fields that end in `_id` and name no object.
const NO_OBJECTS: &[(&str, &str)] = &[(
    "request_id",
    "names the call itself, is made by the caller and looked up among the caller's own only",
)];

/// Conditions on the events of the own branch. What they name need not exist: they select, and select nothing alike.
const CONDITIONS: &[(&str, &str)] = &[
    ("/countersign.events.v1.EventLogService/ListEvents", "subject_id"),
    ("/countersign.events.v1.EventLogService/ListEvents", "actor_id"),
    ("/countersign.events.v1.EventLogService/WatchEvents", "filter.subject_id"),
    ("/countersign.events.v1.EventLogService/WatchEvents", "filter.actor_id"),
];

#[test]
fn every_field_that_names_an_object_is_probed() {
    let mut named: BTreeSet<Field> = second_fields().into_iter().map(|(field, ..)| field).collect();
    named.extend(CONDITIONS.iter().map(|(method, field)| (*method, (*field).to_owned())));
    for template in templates() {
        let fields: &[&str] = match &template.about {
            About::Nothing | About::Oneself => &[],
            About::Organization(field)
            | About::User(field)
            | About::NewUser(field)
            | About::Session(field)
            | About::Event(field) => &[*field],
            About::Policy => &["target.reseller_id", "target.company_id", "target.user_id"],
        };
        named.extend(fields.iter().map(|field| (template.method, (*field).to_owned())));
    }
    let is_object =
        |(_, field): &Field| !NO_OBJECTS.iter().any(|(name, _)| field.rsplit('.').next() == Some(name));
    let fields: BTreeSet<Field> = of_requests_for_users().into_iter().filter(is_object).collect();
    assert_eq!(fields, named);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_id_is_answered_and_recorded_like_one_that_does_not_exist() {
    let landscape = Landscape::plant().await;
    let caller = Caller::with_certificate(&landscape.system, access::Peer::CONSOLE);
    let stranger = &landscape.strangers[0];
    assert_eq!((stranger.role, stranger.place), (Role::ResellerAdmin, Place::OtherReseller));
    let probes = probes(&landscape, stranger);
    let begun = heads(&landscape).await;
    let mut made: [Vec<(Field, &str)>; 3] = Default::default();
    for Probe { field, service, foreign, missing } in &probes {
        let rule = access::rule(field.0).unwrap();
        let expected = if rule.admits_role(stranger.role) { "NOT_FOUND" } else { "ROLE_NOT_ALLOWED" };
        let call = |message: &[u8]| {
            caller.call(*service, field.0, message.to_vec(), Some(&stranger.session.access_token))
        };
        let to_missing = refusal(call(missing).await, field);
        assert_eq!(reason_of(&to_missing), expected, "{field:?}");
        made[*service].push((field.clone(), expected));
        for message in foreign {
            let to_foreign = refusal(call(message).await, field);
            assert_eq!(whole(&to_foreign), whole(&to_missing), "{field:?}");
            made[*service].push((field.clone(), expected));
        }
    }
    assert!(made.iter().flatten().count() > 200, "only {} calls", made.iter().flatten().count());
    for service in 0..SERVICES.len() {
        assert_recorded(&landscape, stranger, service, begun[service], &made[service]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_on_somebody_foreign_selects_nothing_like_one_on_nobody() {
    let landscape = Landscape::plant().await;
    let caller = Caller::with_certificate(&landscape.system, access::Peer::CONSOLE);
    let stranger = &landscape.strangers[0];
    // Both have been subject and actor of events: they were created, and signed in.
    let foreign = landscape.actors.iter().find(|actor| actor.role == Role::ResellerAdmin).unwrap();
    let nobody = Uuid::now_v7().to_string();
    for (method, field) in CONDITIONS {
        let filter = |id: &str| match field.rsplit('.').next().unwrap() {
            "subject_id" => EventFilter { subject_id: id.to_owned(), ..EventFilter::default() },
            _ => EventFilter { actor_id: id.to_owned(), ..EventFilter::default() },
        };
        let call = async |id: &str, token: &str| {
            let answer = caller.call(1, method, conditioned(method, filter(id)), Some(token)).await;
            shown(method, &answer.expect("a condition is no object"))
        };
        let token = &stranger.session.access_token;
        assert!(call(&foreign.user_id, &landscape.root.access_token).await, "{method} {field}: a control");
        assert!(!call(&foreign.user_id, token).await, "{method} {field}");
        assert!(!call(&nobody, token).await, "{method} {field}");
    }
}

/// A request for everything in the own branch, under a condition.
fn conditioned(method: &str, filter: EventFilter) -> Vec<u8> {
    let EventFilter { subject_id, actor_id, .. } = filter;
    if method.ends_with("/WatchEvents") {
        let filter =
            EventFilter { include_descendants: true, subject_id, actor_id, ..EventFilter::default() };
        return WatchEventsRequest { filter: Some(filter), ..WatchEventsRequest::default() }.encode_to_vec();
    }
    let request =
        ListEventsRequest { include_descendants: true, subject_id, actor_id, ..ListEventsRequest::default() };
    request.encode_to_vec()
}

/// Whether an answer shows an event. One that shows none says nothing else either.
fn shown(method: &str, answer: &[u8]) -> bool {
    if method.ends_with("/WatchEvents") {
        return match WatchEventsResponse::decode(answer).unwrap().frame.unwrap() {
            Frame::Event(_) => true,
            Frame::CaughtUp(_) | Frame::Progress(_) => false,
        };
    }
    let ListEventsResponse { events, next_page_token } = ListEventsResponse::decode(answer).unwrap();
    assert!(!events.is_empty() || next_page_token.is_empty());
    !events.is_empty()
}

fn refusal(answer: Result<Vec<u8>, Status>, field: &Field) -> Status {
    answer.err().unwrap_or_else(|| panic!("{field:?}: what is foreign or missing is let through"))
}

/// Everything in a refusal that its caller can see.
fn whole(status: &Status) -> (tonic::Code, String, Vec<u8>, String) {
    let mut metadata = status.metadata().clone();
    metadata.remove("date");
    (status.code(), status.message().to_owned(), status.details().to_owned(), format!("{metadata:?}"))
}

/// Where each log ends. Nothing is being recorded meanwhile.
async fn heads(landscape: &Landscape) -> [i64; 3] {
    let mut heads = [0; 3];
    for (service, head) in heads.iter_mut().enumerate() {
        let newest = list(landscape, service, EventOrder::NewestFirst, 1, "").await;
        *head = newest.events.first().expect("there are events").position;
    }
    heads
}

/// After `begun` the log holds what the calls left and nothing else: one refusal each, in the caller's own organisation, and
/// those about one field the same but for ids and times.
async fn assert_recorded(
    landscape: &Landscape,
    stranger: &Actor,
    service: usize,
    begun: i64,
    made: &[(Field, &str)],
) {
    let since = async || events_after(landscape, service, begun).await;
    let is_complete = async || since().await.len() >= made.len();
    landscape.system.eventually("all refusals have their positions", is_complete).await;
    let events = since().await;
    let kinds: BTreeSet<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(events.len(), made.len(), "{kinds:?}");
    let mut before: Option<(&Field, Event)> = None;
    for (event, (field, expected)) in events.iter().zip(made) {
        assert_eq!(event.r#type, format!("{}.call.refused", SERVICES[service]));
        assert_eq!(
            (event.reason.as_str(), event.subject.as_ref().unwrap().id.as_str()),
            (*expected, field.0)
        );
        assert_eq!(event.organization_id, landscape.id(stranger.place), "{field:?}");
        assert_eq!(event.actor.as_ref().unwrap().id, stranger.user_id, "{field:?}");
        let present = without_ids_and_times(event);
        if let Some((of_before, before)) = &before
            && *of_before == field
        {
            assert_eq!(present, *before, "{field:?}");
        }
        before = Some((field, present));
    }
}

/// Everything on a log after a position, for whomever it is.
async fn events_after(landscape: &Landscape, service: usize, begun: i64) -> Vec<Event> {
    let (mut events, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = list(landscape, service, EventOrder::NewestFirst, 500, &page_token).await;
        let is_before = |event: &Event| event.position <= begun;
        let is_enough = page.next_page_token.is_empty() || page.events.iter().any(is_before);
        page_token = page.next_page_token;
        events.extend(page.events.into_iter().filter(|event| !is_before(event)));
        if is_enough {
            events.reverse();
            return events;
        }
    }
}

async fn list(
    landscape: &Landscape,
    service: usize,
    order: EventOrder,
    page_size: i32,
    page_token: &str,
) -> ListEventsResponse {
    let console = landscape.console();
    let log = [&console.tenant_events, &console.identity_events, &console.mfa_events][service];
    let request = ListEventsRequest {
        include_descendants: true,
        order: order.into(),
        page_size,
        page_token: page_token.to_owned(),
        ..ListEventsRequest::default()
    };
    log.clone().list_events(as_user(&landscape.root, request)).await.unwrap().into_inner()
}
