//! What a keyring promises, from the outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use keyring::{Binding, InvalidToken, Keyring, KeyringError, OpenError};

const BINDING: Binding<'_> =
    Binding { service: "mfa", table: "factor", row: "f1", user: "u1", purpose: "totp secret" };

#[test]
fn a_sealed_secret_opens_where_it_was_sealed() {
    let keyring = Keyring::ephemeral().unwrap();
    for secret in [b"".as_slice(), b"twenty bytes of it..", &[7; 4096]] {
        let sealed = keyring.seal(&BINDING, secret).unwrap();
        assert_eq!(keyring.open(&BINDING, &sealed).unwrap().as_slice(), secret);
        assert_ne!(keyring.seal(&BINDING, secret).unwrap(), sealed, "sealed twice, it differs");
    }
}

#[test]
fn a_sealed_secret_opens_nowhere_else() {
    let keyring = Keyring::ephemeral().unwrap();
    let sealed = keyring.seal(&BINDING, b"secret").unwrap();
    let elsewhere = [
        Binding { service: "identity", ..BINDING },
        Binding { table: "enrollment", ..BINDING },
        Binding { row: "f2", ..BINDING },
        Binding { user: "u2", ..BINDING },
        Binding { purpose: "recovery", ..BINDING },
        // The parts' borders count, too.
        Binding { row: "f1u", user: "1", ..BINDING },
    ];
    for binding in elsewhere {
        assert_eq!(keyring.open(&binding, &sealed), Err(OpenError::NotAuthentic), "{binding:?}");
    }
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let keyring = Keyring::ephemeral().unwrap();
    let sealed = keyring.seal(&BINDING, b"secret").unwrap();
    for index in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[index] ^= 1;
        assert!(keyring.open(&BINDING, &flipped).is_err(), "byte {index}");
        assert!(keyring.open(&BINDING, &sealed[..index]).is_err(), "cut at {index}");
    }
}

#[test]
fn after_a_change_of_the_primary_key_the_old_one_still_opens() {
    let directory = tempfile::tempdir().unwrap();
    let before = Keyring::create(directory.path()).unwrap();
    let old = before.seal(&BINDING, b"secret").unwrap();
    let token = before.encode_token("cursor", b"context", b"42");

    fs::write(directory.path().join("k2.key"), BASE64.encode(&[9; 32])).unwrap();
    fs::write(directory.path().join("primary"), "k2\n").unwrap();
    let after = Keyring::load(directory.path()).unwrap();
    let new = after.seal(&BINDING, b"secret").unwrap();
    assert_eq!(after.open(&BINDING, &old).unwrap().as_slice(), b"secret");
    assert_eq!(after.decode_token("cursor", b"context", &token).unwrap(), b"42");
    assert_eq!(Keyring::sealed_under(&old).unwrap().as_str(), "k1");
    assert_eq!(Keyring::sealed_under(&new).unwrap().as_str(), "k2");
    let other = Keyring::ephemeral().unwrap();
    assert_eq!(other.open(&BINDING, &new), Err(OpenError::UnknownKey { key_id: "k2".to_owned() }));
}

#[test]
fn a_bad_directory_is_refused_and_left_as_it_is() {
    type Case = (&'static str, fn(&std::path::Path), fn(&KeyringError) -> bool);
    let cases: [Case; 7] = [
        ("empty", |_| {}, |error| matches!(error, KeyringError::Io { .. })),
        (
            "no primary file",
            |path| fs::write(path.join("a.key"), BASE64.encode(&[1; 32])).unwrap(),
            |error| matches!(error, KeyringError::Io { .. }),
        ),
        (
            "primary names none",
            |path| {
                fs::write(path.join("a.key"), BASE64.encode(&[1; 32])).unwrap();
                fs::write(path.join("primary"), "b").unwrap();
            },
            |error| matches!(error, KeyringError::PrimaryMissing { .. }),
        ),
        (
            "short",
            |path| {
                fs::write(path.join("a.key"), BASE64.encode(&[1; 31])).unwrap();
                fs::write(path.join("primary"), "a").unwrap();
            },
            |error| matches!(error, KeyringError::NotAKey { .. }),
        ),
        (
            "another bad key beside a good one",
            |path| {
                fs::write(path.join("a.key"), BASE64.encode(&[1; 32])).unwrap();
                fs::write(path.join("b.key"), "no base64!").unwrap();
                fs::write(path.join("primary"), "a").unwrap();
            },
            |error| matches!(error, KeyringError::NotAKey { .. }),
        ),
        (
            "twice",
            |path| {
                fs::write(path.join("a.key"), BASE64.encode(&[1; 32])).unwrap();
                fs::write(path.join("b.key"), BASE64.encode(&[1; 32])).unwrap();
                fs::write(path.join("primary"), "a").unwrap();
            },
            |error| matches!(error, KeyringError::Duplicate { .. }),
        ),
        (
            "bad name",
            |path| {
                fs::write(path.join("A b.key"), BASE64.encode(&[1; 32])).unwrap();
                fs::write(path.join("primary"), "a").unwrap();
            },
            |error| matches!(error, KeyringError::KeyId { .. }),
        ),
    ];
    for (name, prepare, is_expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        let count = fs::read_dir(directory.path()).unwrap().count();
        let error = Keyring::load(directory.path()).unwrap_err();
        assert!(is_expected(&error), "{name}: {error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), count, "{name}");
    }
}

#[test]
fn a_ring_is_created_once_and_private() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("keys");
    let keyring = Keyring::create(&directory).unwrap();
    assert!(matches!(Keyring::create(&directory), Err(KeyringError::Exists { .. })));
    for entry in fs::read_dir(&directory).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!format!("{keyring:?}").contains(text.trim()) || text.trim() == "k1", "keys do not print");
    }
}

#[test]
fn a_token_comes_back_only_unaltered_and_in_its_context() {
    let keyring = Keyring::ephemeral().unwrap();
    let token = keyring.encode_token("cursor", b"log mfa, filter 1", b"payload");
    assert_eq!(keyring.decode_token("cursor", b"log mfa, filter 1", &token).unwrap(), b"payload");
    assert_eq!(keyring.decode_token("cursor", b"log mfa, filter 2", &token), Err(InvalidToken));
    assert_eq!(keyring.decode_token("page", b"log mfa, filter 1", &token), Err(InvalidToken));
    let other = Keyring::ephemeral().unwrap();
    assert_eq!(other.decode_token("cursor", b"log mfa, filter 1", &token), Err(InvalidToken));
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap();
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1;
        let flipped = BASE64URL_NOPAD.encode(&flipped);
        assert!(keyring.decode_token("cursor", b"log mfa, filter 1", &flipped).is_err(), "byte {index}");
        let cut = BASE64URL_NOPAD.encode(&bytes[..index]);
        assert!(keyring.decode_token("cursor", b"log mfa, filter 1", &cut).is_err(), "cut at {index}");
    }
    for text in ["", "!", "ü", &"A".repeat(4096)] {
        assert_eq!(keyring.decode_token("cursor", b"log mfa, filter 1", text), Err(InvalidToken));
    }
}

#[test]
fn a_tag_is_good_for_its_bytes_and_purpose() {
    let keyring = Keyring::ephemeral().unwrap();
    let tag = keyring.mac("a", b"bytes");
    assert!(keyring.verify_mac("a", b"bytes", &tag));
    assert!(!keyring.verify_mac("b", b"bytes", &tag));
    assert!(!keyring.verify_mac("a", b"byte", &tag));
}
