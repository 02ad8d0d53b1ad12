//! What is shown of a new secret, once.

use clock::Timestamp;
use fault::Outcome;
use types::{Login, OrganizationName};
use zeroize::Zeroizing;

use super::{Drawn, TotpSecret, draw, provisioning_uri};

/// A new secret in every form that can be shown. All of it is secret.
pub(crate) struct Shown {
    /// The provisioning URI.
    pub(crate) uri: Zeroizing<String>,
    /// The secret in groups of four, for typing.
    pub secret_base32: Zeroizing<String>,
    /// The URI as a QR code.
    pub(crate) qr: Drawn,
    /// When the enrolment dies.
    pub(crate) expire_time: Timestamp,
}

/// Everything to show of a new secret.
///
/// # Errors
/// INTERNAL: the QR code cannot be drawn.
pub(crate) fn show(
    issuer: &OrganizationName,
    account: &Login,
    secret: &TotpSecret,
    expire_time: Timestamp,
) -> Outcome<Shown> {
    let uri = provisioning_uri(issuer, account, secret);
    let qr = draw(&uri)?;
    Ok(Shown { uri, secret_base32: grouped(&secret.base32()), qr, expire_time })
}

fn grouped(text: &str) -> Zeroizing<String> {
    let mut grouped = Zeroizing::new(String::with_capacity(text.len() * 2));
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(character);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_grouped_for_typing() {
        assert_eq!(grouped("ABCDEFGH").as_str(), "ABCD EFGH");
        assert_eq!(grouped("ABCDE").as_str(), "ABCD E");
    }
}
