//! One sign-in, one trace: through identity and mfa to their databases, and not a secret in it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use data_encoding::BASE32_NOPAD;
use proto::identity::sign_in_service_client::SignInServiceClient;
use proto::identity::{NextStep, StartSignInRequest, StartSignInResponse, VerifyMfaRequest};
use telemetry::TraceId;
use testkit::{Authenticator, Scanner, Secret};
use time::OffsetDateTime;
use tonic::{Code, Request};

use crate::collector::{Collector, Told};
use crate::running::Running;

/// A sign-in that was completed.
pub(crate) struct SignedIn {
    trace: TraceId,
    /// What nobody must be told, and what it is.
    secrets: Vec<(&'static str, Secret)>,
}

pub(crate) fn new_trace() -> TraceId {
    TraceId::generate()
}

/// The first step of the demo reseller's administrator, within a trace.
pub(crate) async fn start_sign_in(running: &Running, trace: &TraceId) -> StartSignInResponse {
    let message = StartSignInRequest {
        login: running.get("RESELLER_A_ADMIN_LOGIN").to_owned(),
        password: running.get("RESELLER_A_ADMIN_PASSWORD").to_owned(),
        ..StartSignInRequest::default()
    };
    let mut client = SignInServiceClient::new(running.identity());
    client.start_sign_in(within(trace, message)).await.unwrap().into_inner()
}

/// A whole sign-in with a code.
pub(crate) async fn sign_in(running: &Running) -> SignedIn {
    let trace = new_trace();
    let secret = running.get("RESELLER_A_ADMIN_TOTP_SECRET");
    let authenticator = Authenticator::new(secret);
    let text = |text: &str| Secret::Bytes(text.as_bytes().to_vec());
    let seed = BASE32_NOPAD.decode(secret.replace(' ', "").as_bytes()).unwrap();
    let mut secrets = vec![
        ("password", text(running.get("RESELLER_A_ADMIN_PASSWORD"))),
        ("secret_base32", text(secret)),
        ("seed", Secret::Bytes(seed)),
    ];
    let mut client = SignInServiceClient::new(running.identity());
    let begun = Instant::now();
    // The codes of the present steps were perhaps used when the demo was made: the next one was not.
    loop {
        let started = start_sign_in(running, &trace).await;
        assert_eq!(started.next_step(), NextStep::VerifyMfa);
        secrets.push(("sign_in_token", text(&started.sign_in_token)));
        let code = authenticator.code(OffsetDateTime::now_utc());
        secrets.push(("code", Secret::Code(code.clone())));
        let message = VerifyMfaRequest {
            sign_in_token: started.sign_in_token,
            code: code.clone(),
            ..VerifyMfaRequest::default()
        };
        match client.verify_mfa(within(&trace, message)).await {
            Ok(answer) => {
                let session = answer.into_inner().session.unwrap();
                // Of a signed token the signature makes it one.
                let signature = session.access_token.rsplit('.').next().unwrap();
                secrets.extend([
                    ("access_token", text(signature)),
                    ("refresh_token", text(&session.refresh_token)),
                ]);
                return SignedIn { trace, secrets };
            }
            Err(refused) => assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "no code is accepted");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Waits until the trace is complete, and looks at it.
pub(crate) async fn arrive_as_one(collector: &Collector, signed_in: &SignedIn) {
    let trace = signed_in.trace.to_string();
    let begun = Instant::now();
    while missing(&collector.trace(&trace)).is_some()
        || !["tenant", "identity", "mfa"].iter().all(|service| collector.has_all_signals_of(service))
    {
        let spans = collector.trace(&trace);
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?} of {spans:#?}", missing(&spans));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Every span hangs on another one of the trace, or on the caller's.
    let spans = collector.trace(&trace);
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.id.as_slice()).collect();
    for span in &spans {
        let is_entry = span.service == "identity" && span.name.contains("SignInService/");
        assert!(is_entry || ids.contains(span.parent.as_slice()), "{span:?} hangs on nothing");
    }
}

impl SignedIn {
    /// The search for everything that nobody must be told, in whatever form.
    pub(crate) fn scanner(&self) -> Scanner {
        Scanner::new(self.secrets.iter().map(|(name, secret)| (*name, secret)))
    }
}

/// What the trace of a sign-in still lacks.
fn missing(spans: &[Told]) -> Option<&'static str> {
    let expected: [(&str, &str); 9] = [
        ("identity", "countersign.identity.v1.SignInService/StartSignIn"),
        ("identity", "argon2id"),
        ("identity", "countersign.mfa.v1.VerificationService/EvaluateSignIn"),
        ("mfa", "countersign.mfa.v1.VerificationService/EvaluateSignIn"),
        ("identity", "countersign.identity.v1.SignInService/VerifyMfa"),
        ("mfa", "countersign.mfa.v1.VerificationService/VerifyCode"),
        ("mfa", "verification"),
        ("mfa", "verify_code"),
        ("mfa", "commit"),
    ];
    let has =
        |service: &str, name: &str| spans.iter().any(|span| span.service == service && span.name == name);
    if let Some((_, name)) = expected.iter().find(|(service, name)| !has(service, name)) {
        return Some(name);
    }
    let has_sql = |service: &str| spans.iter().any(|span| span.service == service && span.is_sql);
    if !has_sql("identity") || !has_sql("mfa") {
        return Some("SQL");
    }
    // The root of each hop has its parent on the other side, which is told apart.
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.id.as_slice()).collect();
    let hangs = |span: &&Told| span.service == "mfa" && !ids.contains(span.parent.as_slice());
    spans.iter().find(hangs).map(|_| "a parent")
}

fn within<T>(trace: &TraceId, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("traceparent", trace.to_traceparent().parse().unwrap());
    request
}
