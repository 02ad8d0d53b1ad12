//! Page tokens of lists: bound to their purpose and context, and to what they carry.
#![no_main]

use std::sync::LazyLock;

use keyring::Keyring;
use libfuzzer_sys::fuzz_target;

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| Keyring::ephemeral().expect("randomness"));

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(KEYRING.decode_token("page", b"context", text).is_err(), "forged: {text:?}");
    }
    let middle = data.len() / 2;
    let (context, payload) = data.split_at(middle);
    let token = KEYRING.encode_token("page", context, payload);
    // Ours are never longer than 2,048 characters, and what is longer is not even decoded.
    let back = KEYRING.decode_token("page", context, &token);
    assert_eq!(back.ok().as_deref(), (token.len() <= 2_048).then_some(payload));
    assert!(KEYRING.decode_token("other", context, &token).is_err());
    let other = [context, b"x"].concat();
    assert!(KEYRING.decode_token("page", &other, &token).is_err());
});
