//! TLS to a real PostgreSQL, and the host that takes writes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use local::certificates::DevCa;
use local::postgres::{Options, Postgres};
use store::{Address, PoolOptions, SqlClass, Store};

/// The superuser's URL under another host name and with these parameters.
fn url(server: &Postgres, host: &str, parameters: &str) -> String {
    let url = server.superuser_url("postgres").replace("127.0.0.1", host);
    format!("{url}?{parameters}")
}

async fn ask(url: &str, sql: &str) -> Result<String, store::StoreError> {
    let (client, _driven) = Address::parse(url)?.open().await?;
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

/// Gives a running server a certificate, in files that its account alone can read.
async fn certify(server: &Postgres, ca: &DevCa) {
    let issued = ca.issue("database").unwrap();
    let data = server.data_directory();
    let owner = std::fs::metadata(data).unwrap();
    for (from, to) in [(&issued.certificate, "server.crt"), (&issued.key, "server.key")] {
        let file = data.join(to);
        std::fs::copy(from, &file).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let (client, _driven) = Address::parse(&server.superuser_url("postgres")).unwrap().open().await.unwrap();
    for statement in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        client.batch_execute(statement).await.unwrap();
    }
}

fn verify(server: &Postgres, host: &str, authorities: &Path) -> String {
    url(server, host, &format!("sslmode=verify-full&sslrootcert={}", authorities.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_certificate_is_checked_up_to_our_authorities_and_for_its_name() {
    const CIPHER: &str = "SELECT coalesce(version, 'plain') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let directories = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [ours, other] = directories.each_ref().map(|one| DevCa::load_or_create(one.path()).unwrap());
    let options = Options::ephemeral().setting("listen_addresses", "127.0.0.1,127.0.0.2");
    let server = Postgres::start(options).await.unwrap();
    // A server without TLS is refused, not used in the clear.
    let refused = ask(&verify(&server, "localhost", &ours.certificate()), CIPHER).await.unwrap_err();
    assert!(refused.to_string().contains("TLS"), "{refused}");
    certify(&server, &ours).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    for host in ["localhost", "127.0.0.1"] {
        let encrypted = loop {
            match ask(&verify(&server, host, &ours.certificate()), CIPHER).await {
                Ok(encrypted) => break encrypted,
                // It reads its configuration again in its own time.
                Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
            }
        };
        assert_eq!(encrypted, "TLSv1.3");
    }
    assert_eq!(ask(&url(&server, "localhost", "sslmode=disable"), CIPHER).await.unwrap(), "plain");
    let foreign = ask(&verify(&server, "localhost", &other.certificate()), CIPHER).await.unwrap_err();
    assert_eq!(foreign.class(), SqlClass::Unavailable, "{foreign}");
    // Another name for the same machine, which the certificate does not have.
    let misnamed = ask(&verify(&server, "127.0.0.2", &ours.certificate()), CIPHER).await.unwrap_err();
    assert!(format!("{misnamed:?}").contains("NotValidForName"), "{misnamed:?}");
    // The pool and a listener go the same way.
    let store =
        Store::connect_lazily(&verify(&server, "localhost", &ours.certificate()), PoolOptions::default())
            .unwrap();
    let row = store.read().await.unwrap().query_one(CIPHER, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "TLSv1.3");
    let mut listener = store.listen("news").await.unwrap();
    store.read().await.unwrap().batch_execute("NOTIFY news, 'heard'").await.unwrap();
    assert_eq!(listener.next().await.unwrap(), "heard");
    server.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_a_server_that_takes_no_more_writes_are_given_up() {
    let server = Postgres::start(Options::ephemeral()).await.unwrap();
    let options = PoolOptions { connections: 1, wait: Duration::from_secs(3) };
    let store = Store::connect_lazily(&server.superuser_url("postgres"), options).unwrap();
    let pid = async || {
        let client = store.read().await?;
        Ok::<i32, store::StoreError>(client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?)
    };
    let first = pid().await.unwrap();
    assert_eq!(pid().await.unwrap(), first, "a connection is kept");
    let (fence, _driven) = Address::parse(&server.superuser_url("postgres")).unwrap().open().await.unwrap();
    // How an operator fences a primary.
    for statement in ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"] {
        fence.batch_execute(statement).await.unwrap();
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let refused = loop {
        match pid().await {
            Ok(_) => assert!(tokio::time::Instant::now() < deadline, "the fenced server is used on"),
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(refused.class(), SqlClass::Unavailable, "{refused}");
    assert_eq!(store.ping().await.unwrap_err().class(), SqlClass::Unavailable);
    server.destroy().await.unwrap();
}
