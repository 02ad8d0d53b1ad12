//! Users who sign in again and again, each in every time step once, and a client that keeps to `docs/clients.md`.

use std::time::Duration;

use proto::common::Role;
use proto::identity::{RefreshSessionRequest, Session, StartSignInRequest, VerifyMfaRequest};
use testkit::{Authenticator, Console, PASSWORD, TestSystem, Tree};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use uuid::Uuid;

/// The first pause of a client that repeats a call; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A user with an authenticator.
#[derive(Debug, Clone)]
pub struct Person {
    /// The login.
    pub login: String,
    /// The user's id.
    pub user_id: String,
    /// What they hold in their hand.
    pub authenticator: Authenticator,
}

impl Person {
    /// So many users of the tree's company, enrolled with the code of the step before the present one.
    pub async fn enrolled(system: &TestSystem, tree: &Tree, count: usize) -> Vec<Self> {
        let console = &system.console;
        let mut people = Vec::new();
        for number in 0..count {
            let login = format!("user{number}@acme.example");
            let user = console
                .create_user(&tree.reseller_session, &tree.company.id, &login, Role::CompanyUser, true)
                .await
                .expect("a user");
            let started = console.start(&login).await.expect("the password is right");
            let (authenticator, _) =
                console.enrol(&started.sign_in_token, "", system.now()).await.expect("enrols");
            people.push(Self { login, user_id: user.id, authenticator });
        }
        people
    }

    /// Signs in with a code and refreshes the session, repeating what may be repeated for as long as `patience` lasts.
    ///
    /// # Errors
    /// What the last call was refused with.
    pub async fn sign_in(
        &self,
        console: &Console,
        code: &str,
        patience: Duration,
    ) -> Result<Session, Status> {
        let start = StartSignInRequest {
            login: self.login.clone(),
            password: PASSWORD.to_owned(),
            ..StartSignInRequest::default()
        };
        let started = persistently(patience, &console.sign_ins, &start, |mut client, start| async move {
            client.start_sign_in(start).await
        })
        .await?;
        let verify = VerifyMfaRequest {
            sign_in_token: started.into_inner().sign_in_token,
            code: code.to_owned(),
            request_id: Uuid::now_v7().to_string(),
        };
        let verified = persistently(patience, &console.sign_ins, &verify, |mut client, verify| async move {
            client.verify_mfa(verify).await
        })
        .await?;
        let session = verified.into_inner().session.ok_or_else(no_session)?;
        let refresh = RefreshSessionRequest {
            refresh_token: session.refresh_token,
            request_id: Uuid::now_v7().to_string(),
            ..RefreshSessionRequest::default()
        };
        let refreshed =
            persistently(patience, &console.sessions, &refresh, |mut client, refresh| async move {
                client.refresh_session(refresh).await
            })
            .await?;
        refreshed.into_inner().session.ok_or_else(no_session)
    }
}

fn no_session() -> Status {
    Status::internal("the answer holds no session")
}

/// Makes a call until it is answered with something else than that it may be made again, or `patience` is over.
///
/// # Errors
/// The last answer.
pub async fn persistently<C, R, T, F>(
    patience: Duration,
    client: &C,
    request: &R,
    call: impl Fn(C, R) -> F,
) -> Result<T, Status>
where
    C: Clone,
    R: Clone,
    F: Future<Output = Result<T, Status>>,
{
    let (deadline, mut pause) = (Instant::now() + patience, FIRST_PAUSE);
    loop {
        match call(client.clone(), request.clone()).await {
            Err(status)
                if matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded)
                    && Instant::now() + pause < deadline =>
            {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            answer => return answer,
        }
    }
}
