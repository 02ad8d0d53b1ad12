//! What becomes of a sign-in whose caller has no time, or whose mfa takes too much of it.

use std::time::Duration;

use proto::events::SignInRefusal;
use proto::identity::sign_in_service_client::SignInServiceClient;
use tokio::net::TcpListener;
use tonic::{Code, Request};

use crate::serving::{Served, start, told};
use crate::support::{Bench, PASSWORD};

const ADA: &str = "ada@company.example";

/// An mfa that takes connections and never says a word.
async fn hanging() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    address
}

/// Waits for the events of `count` refusals.
async fn refusals(bench: &Bench, count: usize) -> Vec<(String, i32)> {
    let wait = async {
        loop {
            let refusals = bench.refusals().await;
            if refusals.len() >= count {
                return refusals;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the refusals are recorded")
}

fn at_password(refusal: SignInRefusal) -> (String, i32) {
    ("password".to_owned(), refusal.into())
}

#[tokio::test]
async fn a_right_password_that_mfa_says_nothing_about_is_recorded_and_unavailable() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    let served = Served::start_with(&bench, hanging().await).await;
    let mut sign_ins = SignInServiceClient::new(served.channel("console"));
    let mut request = Request::new(start(ADA, PASSWORD));
    request.set_timeout(Duration::from_secs(2));
    let status = sign_ins.start_sign_in(request).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unavailable, "DEPENDENCY_UNAVAILABLE".to_owned()));
    assert_eq!(bench.refusals().await, [at_password(SignInRefusal::Undecided)]);
    assert_eq!(
        bench.count("SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM sign_in)").await,
        0
    );
    served.app.shutdown().await;
}

#[tokio::test]
async fn whoever_hangs_up_before_the_verdict_has_tried_all_the_same() {
    let bench = Bench::new().await;
    bench.user(ADA).await;
    bench.mfa.reachable(false);
    let mut expected = Vec::new();
    for (password, refusal) in [
        ("wrong password", SignInRefusal::PasswordWrong),
        (PASSWORD, SignInRefusal::Undecided),
        ("wrong password", SignInRefusal::PasswordWrong),
    ] {
        let pool = &bench.identity.passwords;
        let before = pool.computed();
        let compared = async {
            while pool.computed() == before {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = compared => {}
            outcome = bench.start(ADA, password) => panic!("answered before the caller hung up: {outcome:?}"),
        }
        expected.push(at_password(refusal));
        assert_eq!(refusals(&bench, expected.len()).await, expected);
    }
    // And it counts: three wrong ones and one that was right, so far.
    for _ in 0..20 {
        bench.start(ADA, "wrong password").await.unwrap_err();
    }
    assert_eq!(bench.refusals().await.len(), 3 + 5);
}
