//! Delays after failed attempts at passwords: per login, per address, and per both together.
//!
//! - *Both together* slows down who guesses one login from one place. Success there forgets it.
//! - *Login* slows down who guesses one login from many places; *address* who tries many logins from one place. Neither is
//!   forgotten by success, or an account of one's own would pay for guessing others'.
//! - Where a login gave the right password lately it is *known*: from there its own failures alone delay it, so that others
//!   cannot keep it out. A session counts as such a place.
//!
//! A login that nobody has is treated like any other. Nothing is ever locked: the longest delay is 30 seconds.

use std::net::{IpAddr, Ipv6Addr};

use super::delay::{Cells, Charge, Millis, Rule};

/// How long a place where a login gave the right password is known.
const KNOWN_FOR: Millis = 7 * 24 * 60 * 60 * 1_000;
/// The first delay.
const FIRST: Millis = 1_000;
/// How many cells each table has: some 1.5 MiB together, whatever comes in.
const CELLS: usize = 16_384;

/// What the operator may choose, within bounds that are safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelayThresholds {
    /// Failures of one login from one place that cost nothing.
    pub free: u32,
    /// Failures of one login from anywhere that cost nothing.
    pub free_per_login: u32,
    /// Failures from one address that cost nothing, whoever's.
    pub free_per_address: u32,
    /// No delay is longer, in milliseconds.
    pub longest: Millis,
    /// One failure is forgotten in this time, in milliseconds.
    pub forget: Millis,
}

impl Default for DelayThresholds {
    fn default() -> Self {
        Self { free: 5, free_per_login: 20, free_per_address: 50, longest: 30_000, forget: 60_000 }
    }
}

impl DelayThresholds {
    fn rule(&self, free: u32) -> Rule {
        Rule { free, first: FIRST, longest: self.longest, forget: self.forget }
    }
}

/// Where an attempt comes from, as keys that only this process can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// The login.
    pub login: u64,
    /// The address; none where the peer did not tell it, and for a session.
    pub address: Option<u64>,
    /// The login and its place together.
    pub pair: u64,
    /// Whether the attempt is made in a session of that login's user.
    pub in_session: bool,
}

/// What counts as one address: IPv4 as it is, however it is written; of IPv6 the /64 that a subscriber gets at least.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// An attempt that was let in and counts as a failure until it is something else.
#[derive(Debug)]
#[must_use = "an attempt counts as a failure until it is accepted or taken back"]
pub struct Admitted {
    keys: Keys,
    pair: Charge,
    login: Charge,
    address: Option<Charge>,
}

/// All failures of all logins that are not forgotten.
#[derive(Debug)]
pub struct Delays {
    pairs: Cells,
    logins: Cells,
    addresses: Cells,
    known: Cells,
}

impl Delays {
    /// Nobody has failed yet.
    #[must_use]
    pub fn new(thresholds: DelayThresholds) -> Self {
        let table = |free| Cells::new(thresholds.rule(free), CELLS);
        let known = Rule { free: 0, first: 0, longest: 0, forget: KNOWN_FOR };
        Self {
            pairs: table(thresholds.free),
            logins: table(thresholds.free_per_login),
            addresses: table(thresholds.free_per_address),
            known: Cells::new(known, CELLS),
        }
    }

    /// How long an attempt has to wait; 0 when it need not.
    #[must_use]
    pub fn wait(&self, keys: &Keys, now: Millis) -> Millis {
        let own = self.pairs.wait(keys.pair, now);
        if self.is_known(keys, now) {
            return own;
        }
        let address = keys.address.map_or(0, |address| self.addresses.wait(address, now));
        own.max(self.logins.wait(keys.login, now)).max(address)
    }

    /// Lets an attempt in and writes it down as a failure, in one act: of attempts that come together no more are let in than
    /// of those that come one by one.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn admit(&mut self, keys: Keys, now: Millis) -> Result<Admitted, Millis> {
        match self.wait(&keys, now) {
            0 => Ok(Admitted {
                keys,
                pair: self.pairs.charge(keys.pair, now),
                login: self.logins.charge(keys.login, now),
                address: keys.address.map(|address| self.addresses.charge(address, now)),
            }),
            wait => Err(wait),
        }
    }

    /// The password was right: what was written down is taken back, and the place is known.
    pub fn accept(&mut self, admitted: Admitted, now: Millis) {
        let Keys { pair, address, in_session, .. } = admitted.keys;
        self.take_back(admitted, now);
        // Without an address the place is everywhere, where somebody else may have failed.
        if address.is_some() {
            self.known.clear(pair);
            self.known.charge(pair, now);
        }
        if address.is_some() || in_session {
            self.pairs.clear(pair);
        }
    }

    /// Nothing was evaluated after all.
    pub fn take_back(&mut self, admitted: Admitted, now: Millis) {
        let Admitted { keys: _, pair, login, address } = admitted;
        self.pairs.refund(pair, now);
        self.logins.refund(login, now);
        if let Some(address) = address {
            self.addresses.refund(address, now);
        }
    }

    /// How many bytes all of it takes, at all times.
    #[must_use]
    pub fn bytes(&self) -> usize {
        [&self.pairs, &self.logins, &self.addresses, &self.known].map(Cells::bytes).iter().sum()
    }

    fn is_known(&self, keys: &Keys, now: Millis) -> bool {
        keys.in_session || (keys.address.is_some() && self.known.failures(keys.pair, now) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_795_000_000_000;

    fn from(login: u64, address: u64) -> Keys {
        Keys { login, address: Some(address), pair: login * 1_000 + address, in_session: false }
    }

    fn fail(delays: &mut Delays, keys: Keys, now: Millis) -> bool {
        delays.admit(keys, now).is_ok()
    }

    #[test]
    fn one_login_from_one_place_is_delayed_first_and_no_other() {
        let mut delays = Delays::new(DelayThresholds::default());
        assert_eq!((0..100).filter(|_| fail(&mut delays, from(1, 1), NOW)).count(), 6);
        assert_eq!(delays.wait(&from(1, 1), NOW), 1_000);
        for other in [from(1, 2), from(2, 1)] {
            assert_eq!(delays.wait(&other, NOW), 0);
        }
    }

    #[test]
    fn many_places_delay_a_login_and_many_logins_an_address() {
        let mut delays = Delays::new(DelayThresholds::default());
        assert_eq!((1..100).filter(|place| fail(&mut delays, from(1, *place), NOW)).count(), 21);
        let mut delays = Delays::new(DelayThresholds::default());
        assert_eq!((1..200).filter(|login| fail(&mut delays, from(*login, 1), NOW)).count(), 51);
    }

    #[test]
    fn where_a_login_is_known_others_failures_do_not_delay_it_and_its_own_do() {
        let mut delays = Delays::new(DelayThresholds::default());
        let home = from(1, 1);
        let admitted = delays.admit(home, NOW).unwrap();
        delays.accept(admitted, NOW);
        for other in 2..300 {
            fail(&mut delays, from(1, other), NOW);
            fail(&mut delays, from(other, 1), NOW);
        }
        assert!(delays.wait(&from(1, 999), NOW) > 0 && delays.wait(&from(999, 1), NOW) > 0);
        assert_eq!(delays.wait(&home, NOW), 0);
        let session = Keys { login: 1, address: None, pair: 77, in_session: true };
        assert_eq!(delays.wait(&session, NOW), 0);
        assert_eq!((0..100).filter(|_| fail(&mut delays, home, NOW)).count(), 6);
        // Not for ever.
        let later = NOW + KNOWN_FOR;
        (2..300).for_each(|other| drop(delays.admit(from(1, other), later)));
        assert!(delays.wait(&home, later) > 0);
    }

    #[test]
    fn without_an_address_nothing_is_known_and_success_forgets_nothing_of_others() {
        let mut delays = Delays::new(DelayThresholds::default());
        let keys = Keys { login: 1, address: None, pair: 1, in_session: false };
        for _ in 0..5 {
            fail(&mut delays, keys, NOW);
        }
        let admitted = delays.admit(keys, NOW).unwrap();
        delays.accept(admitted, NOW);
        assert_eq!(delays.wait(&keys, NOW), 0);
        fail(&mut delays, keys, NOW);
        assert_eq!(delays.wait(&keys, NOW), 1_000);
    }

    #[test]
    fn an_account_of_ones_own_pays_for_nothing() {
        let mut delays = Delays::new(DelayThresholds::default());
        let mut tried = 0;
        for login in 2..500 {
            tried += usize::from(fail(&mut delays, from(login, 1), NOW));
            if let Ok(admitted) = delays.admit(from(1, 1), NOW) {
                delays.accept(admitted, NOW);
            }
        }
        assert_eq!(tried, 51);
    }

    #[test]
    fn a_burst_is_let_in_no_further_than_a_row() {
        let mut delays = Delays::new(DelayThresholds::default());
        let burst: Vec<_> = (0..500).filter_map(|_| delays.admit(from(1, 1), NOW).ok()).collect();
        assert_eq!(burst.len(), 6);
        for admitted in burst {
            delays.take_back(admitted, NOW);
        }
        assert_eq!(delays.wait(&from(1, 1), NOW), 0);
    }

    #[test]
    fn spellings_of_an_address_and_addresses_of_a_subscriber_are_one() {
        for (text, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            assert_eq!(network(text.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{text}");
        }
    }

    #[test]
    fn it_takes_two_mebibytes_at_most() {
        assert!(Delays::new(DelayThresholds::default()).bytes() <= 2 << 20);
    }
}
