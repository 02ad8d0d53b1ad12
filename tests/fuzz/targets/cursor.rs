//! A cursor of the event log: only one that was given out comes back, and nothing else does anything but be refused.
#![no_main]

use std::sync::LazyLock;

use keyring::Keyring;
use libfuzzer_sys::fuzz_target;

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| Keyring::ephemeral().expect("randomness"));

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(!eventlog::fuzzing::reads_cursor(&KEYRING, text), "forged: {text:?}");
        assert!(!eventlog::fuzzing::reads_page_token(&KEYRING, text), "forged: {text:?}");
    }
    // A real one, altered.
    let Some((at, rest)) = data.split_first() else { return };
    for (given, reads) in [
        (eventlog::fuzzing::cursor(&KEYRING), eventlog::fuzzing::reads_cursor as fn(&Keyring, &str) -> bool),
        (eventlog::fuzzing::page_token(&KEYRING), eventlog::fuzzing::reads_page_token),
    ] {
        assert!(reads(&KEYRING, &given));
        let at = usize::from(*at) % (given.len() + 1);
        let Ok(inserted) = std::str::from_utf8(rest) else { return };
        let end = given.len().min(at + rest.len());
        let altered = format!("{}{inserted}{}", &given[..at], &given[end..]);
        assert!(altered == given || !reads(&KEYRING, &altered), "forged: {altered:?}");
    }
});
