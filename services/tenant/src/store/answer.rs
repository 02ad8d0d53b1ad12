//! The answer of a mutation as it is kept for a repetition of the request.

use fault::{Fault, Outcome, Reason};
use proto::common;
use wire::{OrganizationFacts, timestamp, timestamp_to_wire};

use crate::domain::Organization;

/// An organisation as it was when a mutation was answered. It holds no secret, so it is kept in the clear.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Answer {
    #[prost(message, optional, tag = "1")]
    facts: Option<common::OrganizationFacts>,
    #[prost(message, optional, tag = "2")]
    create_time: Option<prost_types::Timestamp>,
    #[prost(message, optional, tag = "3")]
    update_time: Option<prost_types::Timestamp>,
}

impl Answer {
    /// The answer that shows this organisation.
    pub(crate) fn of(organization: &Organization) -> Self {
        Self {
            facts: Some(organization.facts().to_wire()),
            create_time: Some(timestamp_to_wire(organization.create_time)),
            update_time: Some(timestamp_to_wire(organization.update_time)),
        }
    }

    /// The organisation that this answer shows.
    ///
    /// # Errors
    /// CORRUPT when it is none that [`Self::of`] made.
    pub(crate) fn read(&self) -> Outcome<Organization> {
        let corrupt = |fault: Fault| Fault::new(Reason::Corrupt).with_cause(fault);
        let time = |time: &Option<prost_types::Timestamp>| {
            timestamp("answer.time", &time.unwrap_or_default()).map_err(corrupt)
        };
        let facts = OrganizationFacts::parse(self.facts.as_ref()).map_err(corrupt)?;
        Ok(Organization {
            path: facts.path,
            name: facts.name,
            realms: facts.realms,
            state: facts.state,
            version: facts.version,
            create_time: time(&self.create_time)?,
            update_time: time(&self.update_time)?,
        })
    }
}
