//! An authenticator app.

use clock::Timestamp;
use data_encoding::BASE32_NOPAD;
use totp_rs::{Builder, Totp};

/// What a phone holds after scanning a QR code. It computes with totp-rs like the product does; the black-box run uses
/// oathtool instead, so that agreement with ourselves is not the only proof.
#[derive(Clone)]
pub struct Authenticator {
    totp: Totp,
}

impl Authenticator {
    /// Reads the secret as it is shown for typing: base32 in groups.
    #[must_use]
    pub fn new(secret_base32: &str) -> Self {
        let compact: String = secret_base32.chars().filter(|c| !c.is_whitespace()).collect();
        let secret = BASE32_NOPAD.decode(compact.as_bytes()).expect("base32");
        Self { totp: Builder::new().with_secret(secret).build().expect("a secret of 160 bits") }
    }

    /// The code at a time.
    #[must_use]
    pub fn code(&self, at: Timestamp) -> String {
        self.totp.generate(u64::try_from(at.unix_timestamp()).expect("after 1970")).to_string()
    }

    /// A code that is none of the five around a time.
    #[must_use]
    pub fn wrong_code(&self, at: Timestamp) -> String {
        let near: Vec<String> =
            (-2..=2).map(|steps| self.code(at + time::Duration::seconds(30 * steps))).collect();
        (0..).map(|number: u32| format!("{number:06}")).find(|code| !near.contains(code)).expect("a code")
    }
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authenticator(hidden)")
    }
}
