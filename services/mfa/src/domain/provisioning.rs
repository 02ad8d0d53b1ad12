//! The URI that an authenticator app reads (R11).
//!
//! `otpauth://totp/ISSUER:ACCOUNT?secret=…&issuer=ISSUER&algorithm=SHA1&digits=6&period=30`. Apps split the label at the
//! first ":", decoded or not, so neither part may hold one: it becomes "∶" (U+2236, ratio), which reads the same. Names
//! are percent-encoded, a space as %20 ("+" would be shown as a plus). A long issuer is cut, at a character, so that the
//! QR code always fits and a phone can read it.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use types::{Login, OrganizationName};
use zeroize::Zeroizing;

use super::TotpSecret;

/// What stays as it is: RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// In the account "@" stays, too: it may stand in a path, and a person can read it then.
const ESCAPED_IN_ACCOUNT: &AsciiSet = &ESCAPED.remove(b'@');
/// The longest issuer, in bytes once encoded. It stands in the URI twice.
const ISSUER_BUDGET: usize = 240;
/// The longest account, in bytes once encoded.
const ACCOUNT_BUDGET: usize = 660;

/// The URI for a secret. It holds the secret: shown once, never stored or logged.
#[must_use]
pub(crate) fn provisioning_uri(
    issuer: &OrganizationName,
    account: &Login,
    secret: &TotpSecret,
) -> Zeroizing<String> {
    let issuer = encode(issuer.as_str(), ESCAPED, ISSUER_BUDGET);
    let account = encode(account.as_str(), ESCAPED_IN_ACCOUNT, ACCOUNT_BUDGET);
    let secret = secret.base32();
    // Written into room that is large enough: a buffer that grows leaves copies of the secret behind.
    let mut uri = Zeroizing::new(String::with_capacity(2 * issuer.len() + account.len() + 128));
    let (issuer, account, secret) = (issuer.as_str(), account.as_str(), secret.as_str());
    let _ = write!(
        uri,
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
    );
    uri
}

/// `text` without ":", percent-encoded, and cut at a character once the encoded form would exceed `budget` bytes.
fn encode(text: &str, set: &'static AsciiSet, budget: usize) -> String {
    let mut encoded = String::new();
    let mut buffer = [0; 4];
    for character in text.chars() {
        let character = if character == ':' { '\u{2236}' } else { character };
        let before = encoded.len();
        encoded.extend(utf8_percent_encode(character.encode_utf8(&mut buffer), set));
        if encoded.len() > budget {
            encoded.truncate(before);
            break;
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use totp_rs::{Algorithm, Totp};

    use super::*;

    fn uri(issuer: &str, account: &str, secret: &TotpSecret) -> String {
        provisioning_uri(&issuer.parse().unwrap(), &account.parse().unwrap(), secret).to_string()
    }

    #[test]
    fn it_reads_as_specified() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        assert_eq!(
            uri("Blue Ridge & Söhne", "ada@example.com", &secret),
            "otpauth://totp/Blue%20Ridge%20%26%20S%C3%B6hne:ada@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Blue%20Ridge%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"
        );
    }

    /// The parser of another program must find what we meant.
    #[test]
    fn totp_rs_reads_it_back() {
        let secret = TotpSecret::generate().unwrap();
        for (issuer, shown) in [
            ("Acme", "Acme"),
            ("Acme: Cloud", "Acme\u{2236} Cloud"),
            ("100% & more? #1 / a+b=c", "100% & more? #1 / a+b=c"),
            ("日本クラウド", "日本クラウド"),
            ("Steam", "Steam"),
        ] {
            let read = Totp::from_url(uri(issuer, "josé+x@example.com", &secret)).unwrap();
            assert_eq!((read.issuer(), read.account_name()), (Some(shown), "josé+x@example.com"));
            assert_eq!(read.secret().as_bytes(), secret.expose());
            assert_eq!((read.algorithm(), read.digits(), read.step()), (Algorithm::SHA1, 6, 30));
        }
    }

    #[test]
    fn the_longest_names_are_cut_at_a_character() {
        let secret = TotpSecret::generate().unwrap();
        let realm = [(); 3].map(|()| "r".repeat(63)).join(".") + ".example.com";
        let account = format!("{}@{realm}", "é".repeat(64));
        for issuer in ["界".repeat(100), "😀".repeat(100), "a".repeat(100), "%".repeat(100)] {
            let uri = uri(&issuer, &account, &secret);
            assert!(uri.len() <= 2 * ISSUER_BUDGET + ACCOUNT_BUDGET + 128, "{}", uri.len());
            let read = Totp::from_url(&uri).unwrap();
            assert!(issuer.starts_with(read.issuer().unwrap()) && !read.issuer().unwrap().is_empty());
            assert_eq!(read.account_name(), account);
        }
    }
}
