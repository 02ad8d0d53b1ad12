//! Who waits for a turn, and who is next: one lane for each place callers come from, served in turn.
//!
//! Pure. There are never more places than the limit. When all are taken, a newcomer takes the place of the last one in the
//! longest lane, if that is longer than their own: so no lane can keep the others out, and alone it may have everything. Whose turn
//! has come keeps their place; who is still about to wait does not, or a lane that comes all at once would have everything
//! until its first ones wait.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

/// A place among those who run, wait, or are about to wait.
pub type Place = u64;

/// All places are taken, and no lane is longer than the newcomer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

#[derive(Debug)]
struct Lane<W> {
    /// Places whose turn has come.
    running: BTreeSet<Place>,
    /// Places that wait or are about to, in the order in which they were taken.
    pending: BTreeSet<Place>,
    /// Those of them that wait, the first one first.
    waiting: VecDeque<(Place, W)>,
}

impl<W> Lane<W> {
    const fn empty() -> Self {
        Self { running: BTreeSet::new(), pending: BTreeSet::new(), waiting: VecDeque::new() }
    }

    fn len(&self) -> usize {
        self.running.len() + self.pending.len()
    }
}

/// The lanes. `W` is what wakes somebody who waits.
#[derive(Debug)]
pub struct Lanes<K, W> {
    limit: usize,
    next: Place,
    places: HashMap<Place, K>,
    lanes: HashMap<K, Lane<W>>,
    /// The lanes in which somebody waits, in the order of their turns; each once.
    turns: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, W> Lanes<K, W> {
    /// No one yet, and at most `limit` at once.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, next: 0, places: HashMap::new(), lanes: HashMap::new(), turns: VecDeque::new() }
    }

    /// How many places are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.places.len()
    }

    /// Takes a place in a lane. Whoever waits and loses theirs for it comes back, to be told; who does not wait yet is told
    /// by [`wait`](Self::wait).
    ///
    /// # Errors
    /// [`Full`]
    pub fn enter(&mut self, key: K) -> Result<(Place, Option<W>), Full> {
        let mut displaced = None;
        if self.places.len() >= self.limit {
            let own = self.lanes.get(&key).map_or(0, Lane::len);
            displaced = self.displace(own + 1)?;
        }
        let place = self.next;
        self.next += 1;
        self.lanes.entry(key.clone()).or_insert_with(Lane::empty).pending.insert(place);
        self.places.insert(place, key);
        Ok((place, displaced))
    }

    /// Waits for a turn. A place that was lost meanwhile gives the waker back.
    ///
    /// # Errors
    /// The waker, when the place is gone.
    pub fn wait(&mut self, place: Place, waker: W) -> Result<(), W> {
        let Some(key) = self.places.get(&place) else { return Err(waker) };
        let Some(lane) = self.lanes.get_mut(key) else { return Err(waker) };
        if lane.waiting.is_empty() {
            self.turns.push_back(key.clone());
        }
        lane.waiting.push_back((place, waker));
        Ok(())
    }

    /// Whose turn it is: the first of the next lane, which then goes behind all others. The place stays taken.
    pub fn next_turn(&mut self) -> Option<(Place, W)> {
        while let Some(key) = self.turns.pop_front() {
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            let first = lane.waiting.pop_front();
            if let Some((place, _)) = &first {
                lane.pending.remove(place);
                lane.running.insert(*place);
            }
            if !lane.waiting.is_empty() {
                self.turns.push_back(key);
            }
            if first.is_some() {
                return first;
            }
        }
        None
    }

    /// Gives a place back, waiting or not.
    pub fn leave(&mut self, place: Place) {
        drop(self.take(place));
    }

    /// Takes the last place whose turn has not come from the longest lane that has one, where that lane has more than `least`.
    /// Who waited there comes back.
    fn displace(&mut self, least: usize) -> Result<Option<W>, Full> {
        let lanes = self.lanes.values().filter(|lane| !lane.pending.is_empty());
        let longest = lanes.max_by_key(|lane| lane.len()).filter(|lane| lane.len() > least);
        let last = longest.and_then(|lane| lane.pending.last().copied()).ok_or(Full)?;
        Ok(self.take(last))
    }

    /// Frees a place, and hands back who waited there.
    fn take(&mut self, place: Place) -> Option<W> {
        let key = self.places.remove(&place)?;
        let lane = self.lanes.get_mut(&key)?;
        lane.running.remove(&place);
        lane.pending.remove(&place);
        let at = lane.waiting.iter().position(|(waiting, _)| *waiting == place);
        let waker = at.and_then(|at| lane.waiting.remove(at)).map(|(_, waker)| waker);
        if waker.is_some() && lane.waiting.is_empty() {
            self.turns.retain(|turn| *turn != key);
        }
        if lane.len() == 0 {
            self.lanes.remove(&key);
        }
        waker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enters and waits.
    fn queue(
        lanes: &mut Lanes<&'static str, u64>,
        key: &'static str,
        name: u64,
    ) -> Result<Option<u64>, Full> {
        let (place, displaced) = lanes.enter(key)?;
        lanes.wait(place, name).unwrap();
        Ok(displaced)
    }

    fn order(lanes: &mut Lanes<&'static str, u64>) -> Vec<u64> {
        std::iter::from_fn(|| {
            let (place, name) = lanes.next_turn()?;
            lanes.leave(place);
            Some(name)
        })
        .collect()
    }

    #[test]
    fn lanes_take_turns() {
        let mut lanes = Lanes::new(10);
        for (key, name) in [("a", 1), ("a", 2), ("a", 3), ("b", 11), ("c", 21), ("b", 12)] {
            queue(&mut lanes, key, name).unwrap();
        }
        assert_eq!(order(&mut lanes), [1, 11, 21, 2, 12, 3]);
        assert_eq!((lanes.taken(), lanes.lanes.len(), lanes.turns.len()), (0, 0, 0));
    }

    #[test]
    fn a_full_queue_makes_room_for_shorter_lanes_and_no_other() {
        let mut lanes = Lanes::new(4);
        for name in 1..=4 {
            assert_eq!(queue(&mut lanes, "a", name), Ok(None), "alone it may have everything");
        }
        assert_eq!(queue(&mut lanes, "a", 5), Err(Full));
        assert_eq!(queue(&mut lanes, "b", 11), Ok(Some(4)), "the last of the longest goes");
        assert_eq!(queue(&mut lanes, "b", 12), Ok(Some(3)));
        assert_eq!(queue(&mut lanes, "b", 13), Err(Full), "none is longer than it would be");
        assert!(matches!(queue(&mut lanes, "c", 21), Ok(Some(2 | 12))), "either of the longest");
        assert_eq!(lanes.taken(), 4);
        assert_eq!(order(&mut lanes).len(), 4);
    }

    /// A lane that comes all at once is about to wait for as long as it takes to look its callers up. If it kept its places
    /// until then, nobody else would get one.
    #[test]
    fn whoever_is_about_to_wait_is_displaced_and_told_when_they_do() {
        let mut lanes: Lanes<&str, u64> = Lanes::new(3);
        let (first, _) = lanes.enter("a").unwrap();
        let (second, _) = lanes.enter("a").unwrap();
        let (third, _) = lanes.enter("a").unwrap();
        lanes.wait(second, 2).unwrap();
        let (other, displaced) = lanes.enter("b").unwrap();
        assert_eq!(displaced, None, "the last one, who does not wait yet");
        assert_eq!(lanes.wait(third, 3), Err(3), "its place is gone");
        lanes.leave(third);
        assert_eq!(lanes.enter("b").unwrap_err(), Full, "as long as the other lane would be");
        assert_eq!(lanes.enter("c").unwrap().1, Some(2), "the last one, who waits");
        lanes.wait(first, 1).unwrap();
        lanes.wait(other, 11).unwrap();
        assert_eq!(order(&mut lanes), [1, 11]);
        assert_eq!((lanes.taken(), lanes.lanes.len(), lanes.turns.len()), (1, 1, 0));
    }

    #[test]
    fn whoever_has_a_turn_is_not_displaced() {
        let mut lanes: Lanes<&str, u64> = Lanes::new(3);
        for name in 1..=3 {
            queue(&mut lanes, "a", name).unwrap();
        }
        let running = [(); 3].map(|()| lanes.next_turn().unwrap());
        assert_eq!(running.map(|(_, name)| name), [1, 2, 3]);
        assert_eq!(lanes.enter("b").unwrap_err(), Full);
        lanes.leave(running[0].0);
        assert_eq!(queue(&mut lanes, "b", 11), Ok(None));
        assert_eq!(lanes.enter("c").unwrap_err(), Full, "the longest runs, and the other is no longer");
    }

    #[test]
    fn whoever_leaves_while_waiting_has_no_turn() {
        let mut lanes = Lanes::new(4);
        let (place, _) = lanes.enter("a").unwrap();
        lanes.wait(place, 1).unwrap();
        queue(&mut lanes, "b", 11).unwrap();
        lanes.leave(place);
        assert_eq!(order(&mut lanes), [11]);
    }

    proptest::proptest! {
        /// However they enter, wait, run and go: the places are bounded, whose turn has come keeps theirs, and everybody who
        /// waits has a turn.
        #[test]
        fn places_are_bounded_and_everyone_who_waits_has_a_turn(
            steps in proptest::collection::vec((0_u8..5, 0_usize..6), 1..300),
        ) {
            let mut lanes: Lanes<usize, Place> = Lanes::new(8);
            let (mut about, mut waiting, mut running) = (Vec::new(), Vec::new(), Vec::new());
            for (step, key) in steps {
                match step {
                    0 | 1 => if let Ok((place, displaced)) = lanes.enter(key) {
                        let before = waiting.len();
                        waiting.retain(|waits| displaced != Some(*waits));
                        proptest::prop_assert_eq!(waiting.len() + usize::from(displaced.is_some()), before);
                        about.push(place);
                    }
                    2 => if let Some(place) = about.pop() {
                        let is_there = lanes.places.contains_key(&place);
                        proptest::prop_assert_eq!(lanes.wait(place, place).is_ok(), is_there);
                        if is_there { waiting.push(place); }
                    }
                    3 => {
                        let turn = lanes.next_turn();
                        proptest::prop_assert_eq!(turn.is_some(), !waiting.is_empty());
                        if let Some((place, _)) = turn {
                            waiting.retain(|waits| *waits != place);
                            running.push(place);
                        }
                    }
                    _ => {
                        let all = [&mut running, &mut waiting, &mut about];
                        if let Some(those) = all.into_iter().find(|those| key < those.len()) {
                            lanes.leave(those.remove(key));
                        }
                    }
                }
                let there = |place: &&Place| lanes.places.contains_key(place);
                proptest::prop_assert_eq!(running.iter().filter(there).count(), running.len());
                let about = about.iter().filter(there).count();
                proptest::prop_assert_eq!(lanes.taken(), about + waiting.len() + running.len());
                proptest::prop_assert!(lanes.taken() <= 8);
            }
        }
    }
}
