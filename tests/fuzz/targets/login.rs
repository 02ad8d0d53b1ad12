//! A login has one normal form: what parses, parses again to itself, however it was spelt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use types::{Login, Realm};

fuzz_target!(|text: &str| {
    if let Ok(login) = text.parse::<Login>() {
        assert_eq!(login.as_str().parse::<Login>().as_ref(), Ok(&login));
        let (name, realm) = login.as_str().split_once('@').expect("a login has a realm");
        assert!(!name.is_empty() && name.len() <= 128 && !realm.contains('@'));
        assert_eq!(realm, login.realm().as_str());
        assert!(!login.as_str().contains([':', '/', '\0', ' ']));
    }
    if let Ok(realm) = text.parse::<Realm>() {
        assert_eq!(realm.as_str().parse::<Realm>().as_ref(), Ok(&realm));
        assert!(realm.as_str().len() <= 253 && realm.as_str().is_ascii());
    }
});
