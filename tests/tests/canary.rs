//! A whole life of a user, with every kind of secret, and all of them searched for afterwards: in the three databases, in log lines
//! and spans at their most detailed, in events and in refusals. (Every test with a system ends with the same search, of less
//! detailed logs.) And that what is planted is found.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what surprises a test's helper fails the test"
)]

use proto::common::Role;
use proto::identity::{
    AcceptInvitationRequest, AcknowledgeMfaEnrollmentRequest, ChangePasswordRequest,
    ConfirmMfaEnrollmentRequest, CreateUserRequest, IntrospectTokenRequest, ListUsersRequest,
    RefreshSessionRequest, ReplacePasswordRequest, Session, SetPasswordRequest, StepUpRequest,
    VerifyMfaRequest, VerifyRecoveryCodeRequest,
};
use proto::mfa::{
    AcknowledgeEnrollmentRequest, BeginEnrollmentRequest, BreakGlassTicketRequest, ConfirmEnrollmentRequest,
    IssueEnrollmentTicketRequest, RegenerateRecoveryCodesRequest, ResetMfaRequest,
};
use testkit::{
    Authenticator, Console, PROVIDER_LOGIN, TestSystem, Tree, as_user, listen_to_everything, reason,
};
use time::Duration;
use uuid::Uuid;

const LOGIN: &str = "carla@acme.example";
const PASSWORDS: [&str; 5] = [
    "Kanarienvogel im Bergwerk 1",
    "Kanarienvogel im Bergwerk 2",
    "Zwitschert/er+noch? (ja)",
    "ein viertes, für die Würde",
    "und ein fünftes danach",
];

fn some_id() -> String {
    Uuid::now_v7().to_string()
}

/// The phone, the recovery codes, and where one signs in.
struct Life<'a> {
    system: &'a TestSystem,
    console: Console,
    phone: Authenticator,
    recovery_codes: Vec<String>,
}

impl<'a> Life<'a> {
    /// Invited, with a first password, and enrolled by ticket, every answer asked for twice.
    async fn begin(system: &'a TestSystem, tree: &Tree) -> (Self, Session) {
        let console = system.console.clone();
        let by = &tree.reseller_session;
        let request = CreateUserRequest {
            organization_id: tree.company.id.clone(),
            login: LOGIN.to_owned(),
            role: Role::CompanyUser.into(),
            invite: true,
            enforce_mfa: true,
            request_id: some_id(),
            ..CreateUserRequest::default()
        };
        let created = console.users.clone().create_user(as_user(by, request)).await.unwrap().into_inner();
        for (invitation, password) in [("A".repeat(43), PASSWORDS[0]), (created.invitation, PASSWORDS[0])] {
            let request = AcceptInvitationRequest { invitation, password: password.to_owned() };
            drop(console.sign_ins.clone().accept_invitation(request).await);
        }
        let user_id = created.user.unwrap().id;
        let request = IssueEnrollmentTicketRequest { user_id, ..IssueEnrollmentTicketRequest::default() };
        let issued = console.enforcement.clone().issue_enrollment_ticket(as_user(by, request)).await.unwrap();
        let token = console.start_with(LOGIN, PASSWORDS[0]).await.unwrap().sign_in_token;
        let begun = console.begin(&token, &issued.into_inner().enrollment_ticket).await.unwrap();
        let phone = Authenticator::new(&begun.secret_base32);
        let confirm = ConfirmMfaEnrollmentRequest {
            sign_in_token: token.clone(),
            code: phone.code(system.now()),
            request_id: some_id(),
        };
        let wrong = ConfirmMfaEnrollmentRequest { code: "481516".to_owned(), ..confirm.clone() };
        console.sign_ins.clone().confirm_mfa_enrollment(wrong).await.unwrap_err();
        let confirm = ConfirmMfaEnrollmentRequest { request_id: some_id(), ..confirm };
        console.sign_ins.clone().confirm_mfa_enrollment(confirm.clone()).await.unwrap();
        let confirmed = console.sign_ins.clone().confirm_mfa_enrollment(confirm).await.unwrap();
        let acknowledge = AcknowledgeMfaEnrollmentRequest { sign_in_token: token, request_id: some_id() };
        console.sign_ins.clone().acknowledge_mfa_enrollment(acknowledge.clone()).await.unwrap();
        let answer = console.sign_ins.clone().acknowledge_mfa_enrollment(acknowledge).await.unwrap();
        let recovery_codes = confirmed.into_inner().recovery_codes;
        (Self { system, console, phone, recovery_codes }, answer.into_inner().session.unwrap())
    }

    fn code(&self) -> String {
        self.system.clock.advance(Duration::seconds(30));
        self.phone.code(self.system.now())
    }

    /// Wrong passwords, wrong codes, wrong and right recovery codes, and the right code, asked for twice.
    async fn sign_in(&self, password: &str) -> Session {
        let console = &self.console;
        console.start_with(LOGIN, "Kanarienvogel im Bergwerk 0").await.unwrap_err();
        let token = console.start_with(LOGIN, password).await.unwrap().sign_in_token;
        console.verify(&token, "815162").await.unwrap_err();
        for recovery_code in ["0123-4567-89ab-cdef", "geheimer notfall", self.recovery_codes[0].as_str()] {
            let request = VerifyRecoveryCodeRequest {
                sign_in_token: token.clone(),
                recovery_code: recovery_code.to_owned(),
                request_id: some_id(),
            };
            drop(console.sign_ins.clone().verify_recovery_code(request).await);
        }
        let sign_in_token = console.start_with(LOGIN, password).await.unwrap().sign_in_token;
        let request = VerifyMfaRequest { sign_in_token, code: self.code(), request_id: some_id() };
        console.sign_ins.clone().verify_mfa(request.clone()).await.unwrap();
        console.sign_ins.clone().verify_mfa(request).await.unwrap().into_inner().session.unwrap()
    }

    /// What one does in a session, and with tokens that are no good.
    async fn live(&self, session: &Session) -> Session {
        let mut sessions = self.console.sessions.clone();
        let request = RefreshSessionRequest {
            refresh_token: session.refresh_token.clone(),
            request_id: some_id(),
            ..RefreshSessionRequest::default()
        };
        sessions.refresh_session(request.clone()).await.unwrap();
        let session = sessions.refresh_session(request).await.unwrap().into_inner().session.unwrap();
        let request = StepUpRequest { code: self.code(), request_id: some_id() };
        sessions.step_up(as_user(&session, request)).await.unwrap();
        let request = StepUpRequest { code: "162342".to_owned(), request_id: some_id() };
        sessions.step_up(as_user(&session, request)).await.unwrap_err();
        for access_token in [session.access_token.clone(), format!("{}x", session.access_token)] {
            sessions.introspect_token(IntrospectTokenRequest { access_token }).await.unwrap();
        }
        let stranger = Session { access_token: session.refresh_token.clone(), ..Session::default() };
        let request = as_user(&stranger, StepUpRequest::default());
        assert_eq!(reason(sessions.step_up(request).await.unwrap_err()), "TOKEN_INVALID");
        session
    }

    /// New recovery codes and a new phone, in the session.
    async fn replace_phone(&mut self, session: &Session) {
        let mut factors = self.console.factors.clone();
        let request = RegenerateRecoveryCodesRequest { code: self.code(), request_id: some_id() };
        factors.regenerate_recovery_codes(as_user(session, request.clone())).await.unwrap();
        factors.regenerate_recovery_codes(as_user(session, request)).await.unwrap();
        let request = BeginEnrollmentRequest { code: self.code(), ..BeginEnrollmentRequest::default() };
        let begun = factors.begin_enrollment(as_user(session, request)).await.unwrap().into_inner();
        self.phone = Authenticator::new(&begun.secret_base32);
        let request = ConfirmEnrollmentRequest { code: self.code(), request_id: some_id() };
        factors.confirm_enrollment(as_user(session, request.clone())).await.unwrap();
        let confirmed = factors.confirm_enrollment(as_user(session, request)).await.unwrap();
        self.recovery_codes = confirmed.into_inner().recovery_codes;
        let request = AcknowledgeEnrollmentRequest { request_id: some_id() };
        factors.acknowledge_enrollment(as_user(session, request)).await.unwrap();
    }

    /// Twenty wrong codes, and the password that must be replaced for it.
    async fn be_guessed_at(&self, tree: &Tree, password: &str, new: &str) -> Session {
        for round in 0..4 {
            let token = self.console.start_with(LOGIN, password).await.unwrap().sign_in_token;
            for number in 0..5 {
                let wrong = format!("{:06}", 234_109 + 5 * round + number);
                self.console.verify(&token, &wrong).await.unwrap_err();
            }
            self.system.clock.advance(Duration::minutes(61));
        }
        let suspected = || async {
            let by = tree.reseller_again(self.system).await;
            let events = self.console.identity_history(&by, &tree.company.id).await.unwrap();
            events.iter().any(|event| event.r#type == "identity.user.password_suspected")
        };
        self.system.eventually("identity suspects the password", suspected).await;
        let token = self.console.start_with(LOGIN, password).await.unwrap().sign_in_token;
        let request =
            VerifyMfaRequest { sign_in_token: token.clone(), code: self.code(), request_id: some_id() };
        self.console.sign_ins.clone().verify_mfa(request).await.unwrap();
        let refused = ReplacePasswordRequest {
            sign_in_token: token.clone(),
            new_password: "password1".to_owned(),
            request_id: some_id(),
        };
        self.console.sign_ins.clone().replace_password(refused).await.unwrap_err();
        let request = ReplacePasswordRequest {
            sign_in_token: token,
            new_password: new.to_owned(),
            request_id: some_id(),
        };
        self.console.sign_ins.clone().replace_password(request.clone()).await.unwrap();
        let replaced = self.console.sign_ins.clone().replace_password(request).await;
        replaced.unwrap().into_inner().session.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_whole_life_no_secret_is_left_anywhere() {
    listen_to_everything();
    let system = TestSystem::with_replicas(2).await;
    let tree = Tree::plant(&system).await;
    let (mut life, session) = Life::begin(&system, &tree).await;
    life.live(&session).await;
    let session = life.sign_in(PASSWORDS[0]).await;
    let session = life.live(&session).await;
    life.replace_phone(&session).await;
    let session = life.sign_in(PASSWORDS[0]).await;
    for current_password in ["Kanarienvogel im Bergwerk 9", PASSWORDS[0]] {
        let request = ChangePasswordRequest {
            current_password: current_password.to_owned(),
            new_password: PASSWORDS[1].to_owned(),
            ..ChangePasswordRequest::default()
        };
        drop(life.console.users.clone().change_password(as_user(&session, request)).await);
    }
    life.be_guessed_at(&tree, PASSWORDS[1], PASSWORDS[2]).await;
    let by = tree.reseller_again(&system).await;
    let request =
        ListUsersRequest { organization_id: tree.company.id.clone(), ..ListUsersRequest::default() };
    let listed = life.console.users.clone().list_users(as_user(&by, request)).await.unwrap().into_inner();
    let user_id = listed.users.into_iter().find(|user| user.login == LOGIN).unwrap().id;
    let request = SetPasswordRequest { user_id: user_id.clone(), password: PASSWORDS[3].to_owned() };
    life.console.users.clone().set_password(as_user(&by, request)).await.unwrap();
    let request = ResetMfaRequest {
        user_id,
        reason: "lost phone".to_owned(),
        request_id: some_id(),
        ..ResetMfaRequest::default()
    };
    life.console.factors.clone().reset_mfa(as_user(&by, request.clone())).await.unwrap();
    let reset = life.console.factors.clone().reset_mfa(as_user(&by, request)).await.unwrap().into_inner();
    let token = life.console.start_with(LOGIN, PASSWORDS[3]).await.unwrap().sign_in_token;
    life.console.enrol(&token, &reset.enrollment_ticket, system.now()).await.unwrap();
    let request = BreakGlassTicketRequest {
        login: PROVIDER_LOGIN.to_owned(),
        reason: "sole administrator lost the phone".to_owned(),
        request_id: some_id(),
        ..BreakGlassTicketRequest::default()
    };
    system.operator.factors.clone().break_glass_ticket(request.clone()).await.unwrap();
    let again = system.operator.factors.clone().break_glass_ticket(request).await.unwrap().into_inner();
    let token = life.console.start(PROVIDER_LOGIN).await.unwrap().sign_in_token;
    life.console.enrol(&token, &again.enrollment_ticket, system.now()).await.unwrap();

    let seen: Vec<&str> = system.secrets_seen().into_iter().collect();
    // `replay_key` goes from identity to mfa alone.
    assert_eq!(
        seen,
        [
            "access_token",
            "code",
            "current_password",
            "enrollment_ticket",
            "invitation",
            "new_password",
            "otpauth_uri",
            "password",
            "recovery_code",
            "recovery_codes",
            "refresh_token",
            "secret_base32",
            "sign_in_token",
        ]
    );
    assert_eq!(system.leaks(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_planted_is_found() {
    listen_to_everything();
    let mut system = TestSystem::start().await;
    let tree = Tree::plant(&system).await;
    let (_, session) = tree.enrolled_admin(&system).await;
    assert_eq!(system.leaks(), []);
    let token = session.refresh_token.clone();
    let raw = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
    let rows = system.identity_database.owner().await;
    rows.batch_execute("CREATE TABLE planted (words text, bytes bytea, many bytea[])").await.unwrap();
    let insert = "INSERT INTO planted VALUES ($1, $2, ARRAY[''::bytea, $2])";
    let plant = async |words: Option<&str>, bytes: Option<&[u8]>| {
        rows.execute(insert, &[&words, &bytes]).await.unwrap();
        let found = system.leaks();
        rows.execute("DELETE FROM planted", &[]).await.unwrap();
        found.into_iter().map(|finding| (finding.secret, finding.form)).collect::<Vec<_>>()
    };
    let has = |found: &[(String, &str)], form| found.contains(&("refresh_token".to_owned(), form));
    assert!(has(&plant(Some(&token), None).await, "raw"));
    assert!(has(&plant(None, Some(token.as_bytes())).await, "raw"));
    assert!(has(&plant(None, Some(&raw)).await, "raw"));
    let hex = data_encoding::HEXLOWER.encode(token.as_bytes());
    assert!(has(&plant(Some(&hex), None).await, "hex"));
    assert!(has(&plant(None, Some(hex.as_bytes())).await, "hex"));
    assert_eq!(plant(Some("a canary that is none"), Some(b"nor this one")).await, []);

    system.has_planted_leaks();
    let before = system.leaks().len();
    let span = tracing::trace_span!("planted", token);
    span.in_scope(|| tracing::trace!(?raw, "a careless line"));
    let found: Vec<_> = system.leaks().into_iter().map(|finding| finding.form).collect();
    assert_eq!(before, 0);
    assert!(found.contains(&"raw") && found.contains(&"decimal list"), "{found:?}");
}
