use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};

use super::*;

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

#[tokio::test]
async fn a_hash_is_its_passwords_alone_and_salted() {
    let pool = PasswordPool::new(PoolSize::default()).unwrap();
    let hash = pool.hash(at(1), password("correct horse")).await.unwrap();
    assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
    assert_ne!(pool.hash(at(1), password("correct horse")).await.unwrap(), hash);
    let right = pool.verify(at(1), Some(hash.clone()), password("correct horse")).await.unwrap();
    assert_eq!(right, Verdict { matches: true, outdated: false });
    assert!(!pool.verify(at(1), Some(hash), password("correct horsf")).await.unwrap().matches);
    assert!(!pool.verify(at(1), None, password("correct horse")).await.unwrap().matches);
}

#[tokio::test]
async fn the_library_agrees_and_lower_parameters_are_outdated() {
    let params = Params::new(8_192, 1, 1, Some(32)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(b"correct horse", b"0123456789abcdef").unwrap();
    let pool = PasswordPool::new(PoolSize::default()).unwrap();
    let stored = StoredHash::new(hash.to_string());
    let verdict = pool.verify(at(1), Some(stored), password("correct horse")).await.unwrap();
    assert_eq!(verdict, Verdict { matches: true, outdated: true });
}

#[tokio::test]
async fn what_cannot_be_read_is_an_alarm_and_never_a_match() {
    let pool = PasswordPool::new(PoolSize::default()).unwrap();
    for text in
        ["", "x", "$argon2id$v=19$m=19456,t=2,p=1", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAA"]
    {
        let outcome = pool.verify(at(1), Some(StoredHash::new(text.to_owned())), password("x")).await;
        assert_eq!(outcome.unwrap_err().reason(), Reason::Corrupt, "{text}");
    }
}

/// Somebody at an address.
fn at(address: u8) -> Lane {
    Lane::Address([192, 0, 2, address].into())
}

/// A pool that computes one hash at a time, and somebody whose turn it is.
async fn busy(queue: usize) -> (PasswordPool, Turn) {
    let pool = PasswordPool::new(PoolSize { permits: 1, queue }).unwrap();
    let turn = pool.enter(at(1)).unwrap().turn().await.unwrap();
    (pool, turn)
}

#[tokio::test]
async fn a_full_queue_is_told_at_once_and_everybody_in_it_has_a_turn() {
    let (pool, running) = busy(2).await;
    let waiting = [pool.enter(at(1)), pool.enter(at(1))].map(|place| tokio::spawn(place.unwrap().turn()));
    tokio::task::yield_now().await;
    let full = pool.enter(at(1)).err().unwrap();
    assert_eq!((full.reason(), full.retry_after()), (Reason::Overloaded, Some(AGAIN)));
    assert!(!running.verify(None, password("x")).await.unwrap().matches);
    for task in waiting {
        assert!(!task.await.unwrap().unwrap().verify(None, password("x")).await.unwrap().matches);
    }
    assert_eq!((pool.taken(), pool.computed()), (0, 3));
}

#[tokio::test]
async fn one_address_neither_fills_the_queue_nor_goes_first() {
    let (pool, running) = busy(4).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let queue = |address: u8| {
        let place = pool.enter(at(address))?;
        let order = Arc::clone(&order);
        Outcome::Ok(tokio::spawn(async move {
            let turn = place.turn().await?;
            order.lock().unwrap().push(address);
            drop(turn);
            Outcome::Ok(())
        }))
    };
    let mut greedy = Vec::new();
    for _ in 0..4 {
        greedy.push(queue(1).unwrap());
        tokio::task::yield_now().await;
    }
    assert_eq!(queue(1).err().unwrap().reason(), Reason::Overloaded);
    let mut others = Vec::new();
    for address in [2, 3] {
        others.push(queue(address).unwrap());
        tokio::task::yield_now().await;
    }
    drop(running);
    for task in others {
        task.await.unwrap().unwrap();
    }
    let mut outcomes = Vec::new();
    for task in greedy {
        outcomes.push(task.await.unwrap().map_err(|fault| fault.reason()));
    }
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(Reason::Overloaded), Err(Reason::Overloaded)]);
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 1]);
    assert_eq!(pool.taken(), 0);
}

/// All at one moment, before the first of them has been looked up.
#[tokio::test]
async fn one_address_that_comes_all_at_once_leaves_places_to_others() {
    let (pool, running) = busy(12).await;
    let enter = |address: u8| pool.enter(at(address));
    let mut greedy: Vec<_> = (0..12).map(|_| enter(1).unwrap()).collect();
    assert_eq!(enter(1).err().unwrap().reason(), Reason::Overloaded);
    let modest: Vec<_> =
        (2..6).flat_map(|address| [enter(address).unwrap(), enter(address).unwrap()]).collect();
    drop(running);
    for place in modest {
        drop(place.turn().await.unwrap());
    }
    // The first ones kept theirs.
    for place in greedy.drain(..4) {
        drop(place.turn().await.unwrap());
    }
    for place in greedy {
        assert_eq!(place.turn().await.err().unwrap().reason(), Reason::Overloaded);
    }
    assert_eq!(pool.taken(), 0);
}

#[tokio::test]
async fn whoever_goes_away_frees_their_place_and_their_turn() {
    let (pool, running) = busy(1).await;
    let mut waiting = Box::pin(pool.enter(at(2)).unwrap().turn());
    assert!(futures::poll!(&mut waiting).is_pending());
    assert_eq!(pool.taken(), 2);
    drop(waiting);
    assert_eq!(pool.taken(), 1);
    // The turn comes, and nobody takes it.
    let mut waiting = Box::pin(pool.enter(at(2)).unwrap().turn());
    assert!(futures::poll!(&mut waiting).is_pending());
    drop(running);
    drop(waiting);
    assert_eq!(pool.taken(), 0);
    assert!(!pool.verify(at(1), None, password("x")).await.unwrap().matches);
}

#[tokio::test]
async fn a_hash_that_runs_holds_its_turn_also_when_its_caller_has_gone() {
    let pool = PasswordPool::new(PoolSize { permits: 1, queue: 1 }).unwrap();
    let mut running = Box::pin(pool.verify(at(1), None, password("x")));
    assert!(futures::poll!(&mut running).is_pending());
    drop(running);
    // This one has to wait for it: two never run at once.
    pool.verify(at(1), None, password("x")).await.unwrap();
    assert_eq!((pool.computed(), pool.memory.lock().unwrap().len()), (2, 1));
}
