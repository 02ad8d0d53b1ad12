//! Secrets that do not open.

use eventlog::{Act, Draft};
use proto::events::SecretUnreadable;
use proto::events::event::Payload;

use super::Whom;
use crate::domain::Unreadable;

/// `mfa.secret.unreadable`: whatever the caller wanted, it was refused.
pub(crate) fn secret_unreadable(act: &Act, whom: &Whom<'_>, unreadable: &Unreadable) -> Draft {
    let payload = SecretUnreadable {
        table: unreadable.table.to_owned(),
        row_id: unreadable.row.clone(),
        cause: unreadable.cause.as_str().to_owned(),
        key_id: unreadable.key_id.clone(),
    };
    let draft = whom.draft(act, "mfa.secret.unreadable", Payload::SecretUnreadable(payload));
    draft.refused(fault::Reason::Corrupt.as_str())
}
