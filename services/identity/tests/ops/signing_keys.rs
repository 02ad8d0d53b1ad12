//! Signing keys follow each other without a token that cannot be verified.

use ::rpc::CallInfo;
use access::{Authenticator, TokenVerifier};
use fault::Reason;
use identity::domain::signing_keys::PUBLISHED_AHEAD;
use identity::ops::Origin;
use time::Duration;

use crate::support::{Bench, ISSUER};

const LIFE: Duration = Duration::days(90);

fn operator() -> Origin {
    let call = CallInfo { peer: "operator".to_owned(), trace_id: String::new() };
    Origin { call, client: wire::Client::default(), request_id: None }
}

/// The id of the key that signed a token, as its header says.
fn key_of(token: &str) -> String {
    let header = data_encoding::BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn published(bench: &Bench) -> Vec<String> {
    let set: serde_json::Value = serde_json::from_str(&bench.identity.tokens.jwks().await.unwrap()).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_next_key_is_published_before_it_signs_and_the_old_one_outlives_its_tokens() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    let replica = bench.replica();
    replica.clock_guard.looked().await;
    let first = bench.complete("ada@company.example").await.access_token.text;
    // Somebody who keeps the published keys as long as allowed.
    let elsewhere = TokenVerifier::new(ISSUER, bench.clock.shared());

    let next = bench.identity.rotate_signing_key(&operator()).await.unwrap();
    assert_eq!(next.sign_from, bench.now() + PUBLISHED_AHEAD);
    assert_eq!(replica.rotate_signing_key(&operator()).await.unwrap(), next, "one is enough");
    let published_now = published(&bench).await;
    assert_eq!(published_now.len(), 2);
    assert!(published_now.contains(&next.key_id) && published_now.contains(&key_of(&first)));
    elsewhere.replace_keys(&bench.identity.tokens.jwks().await.unwrap()).unwrap();

    // Until then the old one signs, on every replica.
    bench.clock.advance(PUBLISHED_AHEAD - Duration::SECOND);
    replica.tokens.reload().await.unwrap();
    let last = bench.complete("ada@company.example").await.access_token.text;
    assert_eq!(key_of(&last), key_of(&first));
    bench.clock.advance(Duration::SECOND);
    let new = bench.complete("ada@company.example").await.access_token.text;
    assert_eq!(key_of(&new), next.key_id);
    for token in [&last, &new] {
        elsewhere.verify(token).expect("the keys of ten minutes ago are enough");
        replica.authenticate(token).await.unwrap();
    }

    // The old one stays as long as its tokens may live, and goes then, private key and all, whoever sees to it.
    bench.clock.advance(Duration::minutes(5) - Duration::SECOND);
    bench.identity.turn_signing_keys(LIFE).await.unwrap();
    assert_eq!(published(&bench).await.len(), 2);
    replica.authenticate(&new).await.unwrap();
    bench.clock.advance(Duration::minutes(2) + Duration::SECOND);
    let (one, other) = tokio::join!(bench.identity.turn_signing_keys(LIFE), replica.turn_signing_keys(LIFE));
    one.and(other).unwrap();
    assert_eq!(published(&bench).await, std::slice::from_ref(&next.key_id));
    let gone = "SELECT count(*) FROM signing_key WHERE retire_time IS NOT NULL AND private_key = ''";
    assert_eq!(bench.count(gone).await, 1);
    replica.tokens.reload().await.unwrap();
    assert!(replica.tokens.verify(&last).await.unwrap().is_none());
    assert_eq!(key_of(&bench.complete("ada@company.example").await.access_token.text), next.key_id);

    let types: Vec<String> = bench.events().await.into_iter().map(|event| event.r#type).collect();
    let count = |name: &str| types.iter().filter(|one| *one == name).count();
    assert_eq!(count("identity.signing_key.created"), 2);
    assert_eq!(count("identity.signing_key.retired"), 1);
}

#[tokio::test]
async fn a_key_that_has_signed_long_enough_is_followed_by_itself() {
    let bench = Bench::new().await;
    bench.identity.turn_signing_keys(LIFE).await.unwrap();
    assert_eq!(
        bench.count("SELECT count(*) FROM signing_key").await,
        0,
        "the first is made when it is needed"
    );
    bench.user("ada@company.example").await;
    bench.complete("ada@company.example").await;
    bench.clock.advance(LIFE - PUBLISHED_AHEAD - Duration::SECOND);
    bench.identity.turn_signing_keys(LIFE).await.unwrap();
    assert_eq!(bench.count("SELECT count(*) FROM signing_key").await, 1);
    bench.clock.advance(Duration::SECOND);
    let replicas: Vec<_> = (0..4).map(|_| bench.replica()).collect();
    for replica in &replicas {
        replica.clock_guard.looked().await;
    }
    let turns = replicas.iter().map(|replica| replica.turn_signing_keys(LIFE));
    for turned in futures::future::join_all(turns).await {
        turned.unwrap();
    }
    assert_eq!(bench.count("SELECT count(*) FROM signing_key").await, 2);
}

#[tokio::test]
async fn a_replica_whose_clock_may_be_wrong_turns_no_key_and_removes_nobodys_session() {
    let bench = Bench::new().await;
    bench.user("ada@company.example").await;
    bench.complete("ada@company.example").await;
    bench.reference.shift(Duration::hours(-72));
    let replica = bench.replica();
    replica.clock_guard.looked().await;
    let refused = [
        replica.turn_signing_keys(Duration::ZERO).await.unwrap_err(),
        replica.rotate_signing_key(&operator()).await.unwrap_err(),
        replica.expire().await.unwrap_err(),
    ];
    assert!(refused.iter().all(|fault| fault.reason() == Reason::ClockNotTrusted), "{refused:?}");
    assert_eq!(bench.count("SELECT count(*) FROM signing_key").await, 1);
}
