//! A recovery code has one normal form however it is typed, and only that code is taken for the one that was shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa::fuzzing::is_the_shown_code;
use types::RecoveryCode;

const SHOWN: &str = "01ab-cdef-ghjk-mnpq";

fuzz_target!(|text: &str| {
    let shown: RecoveryCode = SHOWN.parse().expect("a code");
    let Ok(code) = text.parse::<RecoveryCode>() else {
        // What people write is read: sixteen symbols, grouped or not.
        let symbols: String = text.chars().filter(|typed| !matches!(typed, ' ' | '-')).collect();
        let plain = symbols.bytes().all(|byte| byte.is_ascii_alphanumeric() && !matches!(byte, b'u' | b'U'));
        assert!(!plain || symbols.len() != 16 || text.len() > 64, "{text:?}");
        return;
    };
    assert!(code.expose().len() == 16 && code.expose().is_ascii());
    assert!(!format!("{code:?}").contains(code.expose()));
    for again in [code.expose(), code.grouped().as_str(), &code.expose().to_uppercase()] {
        assert_eq!(again.parse::<RecoveryCode>().expect("the same code").expose(), code.expose());
    }
    assert_eq!(is_the_shown_code(&shown, &code), shown.expose() == code.expose(), "{text:?}");
});
