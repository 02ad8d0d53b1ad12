//! Tokens that we give out and get back: readable by whoever holds them, made by nobody but us, good in one context
//! only. Cursors and page tokens are such.

use std::str;

use data_encoding::BASE64URL_NOPAD;

use crate::Tag;
use crate::binding::push;
use crate::keyring::Keyring;
use crate::ring::KeyId;

const VERSION: u8 = 1;
const MAC_LENGTH: usize = 32;
/// No token of ours is longer; what is longer is not even decoded.
const LONGEST: usize = 2048;

/// The text is no token of ours, or was given out in another context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a token given out in this context")]
pub struct InvalidToken;

impl Keyring {
    /// A token that carries `payload` and comes back only with the same `purpose` and `context` (a hash of the filter,
    /// the caller's scope …). Not encrypted: put nothing in it that its holder may not know.
    #[must_use]
    pub fn encode_token(&self, purpose: &str, context: &[u8], payload: &[u8]) -> String {
        let tag = self.mac(purpose, &authenticated(context, payload));
        let id = tag.key_id.as_str().as_bytes();
        let mut token = Vec::with_capacity(2 + id.len() + payload.len() + MAC_LENGTH);
        token.push(VERSION);
        // A key id is at most 32 bytes long.
        token.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        token.extend_from_slice(id);
        token.extend_from_slice(payload);
        token.extend_from_slice(&tag.mac);
        BASE64URL_NOPAD.encode(&token)
    }

    /// The payload of a token that [`Self::encode_token`] made for this purpose and context.
    ///
    /// # Errors
    /// It is none, by any key of this ring.
    pub fn decode_token(&self, purpose: &str, context: &[u8], token: &str) -> Result<Vec<u8>, InvalidToken> {
        if token.len() > LONGEST {
            return Err(InvalidToken);
        }
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| InvalidToken)?;
        let (key_id, rest) = split(&bytes)?;
        let (payload, mac) = rest.split_last_chunk::<MAC_LENGTH>().ok_or(InvalidToken)?;
        let tag = Tag { key_id, mac: *mac };
        if self.verify_mac(purpose, &authenticated(context, payload), &tag) {
            Ok(payload.to_vec())
        } else {
            Err(InvalidToken)
        }
    }

    /// The key that a token names, of whichever service: not checked, for who wants to know whether a key is still used.
    ///
    /// # Errors
    /// It has not the form of a token.
    pub fn token_made_under(token: &str) -> Result<KeyId, InvalidToken> {
        if token.len() > LONGEST {
            return Err(InvalidToken);
        }
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| InvalidToken)?;
        split(&bytes).map(|(key_id, _)| key_id)
    }
}

fn split(bytes: &[u8]) -> Result<(KeyId, &[u8]), InvalidToken> {
    let [VERSION, id_length, rest @ ..] = bytes else { return Err(InvalidToken) };
    let (id, rest) = rest.split_at_checked(usize::from(*id_length)).ok_or(InvalidToken)?;
    let key_id = str::from_utf8(id).ok().and_then(|id| id.parse().ok()).ok_or(InvalidToken)?;
    Ok((key_id, rest))
}

fn authenticated(context: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17 + context.len() + payload.len());
    bytes.push(VERSION);
    push(&mut bytes, context);
    push(&mut bytes, payload);
    bytes
}
