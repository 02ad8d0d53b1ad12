use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use clock::{Clock as _, ManualClock};
use time::Duration;
use time::macros::datetime;

use super::*;
use crate::{TokenSigner, jwks_json};

const ISSUER: &str = "https://countersign.local";

struct Key {
    signer: TokenSigner,
    public: Vec<u8>,
}

fn key(id: &str) -> Key {
    let pair = Ed25519KeyPair::generate().unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    Key { signer: TokenSigner::new(id, der.as_ref()).unwrap(), public: pair.public_key().as_ref().to_vec() }
}

fn claims(clock: &ManualClock) -> Claims {
    let now = clock.now().unix_timestamp();
    Claims {
        iss: ISSUER.into(),
        sub: "0190b5b4-7d6c-7c4e-9a54-0123456789ab".into(),
        aud: AUDIENCE.into(),
        exp: now + 300,
        iat: now,
        jti: "j".into(),
        client_id: "console".into(),
        auth_time: now,
        amr: vec!["pwd".into(), "otp".into(), "mfa".into()],
        sid: "s".into(),
        org: "o".into(),
        role: "company_admin".into(),
    }
}

fn setting() -> (ManualClock, Key, TokenVerifier) {
    let clock = ManualClock::at(datetime!(2026-01-01 12:00 UTC));
    let key = key("k1");
    let verifier = TokenVerifier::new(ISSUER, clock.shared());
    verifier.replace_keys(&jwks_json([("k1", key.public.as_slice())])).unwrap();
    (clock, key, verifier)
}

#[test]
fn a_signed_token_says_what_was_signed_until_it_expires() {
    let (clock, key, verifier) = setting();
    let claims = claims(&clock);
    let token = key.signer.sign(&claims).unwrap();
    assert_eq!(verifier.verify(&token), Ok(claims));
    clock.advance(Duration::seconds(299));
    assert!(verifier.verify(&token).is_ok());
    clock.advance(Duration::seconds(1));
    assert_eq!(verifier.verify(&token), Err(Unverified::Invalid));
}

#[test]
fn an_unknown_key_is_told_apart_from_an_invalid_token() {
    let (clock, first, verifier) = setting();
    let second = key("k2");
    let token = second.signer.sign(&claims(&clock)).unwrap();
    assert_eq!(verifier.verify(&token), Err(Unverified::UnknownKey));
    let both = jwks_json([("k1", first.public.as_slice()), ("k2", second.public.as_slice())]);
    verifier.replace_keys(&both).unwrap();
    assert!(verifier.verify(&token).is_ok());
    // Another key under a known id.
    let forged = key("k1").signer.sign(&claims(&clock)).unwrap();
    assert_eq!(verifier.verify(&forged), Err(Unverified::Invalid));
    assert!(verifier.replace_keys("{").is_err());
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn foreign_claims_are_invalid() {
    let (clock, key, verifier) = setting();
    let changes: [fn(&mut Claims); 4] = [
        |claims| claims.iss = "https://elsewhere".into(),
        |claims| claims.aud = "somebody else".into(),
        |claims| claims.iat += 61,
        |claims| claims.exp = claims.iat,
    ];
    for change in changes {
        let mut claims = claims(&clock);
        change(&mut claims);
        assert_eq!(
            verifier.verify(&key.signer.sign(&claims).unwrap()),
            Err(Unverified::Invalid),
            "{claims:?}"
        );
    }
}

#[test]
fn other_tokens_are_invalid() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    let (clock, key, verifier) = setting();
    let token = key.signer.sign(&claims(&clock)).unwrap();
    let [_, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let with_header = |header: &str| format!("{}.{payload}.{signature}", B64.encode(header));
    for token in [
        String::new(),
        "a.b.c".to_owned(),
        format!("{token}x"),
        format!("{token}."),
        with_header(r#"{"typ":"at+jwt","alg":"none","kid":"k1"}"#),
        with_header(r#"{"typ":"at+jwt","alg":"HS256","kid":"k1"}"#),
        with_header(r#"{"typ":"JWT","alg":"EdDSA","kid":"k1"}"#),
        with_header(r#"{"typ":"at+jwt","alg":"EdDSA"}"#),
        with_header(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"k1","crit":["x"]}"#),
    ] {
        assert_eq!(verifier.verify(&token), Err(Unverified::Invalid), "{token}");
    }
    assert!(TokenSigner::new("k", b"not a key").is_err());
}
