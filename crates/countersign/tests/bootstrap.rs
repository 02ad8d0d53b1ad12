//! `countersign bootstrap` against an empty system: the printed ticket enrols, a repetition goes on, and then it is over.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::process::Command;

use proto::identity::NextStep;
use testkit::{TestSystem, reason};

const LOGIN: &str = "root@provider.example";
const PASSWORD: &str = "a password of the operator's own";

/// Runs the command; what it printed, and whether it succeeded.
async fn bootstrap(system: &TestSystem, name: &str, password_file: &std::path::Path) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("bootstrap").args(system.operator_arguments());
    command.args(["--name", name, "--realm", "provider.example", "--login", LOGIN, "--password-file"]);
    command.arg(password_file);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.success())
}

fn ticket(printed: &str) -> String {
    let line = printed.lines().find(|line| line.starts_with("enrolment ticket")).unwrap();
    line.split_whitespace().nth(2).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_administrator_enrols_with_the_printed_ticket_alone() {
    let system = TestSystem::start().await;
    let directory = tempfile::tempdir().unwrap();
    let password_file = directory.path().join("password");
    std::fs::write(&password_file, format!("{PASSWORD}\n")).unwrap();

    let (printed, succeeded) = bootstrap(&system, "Northwind", &password_file).await;
    assert!(succeeded, "{printed}");
    let lost = ticket(&printed);
    // As if the answer had been lost: the same command goes on, with a new ticket that voids the one before.
    let (printed, succeeded) = bootstrap(&system, "Northwind", &password_file).await;
    assert!(succeeded, "{printed}");
    let ticket = ticket(&printed);
    assert_ne!(lost, ticket);

    let started = system.console.start_with(LOGIN, PASSWORD).await.unwrap();
    assert_eq!(started.next_step(), NextStep::EnrollMfa);
    for (wrong, expected) in
        [("", "ENROLLMENT_TICKET_REQUIRED"), (lost.as_str(), "ENROLLMENT_TICKET_REFUSED")]
    {
        let refused = system.console.begin(&started.sign_in_token, wrong).await.unwrap_err();
        assert_eq!(reason(refused), expected);
    }
    system.console.enrol(&started.sign_in_token, &ticket, system.now()).await.unwrap();

    for name in ["Northwind", "Somebody Else"] {
        let (printed, succeeded) = bootstrap(&system, name, &password_file).await;
        assert!(!succeeded && printed.contains("ALREADY_BOOTSTRAPPED"), "{printed}");
    }
}
