//! Every row of the access table × every peer: those that a row does not name are answered PEER_NOT_ALLOWED, the others never;
//! and whoever must call for a user gets nowhere without one.

use access::{ANY_PEER, Peer, Rule, TABLE};
use countersign_tests::raw::{Caller, reason_of, served_by};
use testkit::TestSystem;

/// The peers of the table, the broker that the system under test is configured with, and one that nobody has heard of.
const PEERS: [&str; 7] =
    [Peer::TENANT, Peer::IDENTITY, Peer::MFA, Peer::CONSOLE, Peer::OPERATOR, Peer::BROKER, "billing"];

/// Which peers are brokers is configuration, and identity's to say.
const FOR_BROKERS: &str = "/countersign.identity.v1.SignInService/AssertExternalSignIn";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_admits_its_peers_and_no_others() {
    let system = TestSystem::start().await;
    let mut wrong = Vec::new();
    let mut calls = 0;
    for peer in PEERS {
        let caller = Caller::with_certificate(&system, peer);
        for rule in TABLE {
            for service in served_by(rule) {
                let answer = caller.call(service, rule.method, Vec::new(), None).await;
                let answer = answer.map_or_else(|status| reason_of(&status), |_| "OK".to_owned());
                calls += 1;
                if !is_right(rule, peer, &answer) {
                    wrong.push(format!("{} by {peer} at {service}: {answer}", rule.method));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {calls} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn is_right(rule: &Rule, peer: &str, answer: &str) -> bool {
    if !admits(rule, peer) {
        return answer == "PEER_NOT_ALLOWED";
    }
    match answer {
        "PEER_NOT_ALLOWED" | "METHOD_UNKNOWN" => false,
        "TOKEN_INVALID" => rule.needs_user(peer),
        _ => !rule.needs_user(peer),
    }
}

fn admits(rule: &Rule, peer: &str) -> bool {
    // The system under test says `reflection = on`: every peer may ask.
    let is_reflection = rule.method.starts_with("/grpc.reflection.");
    match rule.method {
        FOR_BROKERS => peer == Peer::BROKER,
        _ => is_reflection || rule.peers == ANY_PEER || rule.peers.contains(&peer),
    }
}
