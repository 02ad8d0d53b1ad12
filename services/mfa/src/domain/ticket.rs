//! Enrolment tickets: handed over by an administrator, so that a stolen password alone enrols nobody.

use clock::Timestamp;
use fault::Reason;
use time::Duration;
use types::TokenHash;

use super::EnrollmentBinding;

/// How long a ticket is good for.
pub(crate) const TICKET_LIFETIME: Duration = Duration::hours(24);
/// How long the first administrator's is: systems are set up on Fridays.
pub(crate) const BOOTSTRAP_TICKET_LIFETIME: Duration = Duration::days(7);

/// A ticket as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// What it is known by.
    pub(crate) hash: TokenHash,
    /// When it is good for nothing any more.
    pub(crate) expire_time: Timestamp,
    /// The sign-in or session using it (in the form of rows), and until when: an abandoned enrolment gives it free.
    pub(crate) bound: Option<(String, Timestamp)>,
    /// Whether an enrolment begun with it was acknowledged.
    pub(crate) spent: bool,
}

/// What a caller presented, and what was found under it for this very user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TicketClaim {
    /// None was presented.
    Absent,
    /// One was presented; no such ticket of this user exists.
    Unknown,
    /// One was presented and exists.
    Found(Ticket),
}

/// Whether an enrolment may begin with this claim; the ticket to bind, if any. A ticket that is presented must be good
/// even where none is needed.
///
/// # Errors
/// ENROLLMENT_TICKET_REQUIRED, ENROLLMENT_TICKET_REFUSED.
pub(crate) fn admit(
    claim: TicketClaim,
    required: bool,
    binding: EnrollmentBinding,
    now: Timestamp,
) -> Result<Option<TokenHash>, Reason> {
    match claim {
        TicketClaim::Absent if required => Err(Reason::EnrollmentTicketRequired),
        TicketClaim::Absent => Ok(None),
        TicketClaim::Unknown => Err(Reason::EnrollmentTicketRefused),
        TicketClaim::Found(ticket) => {
            let taken = |(to, until): &(String, Timestamp)| *to != binding.key() && now < *until;
            if ticket.spent || now >= ticket.expire_time || ticket.bound.as_ref().is_some_and(taken) {
                return Err(Reason::EnrollmentTicketRefused);
            }
            Ok(Some(ticket.hash))
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use types::SignInId;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-01 00:00 UTC);

    #[test]
    fn a_ticket_is_good_once_in_time_and_for_one_enrolment_at_a_time() {
        let [mine, other] = [(); 2].map(|()| EnrollmentBinding::SignIn(SignInId::generate()));
        let hash = TokenHash([7; 32]);
        let good = Ticket { hash, expire_time: NOW + TICKET_LIFETIME, bound: None, spent: false };
        let bound = |to: EnrollmentBinding, until| Ticket { bound: Some((to.key(), until)), ..good.clone() };
        let later = NOW + Duration::SECOND;
        let refused = Err(Reason::EnrollmentTicketRefused);
        for (claim, required, expected) in [
            (TicketClaim::Absent, false, Ok(None)),
            (TicketClaim::Absent, true, Err(Reason::EnrollmentTicketRequired)),
            (TicketClaim::Unknown, false, refused),
            (TicketClaim::Found(good.clone()), true, Ok(Some(hash))),
            (TicketClaim::Found(good.clone()), false, Ok(Some(hash))),
            (TicketClaim::Found(Ticket { expire_time: NOW, ..good.clone() }), true, refused),
            (TicketClaim::Found(Ticket { spent: true, ..good.clone() }), true, refused),
            (TicketClaim::Found(bound(mine, later)), true, Ok(Some(hash))),
            (TicketClaim::Found(bound(other, later)), true, refused),
            (TicketClaim::Found(bound(other, NOW)), true, Ok(Some(hash))),
        ] {
            assert_eq!(admit(claim.clone(), required, mine, NOW), expected, "{claim:?} {required}");
        }
    }
}
