use argon2::PasswordHasher;

use super::*;

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

#[tokio::test]
async fn a_hash_is_its_passwords_alone_and_salted() {
    let pool = PasswordPool::new(PoolSize::default()).unwrap();
    let hash = pool.hash(password("correct horse")).await.unwrap();
    assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
    assert_ne!(pool.hash(password("correct horse")).await.unwrap(), hash);
    let right = pool.verify(Some(hash.clone()), password("correct horse")).await.unwrap();
    assert_eq!(right, Verdict { matches: true, outdated: false });
    assert!(!pool.verify(Some(hash), password("correct horsf")).await.unwrap().matches);
    assert!(!pool.verify(None, password("correct horse")).await.unwrap().matches);
}

#[tokio::test]
async fn the_library_agrees_and_lower_parameters_are_outdated() {
    let params = Params::new(8_192, 1, 1, Some(32)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(b"correct horse", b"0123456789abcdef").unwrap();
    let pool = PasswordPool::new(PoolSize::default()).unwrap();
    let stored = StoredHash::new(hash.to_string());
    let verdict = pool.verify(Some(stored), password("correct horse")).await.unwrap();
    assert_eq!(verdict, Verdict { matches: true, outdated: true });
}

#[tokio::test]
async fn what_cannot_be_read_is_an_alarm_and_never_a_match() {
    let pool = PasswordPool::new(PoolSize::default()).unwrap();
    for text in
        ["", "x", "$argon2id$v=19$m=19456,t=2,p=1", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAA"]
    {
        let outcome = pool.verify(Some(StoredHash::new(text.to_owned())), password("x")).await;
        assert_eq!(outcome.unwrap_err().reason(), Reason::Corrupt, "{text}");
    }
}

#[tokio::test]
async fn a_full_queue_is_told() {
    let pool = PasswordPool::new(PoolSize { permits: 1, queue: 1 }).unwrap();
    let running = Arc::clone(&pool.permits).acquire_owned().await.unwrap();
    let waiting = [(); 2].map(|()| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.verify(None, password("x")).await })
    });
    while pool.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(pool.verify(None, password("x")).await.unwrap_err().reason(), Reason::Overloaded);
    drop(running);
    for task in waiting {
        assert!(!task.await.unwrap().unwrap().matches);
    }
}
