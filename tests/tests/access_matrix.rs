//! Every RPC that is called for a user × every role × every relation to a target × what the session has proved: the running
//! services answer what the access table and `docs/access.md` say, and record the refusals that they say are recorded.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use access::{TABLE, TargetKind, UserRule};
use countersign_tests::cells::{Cell, cells_of};
use countersign_tests::landscape::{Actor, Landscape};
use countersign_tests::model::{DENIALS, Relation, Target, relation};
use countersign_tests::raw::{Caller, SERVICES, reason_of};
use countersign_tests::requests::{About, Ask, Effect, templates};
use futures::StreamExt as _;
use proto::events::event::Payload;
use proto::events::event_log_service_client::EventLogServiceClient;
use proto::events::{EventOrder, ListEventsRequest};
use testkit::{Witnessed, as_user};

/// How many calls are under way at once.
const AT_ONCE: usize = 8;
/// The relations that the calls about somebody or something are made in.
const RELATIONS: [Relation; 5] =
    [Relation::Own, Relation::Child, Relation::Sibling, Relation::OtherResellers, Relation::Missing];

/// When a call is made: what is refused or harmless first, what ends the callers' own sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Anytime,
    /// With a target of its own.
    Spends,
    /// The provider's switches, of which there are no others.
    Switches,
    Ends(u8),
}

#[test]
fn every_row_for_users_has_a_template_and_every_template_a_row() {
    let rows: BTreeSet<&str> =
        TABLE.iter().filter(|rule| rule.user != UserRule::Nobody).map(|rule| rule.method).collect();
    let all = templates();
    let named: BTreeSet<&str> = all.iter().map(|template| template.method).collect();
    assert_eq!(named.len(), all.len(), "a method has two templates");
    assert_eq!(rows, named);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_answers_what_the_table_says() {
    let landscape = Landscape::plant().await;
    let caller = Caller::with_certificate(&landscape.system, access::Peer::CONSOLE);
    let templates = templates();
    let mut cells: Vec<Cell<'_>> =
        templates.iter().flat_map(|template| cells_of(&landscape, template)).collect();
    assert_relations(&cells);
    cells.sort_by_key(turn);
    let total = cells.len();

    let mut wrong = Vec::new();
    let mut number = 0;
    for cells in cells.chunk_by(|one, next| turn(one) == turn(next)) {
        let at_once = if turn(&cells[0]) <= Turn::Spends { AT_ONCE } else { 1 };
        let calls = cells.iter().map(|cell| {
            number += 1;
            call(&landscape, &caller, cell, number)
        });
        let answers: Vec<Option<String>> = futures::stream::iter(calls).buffered(at_once).collect().await;
        wrong.extend(answers.into_iter().flatten());
    }
    assert!(wrong.is_empty(), "{} of {total} cells differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(total > 5_000, "only {total} cells");
    assert_recorded(&landscape, &cells).await;
}

fn turn(cell: &Cell<'_>) -> Turn {
    let is_switch = cell.target.as_ref().is_some_and(|target| target.kind == TargetKind::Switch);
    match cell.template.effect {
        _ if cell.expected.is_err() => Turn::Anytime,
        Effect::Harmless => Turn::Anytime,
        Effect::Spends if is_switch => Turn::Switches,
        Effect::Spends => Turn::Spends,
        Effect::Ends(order) => Turn::Ends(order),
    }
}

/// Makes a call; what is wrong with its answer, if anything is.
async fn call(landscape: &Landscape, caller: &Caller, cell: &Cell<'_>, number: usize) -> Option<String> {
    let mut target = cell.target.clone();
    if turn(cell) == Turn::Spends {
        let target = target.as_mut().expect("what is spent is a target");
        target.id = of_its_own(landscape, target, number).await;
    }
    let ask = Ask { landscape, actor: cell.actor, target: target.as_ref(), number };
    let token = &cell.actor.session.access_token;
    let message = (cell.template.message)(&ask);
    let answer = caller.call(cell.service, cell.template.method, message, Some(token)).await;
    let answer = answer.map(drop).map_err(|status| reason_of(&status));
    let is_right = match (&answer, cell.expected) {
        (Ok(()), Ok(())) => true,
        (Err(reason), Ok(())) => cell.template.states.contains(&reason.as_str()),
        (Err(reason), Err(expected)) => reason == expected,
        (Ok(()), Err(_)) => false,
    };
    (!is_right).then(|| {
        let Actor { role, proof, .. } = cell.actor;
        let about = target.map(|target| format!("{:?} {:?} {:?}", target.kind, target.place, target.role));
        let (method, expected) = (cell.template.method, cell.expected);
        format!("{method} by {role} {proof:?} about {about:?}: {answer:?}, expected {expected:?}")
    })
}

/// A target like this one that nobody else uses.
async fn of_its_own(landscape: &Landscape, target: &Target, number: usize) -> String {
    let place = target.place.expect("what is let through exists");
    match target.role {
        Some(role) => landscape.new_user(place, role, &format!("spent-{number}")).await,
        None => landscape.new_organization(place, &format!("spent-{number}")).await,
    }
}

/// Every RPC about somebody or something is called in every relation.
fn assert_relations(cells: &[Cell<'_>]) {
    let mut seen: BTreeMap<&str, BTreeSet<Relation>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.template.about != About::Oneself) {
        if let Some(target) = &cell.target {
            seen.entry(cell.template.method).or_default().insert(relation(cell.actor, target));
        }
    }
    for (method, relations) in seen {
        let lacking: Vec<_> = RELATIONS.iter().filter(|relation| !relations.contains(relation)).collect();
        assert!(lacking.is_empty(), "{method} is never called about {lacking:?}");
    }
}

/// Who was refused what, and why, as often as it was.
type Refusals = BTreeMap<(String, String, String, String), usize>;

/// The denials on the logs are those that the table says are recorded: each one, once, in the caller's own organisation.
async fn assert_recorded(landscape: &Landscape, cells: &[Cell<'_>]) {
    let console = landscape.console();
    let logs = [&console.tenant_events, &console.identity_events, &console.mfa_events];
    for (service, log) in logs.into_iter().enumerate() {
        let mut expected = Refusals::new();
        for cell in cells.iter().filter(|cell| cell.service == service && cell.rule.records_refusals) {
            if let Err(reason) = cell.expected {
                let (method, user) = (cell.rule.method.to_owned(), cell.actor.user_id.clone());
                let organization = landscape.id(cell.actor.place).to_owned();
                *expected.entry((method, user, organization, reason.to_owned())).or_default() += 1;
            }
        }
        let count = expected.values().sum::<usize>();
        let read = async || recorded(landscape, log, service).await;
        let is_complete = async || read().await.values().sum::<usize>() >= count;
        landscape.system.eventually("all refusals have their positions", is_complete).await;
        let found = read().await;
        let (lacking, added) = (differing(&expected, &found), differing(&found, &expected));
        assert!(lacking.is_empty() && added.is_empty(), "expected {lacking:#?}, found {added:#?}");
    }
}

/// What some have otherwise than others.
fn differing(some: &Refusals, others: &Refusals) -> Vec<String> {
    let differing = some.iter().filter(|(key, count)| others.get(*key) != Some(*count));
    differing.map(|(key, count)| format!("{count} × {key:?}")).collect()
}

/// The denials of a log.
async fn recorded(landscape: &Landscape, log: &EventLogServiceClient<Witnessed>, service: usize) -> Refusals {
    let mut found = Refusals::new();
    let mut page_token = String::new();
    loop {
        let request = ListEventsRequest {
            include_descendants: true,
            types: vec![format!("{}.call.refused", SERVICES[service])],
            order: EventOrder::OldestFirst.into(),
            page_size: 500,
            page_token,
            ..ListEventsRequest::default()
        };
        let page = log.clone().list_events(as_user(&landscape.root, request)).await.unwrap().into_inner();
        for event in page.events {
            let Some(Payload::CallRefused(refused)) = event.payload else {
                panic!("not a refusal: {event:?}")
            };
            let actor = event.actor.unwrap().id;
            if DENIALS.contains(&refused.reason.as_str()) {
                *found.entry((refused.method, actor, event.organization_id, refused.reason)).or_default() +=
                    1;
            }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}
