//! `ListEvents`: pages of a selection, newest or oldest first.

use std::time::Duration;

use fault::{Fault, Outcome};
use proto::events::{EventFilter, EventOrder, ListEventsRequest, ListEventsResponse};
use rpc::caller;
use tokio::time::Instant;
use tonic::Request;

use super::page::{Direction, Page, Span};
use crate::cursor::Bound;
use crate::filter::{Filter, Scope, Selection};
use crate::log::Log;
use crate::places::Places;
use crate::rows;

const DEFAULT_PAGE: i32 = 50;
const LARGEST_PAGE: i32 = 500;
/// A filter that matches almost nothing may end a page early, with a token to go on.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn list(
    log: &Log,
    places: &dyn Places,
    request: Request<ListEventsRequest>,
) -> Outcome<ListEventsResponse> {
    let scope = Scope::of(&*caller(&request)?)?;
    let request = request.into_inner();
    let direction = direction(request.order)?;
    let size = page_size(request.page_size)?;
    let filter = Filter::parse(EventFilter {
        organization_id: request.organization_id,
        include_descendants: request.include_descendants,
        subject_id: request.subject_id,
        actor_id: request.actor_id,
        types: request.types,
        start_time: request.start_time,
        end_time: request.end_time,
    })?;
    let bound = Bound::to_list(log.service(), &scope, &filter, direction.name());
    let (_, epoch) = rows::head(log.reads()).await?;
    let from = match request.page_token.as_str() {
        "" => None,
        token => Some(bound.read_page_token(log.keyring(), epoch, token)?),
    };
    let selection = Selection::resolve(log, places, &scope, &filter).await?;
    let page = read(log, &selection, direction, from, size).await?;
    let events = page.rows.iter().map(rows::Placed::to_wire).collect::<Result<_, _>>()?;
    let next_page_token = page.next.map(|next| bound.page_token(log.keyring(), epoch, next));
    Ok(ListEventsResponse { events, next_page_token: next_page_token.unwrap_or_default() })
}

/// Reads until the page is full, the selection is at its end, or patience is.
async fn read(
    log: &Log,
    selection: &Selection,
    direction: Direction,
    from: Option<i64>,
    size: usize,
) -> Outcome<Page> {
    let begun = Instant::now();
    let Some(mut span) = Span::of(log.reads(), selection, direction, from).await? else {
        return Ok(Page::default());
    };
    let query = Page::query(log.reads(), selection).await?;
    let mut page = Page::default();
    loop {
        let part = query.read(log.reads(), direction, span, size - page.rows.len()).await?;
        page.rows.extend(part.rows);
        page.next = part.next;
        match page.next {
            Some(next) if page.rows.len() < size && begun.elapsed() < PATIENCE => {
                span = span.beyond(direction, next);
            }
            _ => return Ok(page),
        }
    }
}

fn direction(order: i32) -> Outcome<Direction> {
    match EventOrder::try_from(order) {
        Ok(EventOrder::Unspecified | EventOrder::NewestFirst) => Ok(Direction::NewestFirst),
        Ok(EventOrder::OldestFirst) => Ok(Direction::OldestFirst),
        Err(_) => Err(Fault::field("order", "is not known")),
    }
}

fn page_size(size: i32) -> Outcome<usize> {
    let size = match size {
        0 => DEFAULT_PAGE,
        size => size.min(LARGEST_PAGE),
    };
    usize::try_from(size).map_err(|_| Fault::field("page_size", "is negative"))
}
