//! Beginning an enrolment: at sign-in, or in a session.

use std::sync::Arc;

use access::SignedIn;
use clock::Timestamp;
use eventlog::Act;
use fault::{Fault, Outcome, Reason};
use keyring::{Keyring, digest};
use store::{Receipt, Recorded, Store, Unit};
use types::{
    AuthSource, EnrollmentId, Login, OneTimeCode, OrganizationName, OrganizationPath, SignInId, Token,
    TokenHash, UserId,
};
use wire::UserState as Standing;

use super::bounded_calls::admit_call;
use super::secrets::{Holder, seal};
use super::try_code::{Attempt, End, try_code};
use super::{Call, Mfa, Seen, SignInCall};
use crate::domain::{
    Chain, ENROLLMENT_LIFETIME, EnrollmentBinding, Factor, Pending, Shown, Thresholds, TicketClaim,
    TotpSecret, UserState, admit, show,
};
use crate::store::events::{self, Purpose, Whom};
use crate::store::{self as rows, UserKey};

/// What a signed-in user begins an enrolment with.
#[derive(Debug)]
pub(crate) struct BeginEnrollment {
    /// A code of the present factor, when there is one.
    pub(crate) code: Option<OneTimeCode>,
    pub(crate) ticket: PresentedTicket,
}

/// A ticket as it was presented.
#[derive(Debug, Clone)]
pub(crate) enum PresentedTicket {
    /// None was.
    Absent,
    /// What was is none of ours by its form: refused like one that is unknown.
    Malformed,
    /// One was.
    Token(Token),
}

/// What stands between the user and an enrolment.
enum Entry {
    /// A sign-in: there must be no factor, and nothing may have changed since it began.
    SignIn(Seen),
    /// A session: it must be of the present generation, and a present factor must be proved.
    Session(Option<OneTimeCode>, i64),
}

struct Context {
    keyring: Arc<Keyring>,
    thresholds: Thresholds,
    act: Act,
    path: OrganizationPath,
    user_id: UserId,
    binding: EnrollmentBinding,
    entry: Entry,
    ticket: PresentedTicket,
    id: EnrollmentId,
    sealed_secret: Vec<u8>,
    expire_time: Timestamp,
}

/// What the unit decided: begun, or refused and recorded.
type Begun = Result<(), Reason>;

impl Mfa {
    /// Begins an enrolment that belongs to one sign-in. An earlier one of the same sign-in is replaced.
    ///
    /// # Errors
    /// GENERATION_OUTDATED, FACTOR_EXISTS, ENROLLMENT_TICKET_REQUIRED, ENROLLMENT_TICKET_REFUSED, USER_NOT_LOCAL.
    pub(crate) async fn begin_sign_in_enrollment(
        &self,
        call: SignInCall,
        sign_in_id: SignInId,
        seen: Seen,
        ticket: PresentedTicket,
    ) -> Outcome<Shown> {
        if call.user.auth_source == AuthSource::External {
            return Err(Reason::UserNotLocal.into());
        }
        let act = call.act(self.clock.now());
        let (path, login, user) = (call.user.path, call.user.login, call.user.id);
        let binding = EnrollmentBinding::SignIn(sign_in_id);
        self.begin(act, (path, login, user), binding, Entry::SignIn(seen), ticket).await
    }

    /// Begins an enrolment of a signed-in user. The present factor keeps working until the new one is acknowledged.
    ///
    /// # Errors
    /// CODE_REFUSED; FACTOR_EXISTS when a factor is present and no code of it was sent; USER_NOT_LOCAL, USER_NOT_ACTIVE;
    /// ENROLLMENT_TICKET_REQUIRED, ENROLLMENT_TICKET_REFUSED; OVERLOADED: the user's sessions have asked too often.
    pub(crate) async fn begin_enrollment(
        &self,
        caller: &SignedIn,
        command: BeginEnrollment,
        call: &Call,
    ) -> Outcome<Shown> {
        // A session does not say who checks the password; identity does, and knows it now.
        let user = self.identity.resolve_user(caller.user_id).await?;
        if user.auth_source == AuthSource::External {
            return Err(Reason::UserNotLocal.into());
        }
        if user.state != Standing::Active {
            return Err(Reason::UserNotActive.into());
        }
        let act = call.act_of(caller, self.clock.now());
        let binding = EnrollmentBinding::Session(caller.session_id);
        let entry = Entry::Session(command.code, caller.generation);
        self.begin(act, (user.path, user.login, user.id), binding, entry, command.ticket).await
    }

    async fn begin(
        &self,
        act: Act,
        (path, login, user_id): (OrganizationPath, Login, UserId),
        binding: EnrollmentBinding,
        entry: Entry,
        ticket: PresentedTicket,
    ) -> Outcome<Shown> {
        let issuer = self.issuer(&path).await?;
        let (secret, id) = (TotpSecret::generate()?, EnrollmentId::generate());
        let expire_time = act.at + ENROLLMENT_LIFETIME;
        let context = Context {
            keyring: Arc::clone(&self.keyring),
            thresholds: self.thresholds,
            sealed_secret: seal(&self.keyring, Holder::Pending(id), user_id, &secret)?,
            ticket,
            act,
            path,
            user_id,
            binding,
            entry,
            id,
            expire_time,
        };
        let (act, path) = (context.act.clone(), context.path.clone());
        let unit = |store: Store| async move {
            store.unit("begin_enrollment", context, |unit, context| Box::pin(begin(unit, context))).await
        };
        if let Err(reason) = self.settled(&act, &path, user_id, unit).await? {
            rpc::refusal_is_recorded();
            return Err(refused(reason, binding));
        }
        show(&issuer, &login, &secret, expire_time)
    }

    /// The name that authenticator apps show: the display name of the user's organisation.
    async fn issuer(&self, path: &OrganizationPath) -> Outcome<OrganizationName> {
        let id = path.organization_id();
        if let Some(name) = rows::organization::name(&self.store, id).await? {
            return Ok(name);
        }
        match self.tenant.resolve_organization(id).await {
            Ok(facts) => Ok(facts.name),
            Err(fault) => Err(Fault::new(Reason::DependencyUnavailable).with_cause(fault)),
        }
    }
}

async fn begin(unit: &mut Unit<'_>, context: &Context) -> Outcome<Recorded<Begun>> {
    let Context { act, path, user_id, binding, entry, .. } = context;
    let user = UserKey::new(path, *user_id);
    let state = rows::user::lock(unit, user).await?;
    admit_call(unit, user, *binding, act.at).await?;
    let factor = rows::factor::load_in_unit(unit, user).await?;
    let policy = rows::policy::load_in_unit(unit, &Chain::of_user(path, *user_id)).await?;
    match entry {
        Entry::SignIn(seen) if !seen.is_present(&state, &policy.version()) => {
            return Ok(refuse(unit, context, Reason::GenerationOutdated));
        }
        Entry::SignIn(_) if factor.is_some() => return Ok(refuse(unit, context, Reason::FactorExists)),
        Entry::SignIn(_) => {}
        // A reset has committed here, and identity ends the session in a moment: it must not enrol in between, when there is
        // no factor to prove.
        Entry::Session(_, generation) if *generation != state.generation => {
            return Ok(refuse(unit, context, Reason::TokenInvalid));
        }
        Entry::Session(code, _) => match (&factor, code) {
            (Some(_), None) => return Ok(refuse(unit, context, Reason::FactorExists)),
            (Some(factor), Some(code)) => {
                let (receipt, reason) = prove(unit, context, code, &state, factor).await?;
                if let Some(reason) = reason {
                    return Ok(receipt.with(Err(reason)));
                }
            }
            (None, _) => {}
        },
    }
    // The old factor proves more than a ticket does.
    let requires_ticket = state.ticket_required || policy.effective(act.at).requires_ticket;
    let claim = claim(unit, user, &context.ticket).await?;
    let ticket = match admit(claim, requires_ticket && factor.is_none(), *binding, act.at) {
        Ok(ticket) => ticket,
        Err(reason) => return Ok(refuse(unit, context, reason)),
    };
    write(unit, context, state.generation, ticket).await
}

async fn write(
    unit: &mut Unit<'_>,
    context: &Context,
    generation: i64,
    ticket: Option<TokenHash>,
) -> Outcome<Recorded<Begun>> {
    let Context { act, path, user_id, binding, id, sealed_secret, expire_time, .. } = context;
    let user = UserKey::new(path, *user_id);
    if let Some(ticket) = ticket {
        rows::ticket::bind(unit, user, ticket, *binding, *expire_time).await?;
    }
    let pending = Pending {
        id: *id,
        sealed_secret: sealed_secret.clone(),
        generation,
        wrong_codes: 0,
        confirmed: None,
        recovery: None,
        ticket,
        expire_time: *expire_time,
    };
    rows::pending::replace(unit, user, *binding, &pending).await?;
    let whom = Whom { path, user_id: *user_id };
    let draft = events::enrollment_begun(act, &whom, *id, *binding, ticket.is_some());
    Ok(unit.record(draft).with(Ok(())))
}

/// Proves the present factor, whose step this spends; the reason when it does not succeed.
async fn prove(
    unit: &mut Unit<'_>,
    context: &Context,
    code: &OneTimeCode,
    state: &UserState,
    factor: &Factor,
) -> Outcome<(Receipt, Option<Reason>)> {
    let whom = Whom { path: &context.path, user_id: context.user_id };
    let purpose = Purpose { session_id: context.binding.session_id(), ..Purpose::default() };
    let (keyring, thresholds) = (&*context.keyring, context.thresholds);
    let attempt = Attempt { keyring, thresholds, act: &context.act, whom, code, purpose, end: End::More };
    let (receipt, verdict, _) = try_code(unit, &attempt, state, Some(factor)).await?;
    Ok((receipt, verdict.reason()))
}

fn refuse(unit: &mut Unit<'_>, context: &Context, reason: Reason) -> Recorded<Begun> {
    let whom = Whom { path: &context.path, user_id: context.user_id };
    let enrollment = (None, context.binding);
    let draft = events::enrollment_refused(&context.act, &whom, enrollment, (0, false), reason.as_str());
    unit.record(draft).with(Err(reason))
}

/// The recorded refusal as it is answered.
fn refused(reason: Reason, binding: EnrollmentBinding) -> Fault {
    match (reason, binding) {
        (Reason::FactorExists, EnrollmentBinding::Session(_)) => {
            Fault::new(reason).with_message("a factor is configured already; send a fresh code of it")
        }
        _ => reason.into(),
    }
}

async fn claim(unit: &Unit<'_>, user: UserKey, ticket: &PresentedTicket) -> Outcome<TicketClaim> {
    Ok(match ticket {
        PresentedTicket::Absent => TicketClaim::Absent,
        PresentedTicket::Malformed => TicketClaim::Unknown,
        PresentedTicket::Token(token) => {
            match rows::ticket::find(unit, user, digest::token_hash(token)).await? {
                Some(ticket) => TicketClaim::Found(ticket),
                None => TicketClaim::Unknown,
            }
        }
    })
}
