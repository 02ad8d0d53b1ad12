//! Access tokens: what they say (RFC 9068), signing them, and publishing the keys that verify them (RFC 7517).
//!
//! identity signs; everybody verifies ([`crate::TokenVerifier`]). A verified token alone proves nothing about *now*: that is
//! the [`crate::Authenticator`]'s work.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fault::{Fault, Outcome, Reason};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

/// The audience of every access token.
pub const AUDIENCE: &str = "countersign";
/// The `typ` of an access token (RFC 9068 §2.1), so that no other JWT of the same key can pass for one.
pub(crate) const TOKEN_TYPE: &str = "at+jwt";

/// What an access token says (RFC 9068 §2.2). Times are seconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// The user's id.
    pub sub: String,
    /// For whom: [`AUDIENCE`].
    pub aud: String,
    /// When it dies.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Its own id.
    pub jti: String,
    /// The peer it was handed to.
    pub client_id: String,
    /// When the user authenticated.
    pub auth_time: i64,
    /// The session's authentication methods (RFC 8176).
    pub amr: Vec<String>,
    /// The session's id.
    pub sid: String,
    /// The user's organisation.
    pub org: String,
    /// The user's role.
    pub role: String,
}

/// The bytes are no Ed25519 key in PKCS #8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an Ed25519 private key in PKCS #8")]
pub struct UnusableKey;

/// Signs access tokens with one Ed25519 key.
pub struct TokenSigner {
    header: Header,
    key: EncodingKey,
}

impl TokenSigner {
    /// A signer; `key_id` is what [`jwks_json`] publishes the public half under.
    ///
    /// # Errors
    /// [`UnusableKey`].
    pub fn new(key_id: impl Into<String>, pkcs8_der: &[u8]) -> Result<Self, UnusableKey> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(key_id.into());
        let key = EncodingKey::from_ed_der(pkcs8_der);
        // The library reads the key only when it signs: find out now.
        jsonwebtoken::crypto::sign(b"", &key, Algorithm::EdDSA).map_err(|_| UnusableKey)?;
        Ok(Self { header, key })
    }

    /// The token.
    ///
    /// # Errors
    /// INTERNAL; not for a signer that [`TokenSigner::new`] made.
    pub fn sign(&self, claims: &Claims) -> Outcome<String> {
        jsonwebtoken::encode(&self.header, claims, &self.key)
            .map_err(|error| Fault::new(Reason::Internal).with_cause(error))
    }
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenSigner").field("key_id", &self.header.kid).finish_non_exhaustive()
    }
}

/// A JWK Set of Ed25519 public keys (RFC 8037 §2): pairs of key id and the 32 bytes.
#[must_use]
pub fn jwks_json<'a>(keys: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let key = |(key_id, public_key): (&str, &[u8])| {
        serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
            "kid": key_id, "x": URL_SAFE_NO_PAD.encode(public_key),
        })
    };
    serde_json::json!({ "keys": keys.into_iter().map(key).collect::<Vec<_>>() }).to_string()
}
