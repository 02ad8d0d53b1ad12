//! The demo users' authenticator: what a phone would hold.

use data_encoding::BASE32_NOPAD;
use time::OffsetDateTime;
use totp_rs::{Builder, Totp};

use crate::failure::{During as _, Failure, Outcome};

/// The period of a code, in seconds (RFC 6238 §5.2).
pub(crate) const PERIOD: i64 = 30;

/// A secret and the codes it makes.
pub(crate) struct Authenticator {
    totp: Totp,
    secret_base32: String,
}

impl Authenticator {
    /// Reads a secret as the API shows it: base32, in groups or not.
    pub(crate) fn new(secret_base32: &str) -> Outcome<Self> {
        let compact: String = secret_base32.chars().filter(|c| !c.is_whitespace()).collect();
        let secret = BASE32_NOPAD.decode(compact.as_bytes()).during("read the secret")?;
        let totp = Builder::new().with_secret(secret).build().during("use the secret")?;
        Ok(Self { totp, secret_base32: compact })
    }

    /// The secret in base32, without spaces.
    pub(crate) fn secret_base32(&self) -> &str {
        &self.secret_base32
    }

    /// The code of a time step.
    pub(crate) fn code(&self, step: i64) -> Outcome<String> {
        let seconds =
            u64::try_from(step * PERIOD).map_err(|_| Failure::new("the clock stands before 1970"))?;
        Ok(self.totp.generate(seconds).to_string())
    }
}

/// The present time step, after waiting for the next one if this one is about to end: so a code made from it is still of
/// that step when it arrives.
pub(crate) async fn settled_step() -> i64 {
    let into = OffsetDateTime::now_utc().unix_timestamp().rem_euclid(PERIOD);
    if let Ok(rest) = u64::try_from(PERIOD - into)
        && rest <= 2
    {
        tokio::time::sleep(std::time::Duration::from_secs(rest)).await;
    }
    present_step()
}

/// The present time step.
pub(crate) fn present_step() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp().div_euclid(PERIOD)
}
