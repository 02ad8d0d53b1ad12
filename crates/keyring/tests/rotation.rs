//! What a keyring promises while its directory changes.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use data_encoding::BASE64;
use keyring::{Binding, KeyDirectory, Keyring, KeyringError, OpenError, next_key};

const BINDING: Binding<'_> =
    Binding { service: "mfa", table: "factor", row: "f1", user: "u1", purpose: "totp secret" };

fn ids(keyring: &Keyring) -> Vec<String> {
    keyring.key_ids().iter().map(ToString::to_string).collect()
}

fn put(directory: &Path, id: &str, byte: u8) {
    fs::write(directory.join(format!("{id}.key")), BASE64.encode(&[byte; 32])).unwrap();
}

#[test]
fn a_rotation_goes_step_by_step_and_every_step_opens_everything() {
    let path = tempfile::tempdir().unwrap();
    let running = Keyring::create(path.path()).unwrap();
    let old = running.seal(&BINDING, b"secret").unwrap();
    let directory = KeyDirectory::open(path.path()).unwrap();

    let next = directory.begin().unwrap();
    assert_eq!((next.as_str(), directory.next().unwrap()), ("k2", Some(next.clone())));
    assert_eq!(directory.begin().unwrap(), next, "taken up again, it is the same key");
    let taken = running.take(&running.reread().unwrap());
    assert_eq!((taken.added, taken.primary), (vec![next.clone()], None));
    assert_eq!(running.primary().as_str(), "k1");

    directory.promote().unwrap();
    directory.promote().unwrap();
    assert_eq!(next_key(path.path()).unwrap(), None);
    let taken = running.take(&running.reread().unwrap());
    assert_eq!((taken.added, taken.primary), (vec![], Some(next.clone())));
    let new = running.seal(&BINDING, b"secret").unwrap();
    assert_eq!(Keyring::sealed_under(&new).unwrap(), next);
    for sealed in [&old, &new] {
        assert_eq!(running.open(&BINDING, sealed).unwrap().as_slice(), b"secret");
    }

    assert!(matches!(directory.remove(&next), Err(KeyringError::State { .. })), "the primary key stays");
    directory.remove(&"k1".parse().unwrap()).unwrap();
    running.take(&running.reread().unwrap());
    assert_eq!(ids(&running), ["k1", "k2"], "looking drops nothing");
    running.forget(&next);
    running.forget(&"k1".parse().unwrap());
    assert_eq!(ids(&running), ["k2"]);
    assert_eq!(running.open(&BINDING, &old), Err(OpenError::UnknownKey { key_id: "k1".to_owned() }));
    assert_eq!(directory.begin().unwrap().as_str(), "k3", "no id is given twice");
}

#[test]
fn a_rotation_that_was_cut_off_is_taken_up_where_it_stopped() {
    let path = tempfile::tempdir().unwrap();
    Keyring::create(path.path()).unwrap();
    fs::write(path.path().join("next"), "k2\n").unwrap();
    let directory = KeyDirectory::open(path.path()).unwrap();
    assert!(matches!(directory.promote(), Err(KeyringError::State { .. })), "there is no such key yet");
    assert_eq!(directory.begin().unwrap().as_str(), "k2");
    let again = directory.remove(&"k2".parse().unwrap());
    assert!(matches!(again, Err(KeyringError::State { .. })), "it is to become primary");
    // Cut off between the two writes of the promotion.
    fs::write(path.path().join("primary"), "k2\n").unwrap();
    directory.promote().unwrap();
    assert_eq!(directory.keyring().unwrap().primary().as_str(), "k2");
    assert_eq!(directory.next().unwrap(), None);
}

#[test]
fn one_at_a_time_changes_a_directory_and_only_where_there_is_a_keyring() {
    let path = tempfile::tempdir().unwrap();
    assert!(matches!(KeyDirectory::open(path.path()), Err(KeyringError::Io { .. })));
    assert_eq!(fs::read_dir(path.path()).unwrap().count(), 0, "nothing was made");
    Keyring::create(path.path()).unwrap();
    let first = KeyDirectory::open(path.path()).unwrap();
    assert!(matches!(KeyDirectory::open(path.path()), Err(KeyringError::Busy { .. })));
    drop(first);
    KeyDirectory::open(path.path()).unwrap();
}

#[test]
fn a_key_that_another_replica_was_given_a_moment_ago_opens_at_once() {
    let path = tempfile::tempdir().unwrap();
    let late = Keyring::create(path.path()).unwrap();
    let directory = KeyDirectory::open(path.path()).unwrap();
    directory.begin().unwrap();
    directory.promote().unwrap();
    let early = Keyring::load(path.path()).unwrap();
    let sealed = early.seal(&BINDING, b"secret").unwrap();
    let token = early.encode_token("cursor", b"context", b"42");
    assert_eq!(late.open(&BINDING, &sealed).unwrap().as_slice(), b"secret");
    assert_eq!(late.decode_token("cursor", b"context", &token).unwrap(), b"42");
    assert_eq!(late.primary().as_str(), "k1", "what somebody presents makes nothing primary");
}

#[test]
fn what_a_caller_presents_makes_nobody_look_more_than_once_a_second() {
    let path = tempfile::tempdir().unwrap();
    let late = Keyring::create(path.path()).unwrap();
    let stranger = Keyring::ephemeral().unwrap();
    let foreign = stranger.encode_token("cursor", b"context", b"42");
    assert!(late.decode_token("cursor", b"context", &foreign).is_err());
    let directory = KeyDirectory::open(path.path()).unwrap();
    directory.begin().unwrap();
    directory.promote().unwrap();
    let early = Keyring::load(path.path()).unwrap();
    let token = early.encode_token("cursor", b"context", b"42");
    assert!(late.decode_token("cursor", b"context", &token).is_err(), "it looked a moment ago");
    let sealed = early.seal(&BINDING, b"secret").unwrap();
    assert!(late.open(&BINDING, &sealed).is_ok(), "what we stored has a pace of its own");
    assert!(late.decode_token("cursor", b"context", &token).is_ok());
}

#[test]
fn a_directory_that_cannot_be_used_changes_nothing() {
    let path = tempfile::tempdir().unwrap();
    let running = Keyring::create(path.path()).unwrap();
    let sealed = running.seal(&BINDING, b"secret").unwrap();
    let whole = fs::read(path.path().join("k1.key")).unwrap();
    put(path.path(), "k2", 9);
    put(path.path(), "k1", 8);
    assert!(matches!(running.reread(), Err(KeyringError::Changed { id }) if id == "k1"));
    fs::write(path.path().join("k1.key"), whole).unwrap();
    fs::write(path.path().join("primary"), "k3\n").unwrap();
    assert!(matches!(running.reread(), Err(KeyringError::PrimaryMissing { .. })));
    fs::remove_file(path.path().join("primary")).unwrap();
    assert!(matches!(running.reread(), Err(KeyringError::Io { .. })));
    assert_eq!(ids(&running), ["k1"]);
    assert_eq!(running.open(&BINDING, &sealed).unwrap().as_slice(), b"secret");
}

#[test]
fn a_check_value_tells_keys_of_one_name_apart_and_nothing_else() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (Keyring::create(one.path()).unwrap(), Keyring::create(other.path()).unwrap());
    let id = first.primary();
    assert_eq!(second.primary(), id);
    assert_ne!(first.check_values()[&id], second.check_values()[&id]);
    assert_eq!(first.check_values(), Keyring::load(one.path()).unwrap().check_values());
    let raw = BASE64.decode(fs::read(one.path().join("k1.key")).unwrap().trim_ascii()).unwrap();
    assert!(!raw.windows(16).any(|part| part == first.check_values()[&id]));
}

#[test]
fn what_was_derived_before_a_rotation_is_recognised_after_it() {
    let path = tempfile::tempdir().unwrap();
    Keyring::create(path.path()).unwrap();
    fs::rename(path.path().join("k1.key"), path.path().join("k9.key")).unwrap();
    fs::write(path.path().join("primary"), "k9\n").unwrap();
    let keyring = Keyring::load(path.path()).unwrap();
    let (lasting, before) = (keyring.lasting_mac("id", b"request"), keyring.mac("id", b"request"));
    assert_eq!(lasting, before);
    let directory = KeyDirectory::open(path.path()).unwrap();
    assert_eq!(directory.begin().unwrap().as_str(), "k10");
    directory.promote().unwrap();
    keyring.take(&keyring.reread().unwrap());
    assert_eq!(keyring.lasting_mac("id", b"request"), lasting);
    assert_ne!(keyring.mac("id", b"request"), before);
    keyring.forget(&"k9".parse().unwrap());
    assert_eq!(keyring.lasting_mac("id", b"request"), keyring.mac("id", b"request"));
}

#[test]
fn the_key_of_a_token_can_be_told_without_the_key() {
    let keyring = Keyring::ephemeral().unwrap();
    let token = keyring.encode_token("cursor", b"context", b"42");
    assert_eq!(Keyring::token_made_under(&token).unwrap().as_str(), "ephemeral");
    for text in ["", "!", "AQ", &"A".repeat(4096)] {
        assert!(Keyring::token_made_under(text).is_err());
    }
}

/// A rotation by root in a service's directory: what the service cannot read would keep it from its next start.
#[test]
fn what_is_written_belongs_to_whom_the_directory_belongs() {
    let path = tempfile::tempdir().unwrap();
    Keyring::create(path.path()).unwrap();
    // Where the test is not run by root, the directory stays the test's own, and so do the files.
    drop(std::os::unix::fs::chown(path.path(), Some(65_532), Some(65_533)));
    let theirs = fs::metadata(path.path()).unwrap();
    let bait = tempfile::NamedTempFile::new().unwrap();
    // What was left, or laid out: never written through.
    std::os::unix::fs::symlink(bait.path(), path.path().join(".k2.key.new")).unwrap();

    let directory = KeyDirectory::open(path.path()).unwrap();
    directory.begin().unwrap();
    for name in ["k2.key", "next", ".lock"] {
        let file = fs::symlink_metadata(path.path().join(name)).unwrap();
        assert!(file.is_file(), "{name}");
        assert_eq!(
            (file.uid(), file.gid(), file.mode() & 0o777),
            (theirs.uid(), theirs.gid(), 0o600),
            "{name}"
        );
    }
    directory.promote().unwrap();
    let primary = fs::metadata(path.path().join("primary")).unwrap();
    assert_eq!((primary.uid(), primary.gid()), (theirs.uid(), theirs.gid()));
    assert_eq!(fs::read(bait.path()).unwrap(), b"");
}
