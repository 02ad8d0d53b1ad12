use super::*;

fn refused(text: &str) -> String {
    match Address::parse(text) {
        Ok(_) => panic!("{text} was read"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn hosts_are_told_apart_and_share_the_rest() {
    for text in [
        "postgres://role:secret@localhost:5433,127.0.0.1,[::1]:5435/name?application_name=a&connect_timeout=7",
        "host=localhost,127.0.0.1,::1 port=5433,5432,5435 user=role password=secret dbname=name application_name=a connect_timeout=7",
    ] {
        let address = Address::parse(text).unwrap();
        let ports: Vec<_> = address.hosts.iter().map(|host| host.get_ports().to_vec()).collect();
        assert_eq!(ports, [[5433], [5432], [5435]]);
        for host in address.hosts.iter() {
            assert_eq!(host.get_hosts().len(), 1);
            assert_eq!((host.get_user(), host.get_password()), (Some("role"), Some(&b"secret"[..])));
            assert_eq!((host.get_dbname(), host.get_application_name()), (Some("name"), Some("a")));
            assert_eq!(host.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
            assert_eq!(host.get_ssl_mode(), SslMode::Disable);
            assert_eq!(host.get_keepalives_idle(), KEEPALIVE_IDLE);
            assert_eq!(host.get_tcp_user_timeout(), Some(&TCP_USER_TIMEOUT));
            assert_eq!(host.get_connect_timeout(), Some(&Duration::from_secs(7)));
        }
        assert_eq!(address.patience(), Duration::from_secs(21));
    }
    let address = Address::parse("host=/run/postgresql user=role options='-c jit=off'").unwrap();
    let host = address.with_settings("-c work_mem=1MB");
    assert_eq!(host.hosts.first().unwrap().get_options(), Some("-c jit=off -c work_mem=1MB"));
}

#[test]
fn nothing_goes_in_the_clear_to_another_machine_unless_told_so() {
    let elsewhere = "postgres://role:secret@pg-1.example,localhost/name";
    assert!(refused(elsewhere).contains("another machine"));
    assert!(refused("host=localhost hostaddr=192.0.2.1 user=role").contains("another machine"));
    assert!(Address::parse(&format!("{elsewhere}?sslmode=disable")).is_ok());
    assert!(Address::parse("host=pg-1.example user=role sslmode=disable").is_ok());
    for weak in ["allow", "prefer", "require", "verify-ca"] {
        assert!(refused(&format!("{elsewhere}?sslmode={weak}")).contains(weak));
    }
    assert!(refused(&format!("{elsewhere}?sslmode=verify-full")).contains("sslrootcert"));
    let missing = refused(&format!("{elsewhere}?sslmode=verify-full&sslrootcert=%2Fno%2Fsuch.crt"));
    assert!(missing.contains("/no/such.crt"), "{missing}");
    assert!(!missing.contains("secret"));
    assert!(refused("host=a,b port=1,2,3 user=role sslmode=disable").contains("number"));
    assert!(refused("user=role").contains("no host"));
}
