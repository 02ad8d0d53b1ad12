//! The provider, on an empty system.

use eventlog::{Act, request_record};
use fault::Outcome;
use store::{Recorded, Unit};
use types::{EventId, OrganizationId, OrganizationName, Realm};

use super::{Call, Tenant};
use crate::domain::Organization;
use crate::store::{self as rows, Answer};

/// The provider to create.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    pub(crate) name: OrganizationName,
    pub(crate) realm: Realm,
}

struct Context {
    provider: Organization,
    act: Act,
    request: Option<request_record::Key>,
}

impl Tenant {
    /// Creates the root of the tree. Who may do it is the operator's peer, without a user: there is none yet.
    ///
    /// A repetition with the same request id answers the same provider.
    ///
    /// # Errors
    /// ALREADY_BOOTSTRAPPED when there is a provider; REQUEST_ID_REUSED.
    pub(crate) async fn bootstrap(&self, command: Bootstrap, call: Call) -> Outcome<Organization> {
        let act = call.act_of_operator(self.clock.now());
        let provider =
            Organization::provider(OrganizationId::generate(), command.name, command.realm, act.at);
        let context = Context { provider, act, request: call.request };
        let unit = self.store.unit("bootstrap", context, |unit, context| Box::pin(create(unit, context)));
        let (_, answer) = request_record::answer(unit.await)?;
        Answer::read(&answer)
    }
}

async fn create(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<(EventId, Answer)>> {
    let Context { provider, act, request } = context;
    request_record::lookup(unit, request.as_ref(), act.at).await?;
    // That there is none yet, only the database can say: two operators may try at once.
    rows::insert(unit, provider).await?;
    let created = rows::organization_created(act, provider, false);
    let (event_id, answer) = (created.event_id(), Answer::of(provider));
    request_record::insert(unit, request.as_ref(), event_id, &answer, act.at).await?;
    Ok(unit.record(created).with((event_id, answer)))
}
