//! The nine steps. Each function is one or two of them; all go over the public API as the console would.

use proto::events::{EventOrder, ListEventsRequest};
use proto::identity::{GetCurrentUserRequest, NextStep, RefreshSessionRequest, Session};
use proto::mfa::{
    DisableMfaRequest, EnforceMfaRequest, EnforcementState, GetEnforcementRequest, ListFactorsRequest,
    ReenableMfaRequest, RemoveFactorRequest, Target, target,
};

use super::show::{call, check, picture, refusal, say, step};
use crate::authenticator::{Authenticator, settled_step};
use crate::demo::Known;
use crate::failure::{Failure, Outcome};
use crate::platform::{Platform, as_user, refused};
use crate::system::System;

const RESELLER: &str = "the reseller's administrator";
const ADMIN: &str = "the company's administrator";

/// Who takes part.
struct Cast {
    console: Platform,
    reseller: Session,
    admin: Known,
    company_id: String,
}

pub(crate) async fn walk(system: &System) -> Outcome<()> {
    let console = Platform::connect(&system.access("console"))?;
    let reseller = system.demo().known("RESELLER_A")?;
    let admin = system.demo().known("COMPANY_A2")?;
    let company_id = admin.organization_id.clone();
    let (reseller, _) =
        console.sign_in(&reseller.login, &reseller.password, reseller.authenticator.as_ref(), 0).await?;
    let cast = Cast { console, reseller, admin, company_id };

    enforce(&cast).await?;
    let (first, session) = enrol(&cast, [2, 3, 4, 5]).await?;
    let user_id = cannot_turn_off(&cast, &session, &first).await?;
    let session = sign_in_with_code(&cast, &first).await?;
    reset(&cast, &user_id, &session, &first).await?;
    audit(&cast, &user_id).await
}

async fn enforce(cast: &Cast) -> Outcome<()> {
    step(1, "The reseller enforces MFA for the company");
    let request = EnforceMfaRequest {
        target: company(&cast.company_id),
        reason: "security policy of the year".to_owned(),
        ..EnforceMfaRequest::default()
    };
    let answer = cast
        .console
        .enforcement
        .clone()
        .enforce_mfa(as_user(request, &cast.reseller.access_token)?)
        .await
        .map_err(|status| refused("enforce MFA", &status))?
        .into_inner();
    let state = answer.enforcement.map(|enforcement| enforcement.effective_state()).unwrap_or_default();
    call(RESELLER, "EnforceMfa{company}", state.as_str_name());
    check(state == EnforcementState::Enabled, "it is in force when the call has answered")
}

/// Steps 2 to 5, with the numbers to show; used again after the reset.
async fn enrol(cast: &Cast, numbers: [u32; 4]) -> Outcome<(Authenticator, Session)> {
    let [sign_in, scan, code, saved] = numbers;
    step(sign_in, "At the next sign-in the administrator must set up MFA");
    let started = cast
        .console
        .start_sign_in(&cast.admin.login, &cast.admin.password)
        .await
        .map_err(|status| refused("sign in", &status))?;
    call(ADMIN, "StartSignIn{login, password}", started.next_step().as_str_name());
    check(started.next_step() == NextStep::EnrollMfa, "the password alone leads to enrolment")?;
    check(started.session.is_none(), "and opens no session")?;

    step(scan, "A QR code for the authenticator app");
    let enrollment = cast
        .console
        .begin_enrollment(&started.sign_in_token, "")
        .await
        .map_err(|status| refused("begin the enrolment", &status))?;
    call(ADMIN, "BeginMfaEnrollment", &enrollment.otpauth_uri);
    picture(&enrollment.qr_text);
    say(&format!("or typed by hand: {}", enrollment.secret_base32));
    check(enrollment.qr_png.starts_with(b"\x89PNG"), "the QR code is there as PNG, SVG and text")?;

    step(code, "The code that the app shows");
    let authenticator = Authenticator::new(&enrollment.secret_base32)?;
    // The previous step's code, as a slow phone would show it: so the present one is still good for the next sign-in.
    let shown = authenticator.code(settled_step().await - 1)?;
    cast.console
        .confirm_enrollment(&started.sign_in_token, &shown)
        .await
        .map_err(|status| refused("confirm the enrolment", &status))?;
    call(ADMIN, &format!("ConfirmMfaEnrollment{{code: {shown}}}"), "accepted");

    step(saved, "\"I saved it\": the factor becomes active");
    let session = cast
        .console
        .acknowledge_enrollment(&started.sign_in_token)
        .await
        .map_err(|status| refused("acknowledge the enrolment", &status))?;
    call(ADMIN, "AcknowledgeMfaEnrollment", &format!("session {}", session.session_id));
    let again = cast.console.acknowledge_enrollment(&started.sign_in_token).await;
    refusal(ADMIN, "AcknowledgeMfaEnrollment (again)", again, "SIGN_IN_REFUSED")?;
    Ok((authenticator, session))
}

async fn cannot_turn_off(cast: &Cast, session: &Session, authenticator: &Authenticator) -> Outcome<String> {
    step(6, "The company's administrator cannot turn it off");
    let token = &session.access_token;
    let current = cast
        .console
        .sessions
        .clone()
        .get_current_user(as_user(GetCurrentUserRequest {}, token)?)
        .await
        .map_err(|status| refused("ask who is signed in", &status))?
        .into_inner();
    let user_id = current.user.map(|user| user.id).unwrap_or_default();

    let mut enforcement = cast.console.enforcement.clone();
    let request = GetEnforcementRequest { target: user(&user_id) };
    let explained = enforcement
        .get_enforcement(as_user(request, token)?)
        .await
        .map_err(|status| refused("ask for the enforcement", &status))?
        .into_inner()
        .enforcement
        .ok_or_else(|| Failure::new("the answer holds no enforcement"))?;
    let summary = format!(
        "{} from {}; can_disable={} ({}: {})",
        explained.effective_state().as_str_name(),
        explained.deciding_level().as_str_name(),
        explained.can_disable,
        explained.cannot_disable_reason,
        explained.cannot_disable_message,
    );
    call(ADMIN, "GetEnforcement{self}", &summary);
    let inherited = explained.effective_state() == EnforcementState::EnabledByInheritance;
    check(inherited && !explained.can_disable, "the API says so before they try")?;

    for (what, target) in [("company", company(&cast.company_id)), ("self", user(&user_id))] {
        let request =
            DisableMfaRequest { target, reason: "annoying".to_owned(), ..DisableMfaRequest::default() };
        let expected = if what == "self" { "SELF_ADMINISTRATION" } else { "ROLE_NOT_ALLOWED" };
        let answer = enforcement.disable_mfa(as_user(request, token)?).await;
        refusal(ADMIN, &format!("DisableMfa{{{what}}}"), answer, expected)?;
    }

    let mut factors = cast.console.factors.clone();
    let listed = factors
        .list_factors(as_user(ListFactorsRequest::default(), token)?)
        .await
        .map_err(|status| refused("list the factors", &status))?
        .into_inner();
    let factor_id = listed.factors.first().map(|factor| factor.id.clone()).unwrap_or_default();
    let code = authenticator.code(settled_step().await)?;
    let request = RemoveFactorRequest { factor_id, code, request_id: String::new() };
    let answer = factors.remove_factor(as_user(request, token)?).await;
    refusal(ADMIN, "RemoveFactor", answer, "MFA_ENFORCED")?;
    Ok(user_id)
}

async fn sign_in_with_code(cast: &Cast, authenticator: &Authenticator) -> Outcome<Session> {
    step(7, "From now on: password, then code");
    let start = || cast.console.start_sign_in(&cast.admin.login, &cast.admin.password);
    let started = start().await.map_err(|status| refused("sign in", &status))?;
    call(ADMIN, "StartSignIn{login, password}", started.next_step().as_str_name());
    check(started.next_step() == NextStep::VerifyMfa && started.session.is_none(), "the code is asked for")?;
    let code = authenticator.code(settled_step().await)?;
    let session = cast
        .console
        .verify(&started.sign_in_token, &code)
        .await
        .map_err(|status| refused("verify the code", &status))?;
    call(ADMIN, &format!("VerifyMfa{{code: {code}}}"), &format!("session {}", session.session_id));
    let another = start().await.map_err(|status| refused("sign in", &status))?;
    let replayed = cast.console.verify(&another.sign_in_token, &code).await;
    refusal(ADMIN, &format!("VerifyMfa{{code: {code}}} in a new sign-in"), replayed, "SIGN_IN_REFUSED")?;
    Ok(session)
}

async fn reset(cast: &Cast, user_id: &str, session: &Session, old: &Authenticator) -> Outcome<()> {
    step(8, "The phone is lost: the reseller disables and re-enables MFA for the user");
    let open = cast
        .console
        .start_sign_in(&cast.admin.login, &cast.admin.password)
        .await
        .map_err(|status| refused("sign in", &status))?;
    let mut enforcement = cast.console.enforcement.clone();
    let token = &cast.reseller.access_token;
    let reason = "phone lost, ticket 4711".to_owned();
    let request =
        DisableMfaRequest { target: user(user_id), reason: reason.clone(), ..DisableMfaRequest::default() };
    enforcement
        .disable_mfa(as_user(request, token)?)
        .await
        .map_err(|status| refused("disable MFA for the user", &status))?;
    call(RESELLER, "DisableMfa{user}", "done");

    let refreshed = cast
        .console
        .sessions
        .clone()
        .refresh_session(RefreshSessionRequest {
            refresh_token: session.refresh_token.clone(),
            ..RefreshSessionRequest::default()
        })
        .await;
    refusal(ADMIN, "RefreshSession (the old session)", refreshed, "REFRESH_REFUSED")?;
    let code = old.code(settled_step().await + 1)?;
    let finished = cast.console.verify(&open.sign_in_token, &code).await;
    refusal(ADMIN, "VerifyMfa (the sign-in that was open)", finished, "SIGN_IN_REFUSED")?;
    let between = cast
        .console
        .start_sign_in(&cast.admin.login, &cast.admin.password)
        .await
        .map_err(|status| refused("sign in", &status))?;
    check(between.session.is_none(), "between disable and re-enable the password alone opens no session")?;

    let request = ReenableMfaRequest { target: user(user_id), reason, ..ReenableMfaRequest::default() };
    enforcement
        .reenable_mfa(as_user(request, token)?)
        .await
        .map_err(|status| refused("re-enable MFA for the user", &status))?;
    call(RESELLER, "ReenableMfa{user}", "done");

    say("The administrator enrols afresh:");
    let (new, _) = enrol(cast, [2, 3, 4, 5]).await?;
    let started = cast
        .console
        .start_sign_in(&cast.admin.login, &cast.admin.password)
        .await
        .map_err(|status| refused("sign in", &status))?;
    let stale = cast.console.verify(&started.sign_in_token, &old.code(settled_step().await)?).await;
    refusal(ADMIN, "VerifyMfa (a code of the old secret)", stale, "SIGN_IN_REFUSED")?;
    cast.console
        .verify(&started.sign_in_token, &new.code(settled_step().await)?)
        .await
        .map_err(|status| refused("verify a code of the new secret", &status))?;
    check(true, "a code of the new secret is accepted")
}

async fn audit(cast: &Cast, user_id: &str) -> Outcome<()> {
    step(9, "Everything is on the event log");
    let request = ListEventsRequest {
        organization_id: cast.company_id.clone(),
        order: EventOrder::OldestFirst.into(),
        page_size: 500,
        ..ListEventsRequest::default()
    };
    // An event is listed when it has its position, some milliseconds after its commit: the last one is that of step 8.
    let mut events = Vec::new();
    for _ in 0..100 {
        events = cast
            .console
            .mfa_events
            .clone()
            .list_events(as_user(request.clone(), &cast.reseller.access_token)?)
            .await
            .map_err(|status| refused("list the events", &status))?
            .into_inner()
            .events;
        if events.last().is_some_and(|event| event.r#type == "mfa.verification.succeeded") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for event in &events {
        let actor = event.actor.as_ref().map(|actor| actor.role().as_str_name()).unwrap_or_default();
        let reason = if event.reason.is_empty() { String::new() } else { format!("({})", event.reason) };
        say(&format!("{:>4}  {:<32} {:<22} {:<9} {reason}", event.position, event.r#type, actor, event.peer));
    }
    let rising = events.windows(2).all(|pair| matches!(pair, [a, b] if a.position < b.position));
    check(rising, "in order")?;
    let expected = [
        "mfa.enforcement.enforced",
        "mfa.enrollment.begun",
        "mfa.enrollment.confirmed",
        "mfa.factor.enrolled",
        "mfa.verification.succeeded",
        "mfa.verification.refused",
        "mfa.enforcement.disabled",
        "mfa.enforcement.reenabled",
        "mfa.factor.enrolled",
        "mfa.verification.succeeded",
    ];
    let mut types = events.iter().map(|event| event.r#type.as_str());
    for wanted in expected {
        check(types.any(|found| found == wanted), &format!("{wanted} is there, after the one before"))?;
    }
    let by_reseller = events
        .iter()
        .filter(|event| event.r#type.starts_with("mfa.enforcement."))
        .all(|event| event.actor.as_ref().is_some_and(|actor| actor.id != user_id && !actor.id.is_empty()));
    check(by_reseller, "enforced, disabled and re-enabled by the reseller's administrator")
}

fn company(id: &str) -> Option<Target> {
    Some(Target { target: Some(target::Target::CompanyId(id.to_owned())) })
}

fn user(id: &str) -> Option<Target> {
    Some(Target { target: Some(target::Target::UserId(id.to_owned())) })
}
