//! References as they are read: a real PostgreSQL, an NTP server on the loop-back.

use clock::SystemClock;
use local::postgres::{Options, Postgres};
use store::{PoolOptions, Store};
use time::Duration as Span;
use tokio::net::UdpSocket;

use super::*;

#[test]
fn a_reading_proves_the_least_that_it_can() {
    let at = |seconds: i64| START + Span::seconds(seconds);
    for (before, reference, after, expected) in [
        (0, 0, 0, 0),
        (0, 1, 2, 0),
        (0, 3, 2, 1),
        (0, -3, 2, -3),
        // The clock was set back in between.
        (2, 1, 0, 0),
        (2, 5, 0, 3),
    ] {
        let reading = Reading { before: at(before), reference: at(reference), after: at(after) };
        assert_eq!(reading.difference(), Span::seconds(expected), "{before} {reference} {after}");
    }
}

fn is_about(difference: Span, seconds: i64) -> bool {
    (difference - Span::seconds(seconds)).abs() < Span::seconds(2)
}

#[tokio::test]
async fn postgresql_says_how_far_the_clock_is_off() {
    let mut server = Postgres::start(Options::ephemeral()).await.unwrap();
    let store = Store::connect_lazily(&server.superuser_url("postgres"), PoolOptions::default()).unwrap();
    let reference = PostgreSql(store.clone());
    let now = SystemClock.now();
    for off in [0, -3_600, 7] {
        let clock = ManualClock::at(now + Span::seconds(off));
        let difference = reference.read(&clock).await.unwrap().difference();
        assert!(is_about(difference, -off), "{off} s off, {difference} found");
    }
    let guard =
        ClockGuard::spawn(SystemClock::shared(), vec![Arc::new(PostgreSql(store))], Default::default());
    guard.looked().await;
    guard.trusted().unwrap();
    server.stop().await.unwrap();
    assert!(reference.read(&SystemClock).await.is_err());
    guard.trusted().unwrap();
}

/// A server of RFC 5905 whose clock is so far ahead, for one question.
async fn ntp_server(ahead: Span, stratum: u8) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut packet = [0; 48];
        let (_, client) = socket.recv_from(&mut packet).await.unwrap();
        let since_1900 = SystemClock.now() + ahead - datetime!(1900-01-01 0:00 UTC);
        let seconds = u32::try_from(since_1900.whole_seconds()).unwrap().to_be_bytes();
        let mut answer = [0; 48];
        // No warning, version 4, mode 4: server.
        (answer[0], answer[1]) = (0b00_100_100, stratum);
        answer[24..32].copy_from_slice(&packet[40..48]);
        answer[32..36].copy_from_slice(&seconds);
        answer[40..44].copy_from_slice(&seconds);
        socket.send_to(&answer, client).await.unwrap();
    });
    address
}

#[tokio::test]
async fn an_ntp_server_says_how_far_the_clock_is_off() {
    for ahead in [0, 3_600, -60] {
        let reference = Ntp::at(&ntp_server(Span::seconds(ahead), 1).await);
        let difference = reference.read(&SystemClock).await.unwrap().difference();
        assert!(is_about(difference, ahead), "{ahead} s ahead, {difference} found");
    }
    // Against a clock that is not the machine's, too.
    let reference = Ntp::at(&ntp_server(Span::ZERO, 1).await);
    let clock = ManualClock::at(SystemClock.now() - Span::minutes(10));
    assert!(is_about(reference.read(&clock).await.unwrap().difference(), 600));
}

#[tokio::test]
async fn a_server_that_is_not_synchronised_or_cannot_be_found_says_nothing() {
    for stratum in [0, 16] {
        let reference = Ntp::at(&ntp_server(Span::ZERO, stratum).await);
        assert!(reference.read(&SystemClock).await.is_err(), "stratum {stratum}");
    }
    assert!(Ntp::at("").read(&SystemClock).await.is_err());
    assert!(Ntp::at("no-such-host.invalid").read(&SystemClock).await.is_err());
}

#[test]
fn a_server_is_named_with_or_without_its_port() {
    for (text, address) in [
        ("ntp.example", "ntp.example:123"),
        ("ntp.example:1123", "ntp.example:1123"),
        ("192.0.2.1", "192.0.2.1:123"),
        ("192.0.2.1:5", "192.0.2.1:5"),
        ("2001:db8::1", "[2001:db8::1]:123"),
        ("[2001:db8::1]:5", "[2001:db8::1]:5"),
    ] {
        assert_eq!(Ntp::at(text).address(), address, "{text}");
    }
}
