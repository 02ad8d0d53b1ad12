//! How many watches there are, of each user and of each peer: nobody takes what all others need.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use access::Caller;
use fault::{Fault, Outcome, Reason};
use types::UserId;

use super::WatchOptions;

/// When somebody who has too many streams may try again: one of theirs must end first.
const AGAIN: Duration = Duration::from_secs(5);

/// The watches under way. Holds an entry for each user and peer that has one, and none for others.
#[derive(Clone, Default)]
pub(super) struct Streams {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    of_users: HashMap<UserId, usize>,
    of_peers: HashMap<String, usize>,
}

/// One watch under way; ends when dropped.
pub(super) struct OneStream {
    counts: Arc<Mutex<Counts>>,
    user: Option<UserId>,
    peer: String,
}

impl Streams {
    /// One more watch of this caller.
    ///
    /// # Errors
    /// OVERLOADED when the caller's user, or its peer, has as many as it may have.
    pub(super) fn enter(&self, caller: &Caller, options: WatchOptions) -> Outcome<OneStream> {
        let (user, peer) = (caller.user.as_ref().map(|user| user.user_id), caller.peer.to_string());
        let mut counts = lock(&self.counts);
        let of_user = user.and_then(|user| counts.of_users.get(&user)).copied().unwrap_or_default();
        let of_peer = counts.of_peers.get(&peer).copied().unwrap_or_default();
        if of_user >= options.per_user || of_peer >= options.per_peer {
            return Err(Fault::new(Reason::Overloaded).with_retry_after(AGAIN));
        }
        if let Some(user) = user {
            counts.of_users.insert(user, of_user + 1);
        }
        counts.of_peers.insert(peer.clone(), of_peer + 1);
        drop(counts);
        Ok(OneStream { counts: Arc::clone(&self.counts), user, peer })
    }

    /// How many there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.counts).of_peers.values().sum()
    }
}

impl Drop for OneStream {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(user) = &self.user {
            leave(&mut counts.of_users, user);
        }
        leave(&mut counts.of_peers, &self.peer);
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Streams").finish_non_exhaustive()
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn leave<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use access::{Peer, SignedIn};
    use types::{OrganizationId, OrganizationPath, Role, SessionId};

    use super::*;

    fn caller(peer: &str, user: Option<UserId>) -> Caller {
        let peer = Peer::parse_spiffe(&format!("spiffe://t/ns/n/sa/{peer}"), "t").unwrap();
        let now = time::macros::datetime!(2026-11-24 08:00 UTC);
        let user = user.map(|user_id| SignedIn {
            user_id,
            path: OrganizationPath::root(OrganizationId::generate()),
            login: "ada@example.com".parse().unwrap(),
            role: Role::ProviderAuditor,
            session_id: SessionId::generate(),
            amr: vec!["pwd".into()],
            auth_time: now,
            mfa_time: None,
            generation: 0,
        });
        Caller { peer, user }
    }

    #[test]
    fn a_user_and_a_peer_have_so_many_and_get_them_back() {
        let options = WatchOptions { per_user: 2, per_peer: 5, ..WatchOptions::default() };
        let (streams, ada) = (Streams::default(), UserId::generate());
        let enter = |peer: &str, user| streams.enter(&caller(peer, user), options);
        let mut held = vec![enter("console", Some(ada)).unwrap(), enter("other", Some(ada)).unwrap()];
        let refused = enter("console", Some(ada)).err().unwrap();
        assert_eq!((refused.reason(), refused.retry_after()), (Reason::Overloaded, Some(AGAIN)));
        // Of whatever session: it is the user who counts.
        held.extend((0..4).map(|_| enter("console", Some(UserId::generate())).unwrap()));
        assert_eq!(enter("console", Some(UserId::generate())).err().unwrap().reason(), Reason::Overloaded);
        assert_eq!(enter("console", None).err().unwrap().reason(), Reason::Overloaded);
        held.push(enter("mfa", None).unwrap());
        held.remove(0);
        held.push(enter("console", Some(ada)).unwrap());
        drop(held);
        assert_eq!(streams.len(), 0);
        let counts = lock(&streams.counts);
        assert!(counts.of_users.is_empty() && counts.of_peers.is_empty());
    }
}
