//! The act behind a followed event: what follows from it was done by the same actor.

use clock::Timestamp;
use eventlog::{Act, Actor};
use fault::{Fault, Outcome, Reason};
use proto::events::{ActorKind, Event};
use types::ServiceName;
use wire::Client;

/// The act of a followed event, at the time it is applied here.
///
/// # Errors
/// INTERNAL: the event's envelope cannot be read. It is not skipped: following stops there, loudly.
pub(super) fn act_of(event: &Event, now: Timestamp) -> Outcome<Act> {
    Ok(Act {
        actor: actor(event)?,
        peer: event.peer.clone(),
        client: Client::parse(event.client.as_ref()).unwrap_or_default(),
        request_id: wire::optional_id("request_id", &event.request_id).unwrap_or_default(),
        trace_id: event.trace_id.clone(),
        at: now,
    })
}

fn actor(event: &Event) -> Outcome<Actor> {
    let actor = event.actor.as_ref().ok_or_else(|| unreadable("an event without an actor"))?;
    Ok(match actor.kind() {
        ActorKind::User => Actor::User {
            id: wire::id("actor.id", &actor.id)?,
            role: wire::role(actor.role).ok_or_else(|| unreadable("an actor without a role"))?,
            session_id: wire::optional_id("actor.session_id", &actor.session_id)?,
            amr: actor.amr.clone(),
        },
        ActorKind::Service => {
            let name: Result<ServiceName, _> = actor.id.parse();
            Actor::Service(name.map_err(|_| unreadable("an actor that is no service"))?)
        }
        ActorKind::Operator => Actor::Operator,
        ActorKind::Anonymous => Actor::Anonymous,
        ActorKind::Unspecified => return Err(unreadable("an actor of no kind")),
    })
}

/// An event that cannot be understood is a defect on one of the two sides.
pub(super) fn unreadable(what: &'static str) -> Fault {
    Fault::new(Reason::Internal).with_cause(what)
}
