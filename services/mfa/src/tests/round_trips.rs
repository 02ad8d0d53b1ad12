//! How often the hot path crosses to the database and back.
//!
//! Between service and database stands a line with a known delay: what the server says reaches the service only after it, so
//! whatever the service sends meanwhile belongs to one crossing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fault::Reason;
use proto::mfa::verification_service_server::VerificationService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fixture::{Fixture, refusal};
use crate::rpc::VerificationHandlers;

/// Longer than the service needs to send what waits for no answer.
const DELAY: Duration = Duration::from_millis(60);

/// Counts crossings.
#[derive(Default)]
struct Line {
    crossings: AtomicUsize,
    has_answered: AtomicBool,
}

impl Line {
    /// A line to the database at `url`; the URL of its near end.
    async fn lay(self: &Arc<Self>, url: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = listener.local_addr().unwrap().to_string();
        let far = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0.to_owned();
        let (line, there) = (Arc::clone(self), far.clone());
        tokio::spawn(async move {
            while let Ok((here, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&line).carry(here, there.clone()));
            }
        });
        url.replace(&far, &near)
    }

    async fn carry(self: Arc<Self>, here: TcpStream, far: String) {
        let there = TcpStream::connect(far).await.unwrap();
        here.set_nodelay(true).unwrap();
        there.set_nodelay(true).unwrap();
        let (mut from_service, mut to_service) = here.into_split();
        let (mut from_server, mut to_server) = there.into_split();
        let line = Arc::clone(&self);
        tokio::spawn(async move {
            let mut bytes = [0; 65_536];
            while let Ok(length @ 1..) = from_service.read(&mut bytes).await {
                if line.has_answered.swap(false, Ordering::SeqCst) {
                    line.crossings.fetch_add(1, Ordering::SeqCst);
                }
                if to_server.write_all(&bytes[..length]).await.is_err() {
                    break;
                }
            }
        });
        let mut bytes = [0; 65_536];
        while let Ok(length @ 1..) = from_server.read(&mut bytes).await {
            tokio::time::sleep(DELAY).await;
            self.has_answered.store(true, Ordering::SeqCst);
            if to_service.write_all(&bytes[..length]).await.is_err() {
                break;
            }
        }
    }

    fn begin(&self) {
        self.crossings.store(0, Ordering::SeqCst);
        self.has_answered.store(true, Ordering::SeqCst);
    }

    fn crossings(&self) -> usize {
        self.crossings.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_verified_in_two_round_trips_whatever_the_verdict() {
    let (fixture, tree) = Fixture::with_tree().await;
    let phone = fixture.enroll(&tree.company_user).await;
    let line = Arc::new(Line::default());
    let far = VerificationHandlers(fixture.service_at(&line.lay(fixture.service_url()).await));
    let sign_in = fixture.sign_in(&tree.company_user).await;
    // The first calls make the connection and prepare statements.
    for _ in 0..2 {
        for code in [phone.wrong_codes(&fixture, 1).remove(0), phone.code(&fixture)] {
            drop(far.verify_code(sign_in.verify(&code)).await);
        }
        fixture.tick(30);
    }

    let code = phone.code(&fixture);
    line.begin();
    far.verify_code(sign_in.verify(&code)).await.unwrap();
    assert_eq!(line.crossings(), 2, "accepted");
    let [wrong, after] = [phone.wrong_codes(&fixture, 1).remove(0), phone.code_at(&fixture, 1)];
    line.begin();
    assert_eq!(refusal(far.verify_code(sign_in.verify(&wrong)).await), Reason::CodeRefused);
    assert_eq!(line.crossings(), 2, "wrong");
    fixture.tick(30);
    // Accepted, and the count of wrong codes ends.
    line.begin();
    far.verify_code(sign_in.verify(&after)).await.unwrap();
    assert_eq!(line.crossings(), 2, "accepted after a wrong one");
    line.begin();
    assert_eq!(refusal(far.verify_code(sign_in.verify(&after)).await), Reason::CodeRefused);
    assert_eq!(line.crossings(), 2, "used");
    // The same attempt again: looked up with the lock, and undone.
    fixture.tick(30);
    let (code, request) = (phone.code(&fixture), sign_in.verify(&phone.code(&fixture)).into_inner());
    assert_eq!(code, request.code);
    far.verify_code(super::fixture::from_identity(request.clone())).await.unwrap();
    line.begin();
    far.verify_code(super::fixture::from_identity(request)).await.unwrap();
    assert_eq!(line.crossings(), 2, "repeated");
}
