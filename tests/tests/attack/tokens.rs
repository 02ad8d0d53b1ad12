//! Sign-in tokens, good and bad, everywhere: in every field of every RPC that takes a token, and as bearer of every RPC. Only the
//! calls that finish a sign-in accept its token, for its user, once.

use access::{ANY_PEER, Peer, TABLE};
use countersign_tests::evidence::{Throttle, sessions};
use countersign_tests::fields::that_take_tokens;
use countersign_tests::raw::{Caller, reason_of, served_by};
use prost::Message as _;
use proto::common::Role;
use proto::identity::{
    AcknowledgeMfaEnrollmentRequest, BeginMfaEnrollmentRequest, ConfirmMfaEnrollmentRequest,
    GetCurrentUserRequest, NextStep, ReplacePasswordRequest, Session, VerifyMfaRequest,
    VerifyRecoveryCodeRequest,
};
use proto::mfa::{IssueEnrollmentTicketRequest, RegenerateRecoveryCodesRequest};
use testkit::{ADMIN_LOGIN, Authenticator, RESELLER_LOGIN, as_user, reason};
use time::Duration;

use crate::siege::{Siege, whole};

const SIGN_IN: &str = "/countersign.identity.v1.SignInService/";
const IDENTITY: usize = 1;

/// A token and what it is.
struct Specimen {
    what: &'static str,
    token: String,
}

/// Tokens of every kind. The first two are good and belong to the sign-ins that they are named after.
struct Collection {
    specimens: Vec<Specimen>,
    recovery_codes: Vec<String>,
    newcomer: String,
}

const VERIFYING: usize = 0;
const ENROLLING: usize = 1;

impl Collection {
    async fn of(siege: &Siege) -> Self {
        let (system, console) = (&siege.system, &siege.consoles[0]);
        // Dead by age: made first.
        let expired = siege.sign_in().await;
        system.clock.advance(Duration::minutes(10) + Duration::seconds(1));
        let session = siege.consoles[1].verify(&siege.sign_in().await, &siege.code()).await.unwrap();
        let spent = {
            system.clock.advance(Duration::seconds(30));
            let token = siege.sign_in().await;
            console.verify(&token, &siege.code()).await.unwrap();
            token
        };
        system.clock.advance(Duration::seconds(30));
        let request = RegenerateRecoveryCodesRequest {
            code: siege.code(),
            ..RegenerateRecoveryCodesRequest::default()
        };
        let fresh = console.factors.clone().regenerate_recovery_codes(as_user(&session, request)).await;
        system.clock.advance(Duration::seconds(30));
        let by = siege.tree.reseller_again(system).await;
        let (newcomer, ticket) = newcomer(siege, &by).await;
        let verifying = siege.sign_in().await;
        let enrolling = console.start("nina@acme.example").await.unwrap().sign_in_token;
        let foreign = console.start(RESELLER_LOGIN).await.unwrap().sign_in_token;
        let mut truncated = verifying.clone();
        truncated.pop();
        let mut altered = verifying.clone().into_bytes();
        altered[3] = if altered[3] == b'A' { b'B' } else { b'A' };
        let specimens = [
            ("waits for a code", verifying.clone()),
            ("waits for an enrolment", enrolling),
            ("waits for another user's code", foreign),
            ("expired", expired),
            ("spent", spent),
            ("truncated", truncated),
            ("too long", format!("{verifying}A")),
            ("altered", String::from_utf8(altered).unwrap()),
            ("an access token", session.access_token),
            ("a refresh token", session.refresh_token),
            ("an enrolment ticket", ticket),
        ]
        .map(|(what, token)| Specimen { what, token });
        let recovery_codes = fresh.unwrap().into_inner().recovery_codes;
        Self { specimens: specimens.into(), recovery_codes, newcomer }
    }
}

/// A user who must enrol, and a ticket with which they could.
async fn newcomer(siege: &Siege, by: &Session) -> (String, String) {
    let (console, company) = (&siege.consoles[0], &siege.tree.company.id);
    let user = console.create_user(by, company, "nina@acme.example", Role::CompanyUser, true).await.unwrap();
    let request = IssueEnrollmentTicketRequest { user_id: user.id.clone(), ..Default::default() };
    let issued = console.enforcement.clone().issue_enrollment_ticket(as_user(by, request)).await.unwrap();
    (user.id, issued.into_inner().enrollment_ticket)
}

/// The calls that finish a sign-in, as well made as an attacker can make them, with whether they may go through for the good
/// tokens. Those that do are left out of the table and tried at its end.
fn steps(siege: &Siege, collection: &Collection, token: &str) -> [(&'static str, Vec<u8>, Option<usize>); 6] {
    let (sign_in_token, code) = (token.to_owned(), siege.code());
    let recovery_code = collection.recovery_codes[0].clone();
    let new_password = "a new password of the thief".to_owned();
    let begin = BeginMfaEnrollmentRequest {
        sign_in_token: sign_in_token.clone(),
        ..BeginMfaEnrollmentRequest::default()
    };
    let confirm = ConfirmMfaEnrollmentRequest {
        sign_in_token: sign_in_token.clone(),
        code: code.clone(),
        ..ConfirmMfaEnrollmentRequest::default()
    };
    let acknowledge = AcknowledgeMfaEnrollmentRequest {
        sign_in_token: sign_in_token.clone(),
        ..AcknowledgeMfaEnrollmentRequest::default()
    };
    let verify =
        VerifyMfaRequest { sign_in_token: sign_in_token.clone(), code, ..VerifyMfaRequest::default() };
    let recover = VerifyRecoveryCodeRequest {
        sign_in_token: sign_in_token.clone(),
        recovery_code,
        ..VerifyRecoveryCodeRequest::default()
    };
    let replace = ReplacePasswordRequest { sign_in_token, new_password, ..ReplacePasswordRequest::default() };
    [
        ("VerifyMfa", verify.encode_to_vec(), Some(VERIFYING)),
        ("VerifyRecoveryCode", recover.encode_to_vec(), Some(VERIFYING)),
        ("BeginMfaEnrollment", begin.encode_to_vec(), Some(ENROLLING)),
        ("ConfirmMfaEnrollment", confirm.encode_to_vec(), Some(ENROLLING)),
        ("AcknowledgeMfaEnrollment", acknowledge.encode_to_vec(), Some(ENROLLING)),
        ("ReplacePassword", replace.encode_to_vec(), None),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_token_opens_the_calls_that_finish_its_sign_in_and_nothing_else() {
    let siege = Siege::lay().await;
    let collection = Collection::of(&siege).await;
    let caller = Caller::with_certificate(&siege.system, Peer::CONSOLE);
    let user = siege.user_id();
    let had = sessions(&siege.system, user).await;
    let mut wrong = Vec::new();
    for (index, Specimen { what, token }) in collection.specimens.iter().enumerate() {
        for (name, message, good) in steps(&siege, &collection, token) {
            // Another user's good token with a right code of the victim's is tried below, as it costs that user an attempt.
            let foreign = *what == "waits for another user's code" && good == Some(VERIFYING);
            if good == Some(index) || foreign {
                continue;
            }
            let method =
                TABLE.iter().map(|rule| rule.method).find(|method| *method == format!("{SIGN_IN}{name}"));
            let answer = caller.call(IDENTITY, method.unwrap(), message, None).await;
            let answer = answer.map_or_else(|status| reason_of(&status), |_| "OK".to_owned());
            if answer != "SIGN_IN_REFUSED" && answer != "INVALID_ARGUMENT" {
                wrong.push(format!("{name} with a token that is, or {what}: {answer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(sessions(&siege.system, user).await, had);
    foreign_tokens(&siege, &collection).await;
    // After all that the good ones are as good as they were.
    good_tokens(&siege, &collection).await;
}

/// My code does not finish your sign-in, nor yours mine, and only whose sign-in it is pays for it.
async fn foreign_tokens(siege: &Siege, collection: &Collection) {
    let (console, tree, now) = (&siege.consoles[1], &siege.tree, siege.system.now());
    let reseller_code = tree.reseller_authenticator.code(now + Duration::seconds(30));
    assert_ne!(reseller_code, siege.code());
    let pairs =
        [(&collection.specimens[2].token, siege.code()), (&collection.specimens[0].token, reseller_code)];
    for (token, code) in pairs {
        assert_eq!(reason(console.verify(token, &code).await.unwrap_err()), "SIGN_IN_REFUSED");
    }
    for id in [siege.user_id(), &tree.reseller_admin.id] {
        assert_eq!(Throttle::of(&siege.system, id).await.wrong_codes, 1);
    }
}

async fn good_tokens(siege: &Siege, collection: &Collection) {
    let console = &siege.consoles[1];
    let token = &collection.specimens[VERIFYING].token;
    let session = console.verify(token, &siege.code()).await.unwrap();
    assert_eq!(user_of(siege, &session).await, siege.user_id());
    siege.system.clock.advance(Duration::seconds(30));
    assert_eq!(reason(console.verify(token, &siege.code()).await.unwrap_err()), "SIGN_IN_REFUSED", "once");

    let token = &collection.specimens[ENROLLING].token;
    let begun = console.begin(token, "").await.unwrap();
    let phone = Authenticator::new(&begun.secret_base32);
    console.confirm(token, &phone.code(siege.system.now())).await.unwrap();
    let session = console.acknowledge(token).await.unwrap();
    assert_eq!(user_of(siege, &session).await, collection.newcomer);
    for refused in [console.begin(token, "").await.map(drop), console.acknowledge(token).await.map(drop)] {
        assert_eq!(reason(refused.unwrap_err()), "SIGN_IN_REFUSED", "once");
    }
    // The code that confirmed an enrolment does not sign in, and a recovery code is no less single than a sign-in token.
    let started = console.start("nina@acme.example").await.unwrap();
    assert_eq!(started.next_step(), NextStep::VerifyMfa);
    let spent = console.verify(&started.sign_in_token, &phone.code(siege.system.now())).await.unwrap_err();
    assert_eq!(reason(spent), "SIGN_IN_REFUSED");
    let token = console.start(ADMIN_LOGIN).await.unwrap().sign_in_token;
    let request = VerifyRecoveryCodeRequest {
        sign_in_token: token,
        recovery_code: collection.recovery_codes[0].clone(),
        ..VerifyRecoveryCodeRequest::default()
    };
    console.sign_ins.clone().verify_recovery_code(request.clone()).await.unwrap();
    let again = console.sign_ins.clone().verify_recovery_code(request).await.unwrap_err();
    assert_eq!(reason(again), "SIGN_IN_REFUSED");
}

async fn user_of(siege: &Siege, session: &Session) -> String {
    let request = as_user(session, GetCurrentUserRequest {});
    let answer = siege.consoles[0].sessions.clone().get_current_user(request).await.unwrap();
    answer.into_inner().user.unwrap().id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_bearer_of_any_call_a_sign_in_token_is_nobody() {
    let siege = Siege::lay().await;
    let collection = Collection::of(&siege).await;
    let mut wrong = Vec::new();
    let mut calls = 0;
    for rule in TABLE {
        // `operator` may call what only operators may; what neither may is the services' own, who have certificates.
        let admitted = [Peer::CONSOLE, Peer::OPERATOR, Peer::IDENTITY, Peer::TENANT, Peer::MFA];
        let peer =
            admitted.into_iter().find(|peer| rule.peers == ANY_PEER || rule.peers.contains(peer)).unwrap();
        let caller = Caller::with_certificate(&siege.system, peer);
        for service in served_by(rule) {
            let without = caller.call(service, rule.method, Vec::new(), None).await;
            for Specimen { what, token } in &collection.specimens {
                if *what == "an access token" {
                    continue;
                }
                let answer = caller.call(service, rule.method, Vec::new(), Some(token)).await;
                calls += 1;
                let is_right = match (&answer, &without) {
                    (Err(refused), _) if rule.needs_user(peer) => reason_of(refused) == "TOKEN_INVALID",
                    // Nobody is asked for: a token that comes along changes nothing.
                    (Err(refused), Err(before)) => whole(refused) == whole(before),
                    (Ok(_), Ok(_)) => !rule.needs_user(peer),
                    _ => false,
                };
                if !is_right {
                    wrong.push(format!("{} by {peer} with a token that {what}: {answer:?}", rule.method));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {calls}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(calls > 700, "only {calls} calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_field_for_another_token_a_sign_in_token_opens_nothing() {
    let siege = Siege::lay().await;
    let collection = Collection::of(&siege).await;
    // Whoever holds it may call what users may call: what counts is the field.
    siege.system.clock.advance(Duration::seconds(30));
    let root = {
        let token = siege.consoles[0].start(testkit::PROVIDER_LOGIN).await.unwrap().sign_in_token;
        let code = siege.tree.provider_authenticator.code(siege.system.now());
        siege.consoles[0].verify(&token, &code).await.unwrap()
    };
    let fields = that_take_tokens();
    let step_calls =
        fields.iter().filter(|(method, field, _)| method.starts_with(SIGN_IN) && field == "sign_in_token");
    assert_eq!(step_calls.count(), steps(&siege, &collection, "").len(), "every step is in the table");
    let mut wrong = Vec::new();
    let mut calls = 0;
    for (method, field, number) in fields.iter().filter(|(_, field, _)| field != "sign_in_token") {
        let rule = access::rule(method).unwrap();
        let admitted = [Peer::CONSOLE, Peer::OPERATOR, Peer::IDENTITY, Peer::MFA];
        let peer = admitted.into_iter().find(|peer| rule.peers.contains(peer)).unwrap();
        let caller = Caller::with_certificate(&siege.system, peer);
        for service in served_by(rule) {
            for Specimen { what, token } in &collection.specimens[..8] {
                let mut message = Vec::new();
                prost::encoding::string::encode(*number, token, &mut message);
                let bearer = rule.needs_user(peer).then_some(root.access_token.as_str());
                let answer = caller.call(service, method, message, bearer).await;
                calls += 1;
                let is_right = match &answer {
                    // Introspection says of what it does not know that it is not alive, and nothing more.
                    Ok(answer) => method.ends_with("/IntrospectToken") && answer.is_empty(),
                    Err(refused) => matches!(
                        refused.code(),
                        tonic::Code::InvalidArgument
                            | tonic::Code::Unauthenticated
                            | tonic::Code::NotFound
                            | tonic::Code::FailedPrecondition
                            | tonic::Code::PermissionDenied
                    ),
                };
                if !is_right {
                    wrong.push(format!("{method} {field} with a token that is, or {what}: {answer:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {calls}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(calls > 100, "only {calls} calls");
}
