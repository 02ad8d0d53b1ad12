//! Whatever an organisation and a user are called, the provisioning URI says exactly that to an app, its label splits where it
//! should, and a QR code of it fits.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some((issuer, account)) = text.split_once('\n') else { return };
    let (Ok(issuer), Ok(account)) = (issuer.parse(), account.parse()) else { return };
    let uri = mfa::fuzzing::provisioning_uri_of(&issuer, &account);
    let rest = uri.strip_prefix("otpauth://totp/").expect("the scheme and type");
    let (label, query) = rest.split_once('?').expect("a query");
    assert_eq!(label.matches(':').count(), 1, "{uri}");
    assert!(!label.to_ascii_lowercase().contains("%3a"), "{uri}");
    assert_eq!(query.matches('&').count(), 4, "{uri}");
    assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()), "{uri}");
    assert!(mfa::fuzzing::fits_a_qr_code(&uri), "{uri}");
});
