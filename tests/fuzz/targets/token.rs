//! Tokens: what is no token of ours is refused, and no text is a valid access token.
#![no_main]

use std::sync::{Arc, LazyLock};

use access::{TokenVerifier, Unverified};
use clock::SystemClock;
use libfuzzer_sys::fuzz_target;
use types::Token;

static VERIFIER: LazyLock<TokenVerifier> = LazyLock::new(|| {
    let verifier = TokenVerifier::new("countersign", Arc::new(SystemClock));
    // The example key of RFC 8037, appendix A.2.
    let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    verifier.replace_keys(jwks).expect("a JWK Set");
    verifier
});

fuzz_target!(|text: &str| {
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.expose(), text);
        assert!(text.len() == 43 && text.is_ascii());
    }
    let verified = VERIFIER.verify(text);
    assert!(matches!(verified, Err(Unverified::Invalid | Unverified::UnknownKey)), "{text:?}");
});
