//! A one-time code is exactly six ASCII digits, and nothing else ever reaches an evaluation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use types::OneTimeCode;

fuzz_target!(|text: &str| {
    let is_code = text.len() == 6 && text.chars().all(|character| character.is_ascii_digit());
    match text.parse::<OneTimeCode>() {
        Ok(code) => {
            assert!(is_code, "{text:?}");
            assert_eq!(code.expose(), text);
            assert!(!format!("{code:?}").contains(text));
        }
        Err(_) => assert!(!is_code, "{text:?}"),
    }
});
