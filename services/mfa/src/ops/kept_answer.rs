//! Giving a kept answer again, while what it handed out is still good.

use eventlog::request_record::sealed::{self, Kept};
use fault::{Outcome, Reason};
use store::Unit;

use crate::store::{self as rows, Answer, HandedOut, UserKey};

/// Ends the unit with the first answer, when there is one, the locked user's generation is still the one it belongs to, and
/// the ticket or the codes in it were not replaced by others since.
///
/// # Errors
/// As [`sealed::replay`]: GENERATION_OUTDATED also when what was handed out is void. The database's.
pub(super) async fn replay(
    unit: &Unit<'_>,
    kept: Option<Kept>,
    user: UserKey,
    generation: i64,
) -> Outcome<()> {
    let Some(kept) = kept else { return Ok(()) };
    if kept.generation() == generation && !is_good(unit, user, &kept.read::<Answer>()?).await? {
        return Err(Reason::GenerationOutdated.into());
    }
    sealed::replay(Some(kept), generation)
}

async fn is_good(unit: &Unit<'_>, user: UserKey, answer: &Answer) -> Outcome<bool> {
    Ok(match answer.handed_out()? {
        HandedOut::Nothing => true,
        HandedOut::Ticket(hash) => {
            rows::ticket::find(unit, user, hash).await?.is_some_and(|ticket| !ticket.spent)
        }
        HandedOut::RecoverySet(id) => {
            rows::recovery_codes::load(unit, user).await?.is_some_and(|set| set.id == id)
        }
        HandedOut::PendingCodes(id, step) => rows::pending::is_confirmed_at(unit, user, id, step).await?,
    })
}
