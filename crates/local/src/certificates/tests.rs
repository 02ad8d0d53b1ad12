//! Certificates as another program reads them, and when they are issued anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::X509Certificate;

use super::*;

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

fn ca_at(directory: &Path, when: OffsetDateTime) -> DevCa {
    DevCa::load_or_create_at(directory, PeerNaming::default(), when).unwrap()
}

fn with_certificate<T>(path: &Path, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let (_, pem) = parse_x509_pem(&fs::read(path).unwrap()).unwrap();
    look(&pem.parse_x509().unwrap())
}

/// Contents of all four files: equal means nothing was issued.
fn contents(ca: &DevCa, leaf: &PeerCertificate) -> [String; 4] {
    [ca.certificate(), ca.directory.join("ca.key"), leaf.certificate.clone(), leaf.key.clone()]
        .map(|path| fs::read_to_string(path).unwrap())
}

#[test]
fn a_leaf_names_its_peer_and_is_signed_by_the_authority() {
    let directory = tempfile::tempdir().unwrap();
    let ca = DevCa::load_or_create(&directory.path().join("new/deep")).unwrap();
    let leaf = ca.issue("console").unwrap();
    assert_eq!(leaf.certificate.file_name().unwrap(), "console.crt");
    with_certificate(&leaf.certificate, |x509| {
        let names = &x509.subject_alternative_name().unwrap().unwrap().value.general_names;
        let v6 = Ipv6Addr::LOCALHOST.octets();
        assert_eq!(
            *names,
            [
                GeneralName::DNSName("localhost"),
                GeneralName::IPAddress(&[127, 0, 0, 1]),
                GeneralName::IPAddress(&v6),
                GeneralName::URI("spiffe://countersign.local/ns/default/sa/console"),
            ]
        );
        let usage = x509.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && usage.client_auth && !usage.any);
        assert!(x509.key_usage().unwrap().unwrap().value.digital_signature());
        assert!(!x509.is_ca());
        assert_eq!(x509.public_key().raw.len(), 91, "a P-256 key");
        let valid = x509.validity();
        let age = OffsetDateTime::now_utc() - valid.not_before.to_datetime();
        assert!(age >= CLOCK_SKEW && age < CLOCK_SKEW + Duration::minutes(1), "{age}");
        let life = valid.not_after.to_datetime() - valid.not_before.to_datetime();
        assert_eq!(life, LEAF_LIFE + CLOCK_SKEW);
        with_certificate(&ca.certificate(), |authority| {
            x509.verify_signature(Some(authority.public_key())).unwrap();
            assert_eq!(x509.issuer(), authority.subject());
        });
    });
    with_certificate(&ca.certificate(), |x509| {
        let constraints = x509.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        let usage = x509.key_usage().unwrap().unwrap().value;
        assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
        let life = x509.validity().not_after.to_datetime() - x509.validity().not_before.to_datetime();
        assert_eq!(life, CA_LIFE + CLOCK_SKEW);
    });
}

#[test]
fn keys_are_private_and_nothing_else_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let ca = DevCa::load_or_create(directory.path()).unwrap();
    ca.issue("mfa").unwrap();
    let mut files: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect();
    files.sort();
    let expected = [("ca.crt", 0o644), ("ca.key", 0o600), ("mfa.crt", 0o644), ("mfa.key", 0o600)];
    assert_eq!(files, expected.map(|(name, mode)| (name.to_owned(), mode)));
}

#[test]
fn what_is_sound_is_kept_until_thirty_days_are_left() {
    let directory = tempfile::tempdir().unwrap();
    let ca = ca_at(directory.path(), now());
    let leaf = ca.issue_at("mfa", now()).unwrap();
    let first = contents(&ca, &leaf);

    let ca = ca_at(directory.path(), now() + Duration::days(59));
    ca.issue_at("mfa", now() + Duration::days(59)).unwrap();
    assert_eq!(contents(&ca, &leaf), first);

    ca.issue_at("mfa", now() + Duration::days(61)).unwrap();
    let second = contents(&ca, &leaf);
    assert_eq!(second[..2], first[..2]);
    assert_ne!(second[2], first[2]);
    assert_ne!(second[3], first[3]);
    // Issued by an authority that was loaded, not made: it must still chain.
    with_certificate(&leaf.certificate, |x509| {
        with_certificate(&ca.certificate(), |authority| {
            x509.verify_signature(Some(authority.public_key())).unwrap();
        });
    });

    let late = now() + CA_LIFE - Duration::days(29);
    let ca = ca_at(directory.path(), late);
    ca.issue_at("mfa", late).unwrap();
    let third = contents(&ca, &leaf);
    assert!(third.iter().zip(&second).all(|(new, old)| new != old));
}

#[test]
fn damage_is_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let ca = ca_at(directory.path(), now());
    let leaf = ca.issue_at("mfa", now()).unwrap();
    let other = ca.issue_at("tenant", now()).unwrap();
    type Damage<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let damages: [Damage<'_>; 5] = [
        ("no certificate", Box::new(|| fs::remove_file(&leaf.certificate).unwrap())),
        ("no key", Box::new(|| fs::remove_file(&leaf.key).unwrap())),
        ("no text", Box::new(|| fs::write(&leaf.certificate, [0xff, 0xfe, 0]).unwrap())),
        ("cut off", Box::new(|| fs::write(&leaf.key, "-----BEGIN PRIVATE KEY-----\nMIG").unwrap())),
        ("another's key", Box::new(|| assert!(fs::copy(&other.key, &leaf.key).unwrap() > 0))),
    ];
    for (what, damage) in damages {
        let before = fs::read_to_string(&other.certificate).unwrap();
        damage();
        ca.issue_at("mfa", now()).unwrap();
        assert!(Stored::load(&leaf).unwrap().is_some(), "{what}");
        assert_eq!(fs::read_to_string(&other.certificate).unwrap(), before);
    }
    // A lost authority takes its certificates with it.
    fs::write(directory.path().join("ca.key"), "").unwrap();
    let before = fs::read_to_string(&leaf.certificate).unwrap();
    let ca = ca_at(directory.path(), now());
    ca.issue_at("mfa", now()).unwrap();
    assert_ne!(fs::read_to_string(&leaf.certificate).unwrap(), before);
    assert!(Stored::load(&leaf).unwrap().unwrap().is_issued_by(ca.issuer.key()));
}

#[test]
fn another_naming_means_another_certificate() {
    let directory = tempfile::tempdir().unwrap();
    ca_at(directory.path(), now()).issue_at("mfa", now()).unwrap();
    let naming = PeerNaming { trust_domain: "example.org".to_owned(), namespace: "prod".to_owned() };
    let ca = DevCa::load_or_create_at(directory.path(), naming, now()).unwrap();
    let leaf = ca.issue_at("mfa", now()).unwrap();
    assert!(Stored::load(&leaf).unwrap().unwrap().has_uri("spiffe://example.org/ns/prod/sa/mfa"));
}

#[test]
fn names_that_are_none_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let ca = DevCa::load_or_create(directory.path()).unwrap();
    for bad in ["", "ca", "../x", "a/b", "A", "a b", "ä", ".x", &"x".repeat(64)] {
        assert!(matches!(ca.issue(bad), Err(Error::Name(_))), "{bad:?}");
        if bad != "ca" {
            let naming = PeerNaming { namespace: bad.to_owned(), ..PeerNaming::default() };
            assert!(DevCa::load_or_create_with(directory.path(), naming).is_err(), "{bad:?}");
        }
    }
}
