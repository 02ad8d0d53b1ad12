//! Fields of requests as domain types. What cannot be read is an INVALID_ARGUMENT that names the field.

use std::fmt::Display;
use std::str::FromStr;

use clock::Timestamp;
use fault::{Fault, Outcome};
use proto::common;
use types::{AuthSource, OrganizationKind, Role};

/// A required id (or login, name, code: anything that is read from text).
///
/// # Errors
/// INVALID_ARGUMENT naming `field`.
pub fn id<T>(field: &'static str, text: &str) -> Outcome<T>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| Fault::field(field, error.to_string()))
}

/// An optional id: empty means none.
///
/// # Errors
/// As [`id`].
pub fn optional_id<T>(field: &'static str, text: &str) -> Outcome<Option<T>>
where
    T: FromStr,
    T::Err: Display,
{
    if text.is_empty() { Ok(None) } else { id(field, text).map(Some) }
}

/// A time on the wire.
///
/// # Errors
/// INVALID_ARGUMENT when it is not between the years 1 and 9999, as `google.protobuf.Timestamp` says (and as a database can
/// hold it).
pub fn timestamp(field: &'static str, wire: &prost_types::Timestamp) -> Outcome<Timestamp> {
    let nanoseconds = i128::from(wire.seconds) * 1_000_000_000 + i128::from(wire.nanos);
    let in_range = (-62_135_596_800..253_402_300_800).contains(&wire.seconds)
        && (0..1_000_000_000).contains(&wire.nanos);
    Timestamp::from_unix_timestamp_nanos(nanoseconds)
        .ok()
        .filter(|_| in_range)
        .ok_or_else(|| Fault::field(field, "is not a valid time"))
}

/// A time for the wire.
#[must_use]
pub fn timestamp_to_wire(instant: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: instant.unix_timestamp(),
        nanos: i32::try_from(instant.nanosecond()).unwrap_or(0),
    }
}

/// A duration for the wire.
#[must_use]
pub fn duration_to_wire(duration: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// A role; unspecified and unknown values are none.
#[must_use]
pub fn role(wire: i32) -> Option<Role> {
    Some(match common::Role::try_from(wire).ok()? {
        common::Role::Unspecified => return None,
        common::Role::ProviderAdmin => Role::ProviderAdmin,
        common::Role::ProviderOperator => Role::ProviderOperator,
        common::Role::ProviderAuditor => Role::ProviderAuditor,
        common::Role::ResellerAdmin => Role::ResellerAdmin,
        common::Role::ResellerOperator => Role::ResellerOperator,
        common::Role::ResellerAuditor => Role::ResellerAuditor,
        common::Role::CompanyAdmin => Role::CompanyAdmin,
        common::Role::CompanyAuditor => Role::CompanyAuditor,
        common::Role::CompanyUser => Role::CompanyUser,
    })
}

/// A role for the wire.
#[must_use]
pub const fn role_to_wire(role: Role) -> common::Role {
    match role {
        Role::ProviderAdmin => common::Role::ProviderAdmin,
        Role::ProviderOperator => common::Role::ProviderOperator,
        Role::ProviderAuditor => common::Role::ProviderAuditor,
        Role::ResellerAdmin => common::Role::ResellerAdmin,
        Role::ResellerOperator => common::Role::ResellerOperator,
        Role::ResellerAuditor => common::Role::ResellerAuditor,
        Role::CompanyAdmin => common::Role::CompanyAdmin,
        Role::CompanyAuditor => common::Role::CompanyAuditor,
        Role::CompanyUser => common::Role::CompanyUser,
    }
}

/// An authentication source; unspecified and unknown values are none.
#[must_use]
pub fn auth_source(wire: i32) -> Option<AuthSource> {
    match common::AuthSource::try_from(wire).ok()? {
        common::AuthSource::Unspecified => None,
        common::AuthSource::Local => Some(AuthSource::Local),
        common::AuthSource::External => Some(AuthSource::External),
    }
}

/// An authentication source for the wire.
#[must_use]
pub const fn auth_source_to_wire(source: AuthSource) -> common::AuthSource {
    match source {
        AuthSource::Local => common::AuthSource::Local,
        AuthSource::External => common::AuthSource::External,
    }
}

/// An organisation's kind; unspecified and unknown values are none.
#[must_use]
pub fn organization_kind(wire: i32) -> Option<OrganizationKind> {
    match common::OrganizationKind::try_from(wire).ok()? {
        common::OrganizationKind::Unspecified => None,
        common::OrganizationKind::Provider => Some(OrganizationKind::Provider),
        common::OrganizationKind::Reseller => Some(OrganizationKind::Reseller),
        common::OrganizationKind::Company => Some(OrganizationKind::Company),
    }
}

/// An organisation's kind for the wire.
#[must_use]
pub const fn organization_kind_to_wire(kind: OrganizationKind) -> common::OrganizationKind {
    match kind {
        OrganizationKind::Provider => common::OrganizationKind::Provider,
        OrganizationKind::Reseller => common::OrganizationKind::Reseller,
        OrganizationKind::Company => common::OrganizationKind::Company,
    }
}

/// Where a person's call came from, as a trusted peer told it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Client {
    /// An IP address; none when the peer did not tell.
    pub address: Option<std::net::IpAddr>,
    /// The user agent, at most 500 characters, without control characters.
    pub user_agent: String,
}

impl Client {
    /// Reads the message.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when the address is none or the user agent too long.
    pub fn parse(wire: Option<&common::Client>) -> Outcome<Self> {
        let Some(wire) = wire else { return Ok(Self::default()) };
        if wire.user_agent.chars().count() > 500 || wire.user_agent.chars().any(char::is_control) {
            return Err(Fault::field("client.user_agent", "is longer than 500 characters or not plain text"));
        }
        Ok(Self {
            address: optional_id("client.address", &wire.address)?,
            user_agent: wire.user_agent.clone(),
        })
    }

    /// For the wire.
    #[must_use]
    pub fn to_wire(&self) -> common::Client {
        common::Client {
            address: self.address.map(|address| address.to_string()).unwrap_or_default(),
            user_agent: self.user_agent.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_bounded_by_what_every_part_can_hold() {
        let at = |seconds, nanos| timestamp("t", &prost_types::Timestamp { seconds, nanos }).is_ok();
        assert!(at(0, 0) && at(-62_135_596_800, 0) && at(253_402_300_799, 999_999_999));
        for (seconds, nanos) in [
            (-62_135_596_801, 0),
            (253_402_300_800, 0),
            (i64::MIN, 0),
            (i64::MAX, 0),
            (0, -1),
            (0, 1_000_000_000),
        ] {
            assert!(!at(seconds, nanos), "{seconds} {nanos}");
        }
    }
}
