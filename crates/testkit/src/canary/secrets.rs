//! The secrets of one system, as they were seen on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};

use super::forms::{Scanner, Secret};

/// Shorter ones are found anywhere by chance; no secret of ours is as short, but for codes.
const SHORTEST: usize = 8;
/// What begins every provisioning URI: none may be found, whatever is in it.
const PROVISIONING: &str = "otpauth://totp/";

/// Every secret so far, by what it is; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(Arc<Mutex<BTreeMap<Secret, &'static str>>>);

impl Secrets {
    /// Notes the value of a field that carries a secret.
    pub(crate) fn saw(&self, field: &'static str, value: &str) {
        match field {
            "code" => self.saw_code(field, value),
            "secret_base32" => {
                let compact: String = value.chars().filter(|symbol| !symbol.is_whitespace()).collect();
                if let Ok(bytes) = BASE32_NOPAD.decode(compact.as_bytes()) {
                    self.saw_bytes(field, bytes);
                }
            }
            "otpauth_uri" => self.saw_bytes(field, PROVISIONING.into()),
            "recovery_code" | "recovery_codes" => {
                let compact: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
                let shown: Vec<String> = compact
                    .to_lowercase()
                    .as_bytes()
                    .chunks(4)
                    .map(|group| String::from_utf8_lossy(group).into())
                    .collect();
                for between in ["", "-", " "] {
                    self.saw_bytes(field, shown.join(between).into_bytes());
                    self.saw_bytes(field, shown.join(between).to_uppercase().into_bytes());
                }
            }
            _ => self.saw_token_or_password(field, value),
        }
    }

    /// Notes bytes.
    pub(crate) fn saw_bytes(&self, name: &'static str, bytes: Vec<u8>) {
        if bytes.len() >= SHORTEST {
            self.note(name, Secret::Bytes(bytes));
        }
    }

    /// The search for all of them.
    pub(crate) fn scanner(&self) -> Scanner {
        let secrets = self.0.lock().expect("nobody panics in here");
        Scanner::new(secrets.iter().map(|(secret, name)| (*name, secret)))
    }

    /// The fields whose secrets were noted.
    pub(crate) fn names(&self) -> BTreeSet<&'static str> {
        self.0.lock().expect("nobody panics in here").values().copied().collect()
    }

    /// Whether any was noted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().expect("nobody panics in here").is_empty()
    }

    fn saw_code(&self, name: &'static str, code: &str) {
        let mut digits: Vec<u8> = code.bytes().filter(u8::is_ascii_digit).collect();
        digits.sort_unstable();
        digits.dedup();
        // Such as 000000, which is found in ids and times everywhere.
        let is_telling = digits.len() >= 3;
        if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) && is_telling {
            self.note(name, Secret::Code(code.to_owned()));
        }
    }

    /// Of a signed token the signature makes it one; the rest is no secret. What is base64url could be leaked decoded.
    fn saw_token_or_password(&self, name: &'static str, value: &str) {
        let part = match value.rsplit_once('.') {
            Some((_, signature)) if name == "access_token" => signature,
            _ => value,
        };
        self.saw_bytes(name, part.into());
        if name != "password"
            && let Ok(bytes) = BASE64URL_NOPAD.decode(part.as_bytes())
        {
            self.saw_bytes(name, bytes);
        }
    }

    fn note(&self, name: &'static str, secret: Secret) {
        self.0.lock().expect("nobody panics in here").entry(secret).or_insert(name);
    }
}
