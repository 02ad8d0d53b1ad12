//! Verifying access tokens locally.

use std::collections::HashMap;

use arc_swap::ArcSwap;
use clock::SharedClock;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use crate::token::TOKEN_TYPE;
use crate::{AUDIENCE, Claims};

/// How far an issuer's clock may be ahead of ours, in seconds.
const ISSUED_AHEAD: i64 = 60;

/// The token was not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It names a key we don't have: fetch the keys and try again.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// It is no living token of ours.
    #[error("the token is not valid")]
    Invalid,
}

/// The text is no JWK Set with keys of ours.
#[derive(Debug, thiserror::Error)]
#[error("is not a JWK Set")]
pub struct UnusableKeys;

/// Verifies signature, type, issuer, audience and times of access tokens, by our own clock.
pub struct TokenVerifier {
    issuer: String,
    clock: SharedClock,
    validation: Validation,
    keys: ArcSwap<HashMap<String, DecodingKey>>,
}

impl TokenVerifier {
    /// A verifier without keys yet: every token names an unknown one.
    #[must_use]
    pub fn new(issuer: impl Into<String>, clock: SharedClock) -> Self {
        // Only the signature and the algorithm are the library's: it would ask the machine's clock.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self { issuer: issuer.into(), clock, validation, keys: ArcSwap::default() }
    }

    /// Replaces all keys by a JWK Set's. Keys of other kinds are passed over.
    ///
    /// # Errors
    /// [`UnusableKeys`]; the keys stay as they were.
    pub fn replace_keys(&self, jwks_json: &str) -> Result<(), UnusableKeys> {
        let set: JwkSet = serde_json::from_str(jwks_json).map_err(|_| UnusableKeys)?;
        let mut keys = HashMap::new();
        for jwk in &set.keys {
            let is_ours = matches!(&jwk.algorithm, AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519);
            if let (true, Some(key_id)) = (is_ours, &jwk.common.key_id) {
                keys.insert(key_id.clone(), DecodingKey::from_jwk(jwk).map_err(|_| UnusableKeys)?);
            }
        }
        self.keys.store(keys.into());
        Ok(())
    }

    /// What a valid token says.
    ///
    /// # Errors
    /// [`Unverified`].
    pub fn verify(&self, token: &str) -> Result<Claims, Unverified> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Unverified::Invalid)?;
        let type_is_ours = header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TOKEN_TYPE));
        if header.alg != Algorithm::EdDSA || !type_is_ours || header.crit.is_some() {
            return Err(Unverified::Invalid);
        }
        let keys = self.keys.load();
        let key_id = header.kid.ok_or(Unverified::Invalid)?;
        let key = keys.get(&key_id).ok_or(Unverified::UnknownKey)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation)
            .map_err(|_| Unverified::Invalid)?
            .claims;
        let now = self.clock.now().unix_timestamp();
        let is_ours = claims.iss == self.issuer && claims.aud == AUDIENCE;
        let lives = claims.iat <= now + ISSUED_AHEAD && now < claims.exp;
        if is_ours && lives { Ok(claims) } else { Err(Unverified::Invalid) }
    }
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenVerifier").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
