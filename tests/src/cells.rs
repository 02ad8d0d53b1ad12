//! The cells of the matrix: who calls what about whom, and what the reference model says of it.

use access::{Rule, TargetKind};
use uuid::Uuid;

use crate::landscape::{Actor, Landscape, Subject};
use crate::model::{Refusal, Target, judge};
use crate::place::Place;
use crate::raw::served_by;
use crate::requests::{About, Template};

/// One call, and what the model says of it.
#[expect(missing_docs, reason = "the names say it")]
pub struct Cell<'a> {
    pub template: &'a Template,
    pub rule: &'static Rule,
    pub service: usize,
    pub actor: &'a Actor,
    pub target: Option<Target>,
    pub expected: Result<(), Refusal>,
}

/// Every cell of one RPC.
#[must_use]
pub fn cells_of<'a>(landscape: &'a Landscape, template: &'a Template) -> Vec<Cell<'a>> {
    let rule = access::rule(template.method).expect("a row");
    let mut cells = Vec::new();
    for service in served_by(rule) {
        for actor in &landscape.actors {
            for target in targets(landscape, template.about, service, actor) {
                let expected = judge(rule, actor, target.as_ref());
                cells.push(Cell { template, rule, service, actor, target, expected });
            }
        }
    }
    cells
}

fn targets(landscape: &Landscape, about: About, service: usize, actor: &Actor) -> Vec<Option<Target>> {
    let mut targets: Vec<Target> = match about {
        About::Nothing => return vec![None],
        About::Oneself => return vec![Some(oneself(actor))],
        About::Organization(_) => Place::ALL.map(|place| organization(landscape, place)).into(),
        About::User(_) => landscape.subjects.iter().map(user).chain([oneself(actor)]).collect(),
        About::NewUser(_) => landscape
            .subjects
            .iter()
            .map(|subject| Target { id: landscape.id(subject.place).to_owned(), ..user(subject) })
            .collect(),
        About::Policy => return policy_targets(landscape, actor),
        About::Session(_) => {
            let all = landscape.actors.iter().chain(&landscape.strangers);
            all.map(|of| session(of, of.user_id == actor.user_id)).collect()
        }
        About::Event(_) => Place::ALL
            .map(|place| Target {
                id: landscape.events[&(service, place)].clone(),
                ..organization(landscape, place)
            })
            .into(),
    };
    let like = targets.first().expect("a target").clone();
    targets.push(missing(like));
    targets.into_iter().map(Some).collect()
}

fn policy_targets(landscape: &Landscape, actor: &Actor) -> Vec<Option<Target>> {
    let switch = |id: &str| Target {
        kind: TargetKind::Switch,
        id: id.to_owned(),
        ..organization(landscape, Place::Provider)
    };
    let mut targets =
        vec![switch("PROVIDER_SCOPE_CLIENTS_AND_RESELLERS"), switch("PROVIDER_SCOPE_INTERNAL_USERS")];
    targets.extend(Place::ALL.into_iter().skip(1).map(|place| organization(landscape, place)));
    targets.extend(landscape.subjects.iter().map(user));
    targets.push(oneself(actor));
    for place in [Place::Reseller, Place::Company] {
        targets.push(missing(organization(landscape, place)));
    }
    targets.push(missing(oneself(actor)));
    targets.into_iter().map(Some).collect()
}

/// An organisation as a target.
#[must_use]
pub fn organization(landscape: &Landscape, place: Place) -> Target {
    let id = landscape.id(place).to_owned();
    Target { kind: place.kinds().0, place: Some(place), role: None, id, is_caller: false }
}

/// Somebody to be called about as a target.
#[must_use]
pub fn user(subject: &Subject) -> Target {
    let Subject { role, place, user_id } = subject;
    let (kind, id) = (place.kinds().1, user_id.clone());
    Target { kind, place: Some(*place), role: Some(*role), id, is_caller: false }
}

fn oneself(actor: &Actor) -> Target {
    let Actor { role, place, user_id, .. } = actor.clone();
    Target { is_caller: true, ..user(&Subject { role, place, user_id }) }
}

/// Somebody's session as a target.
#[must_use]
pub fn session(of: &Actor, is_caller: bool) -> Target {
    Target { id: of.session.session_id.clone(), is_caller, ..oneself(of) }
}

/// What does not exist, like something that does.
#[must_use]
pub fn missing(like: Target) -> Target {
    Target { place: None, id: Uuid::now_v7().to_string(), is_caller: false, ..like }
}
