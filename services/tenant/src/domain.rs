//! What an organisation is, how one comes into being below another, and what may change: pure decisions.
//!
//! Nothing here awaits, reads a clock, draws an id, or knows SQL or the wire: all of that is handed in or taken away
//! by the rooms around it.

pub(crate) mod authority;
mod etag;
mod name_key;
mod organization;
mod page;

pub(crate) use etag::Etag;
pub(crate) use name_key::NameKey;
pub(crate) use organization::{Changed, Field, Organization};
pub(crate) use page::PageSize;
