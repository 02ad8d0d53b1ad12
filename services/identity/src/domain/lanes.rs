//! Who waits for a turn, and who is next: one lane for each place callers come from, served in turn.
//!
//! Pure. There are never more places than the limit. When all are taken, a newcomer takes the place of the last one in the
//! longest lane, if that is longer than their own: so no lane can keep the others out, and alone it may have everything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// A place among those who run, wait, or are about to wait.
pub type Place = u64;

/// All places are taken, and no lane is longer than the newcomer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

#[derive(Debug)]
struct Lane<W> {
    /// All places of this lane, waiting or not.
    places: HashSet<Place>,
    /// Those that wait, the first one first.
    waiting: VecDeque<(Place, W)>,
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

    /// Takes a place in a lane. Whoever loses theirs for it comes back, to be told.
    ///
    /// # Errors
    /// [`Full`]
    pub fn enter(&mut self, key: K) -> Result<(Place, Option<W>), Full> {
        let mut displaced = None;
        if self.places.len() >= self.limit {
            let own = self.lanes.get(&key).map_or(0, |lane| lane.places.len());
            displaced = Some(self.displace(own + 1).ok_or(Full)?);
        }
        let place = self.next;
        self.next += 1;
        let empty = || Lane { places: HashSet::new(), waiting: VecDeque::new() };
        self.lanes.entry(key.clone()).or_insert_with(empty).places.insert(place);
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
        let Some(key) = self.places.remove(&place) else { return };
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        lane.places.remove(&place);
        let waited = lane.waiting.len();
        lane.waiting.retain(|(waiting, _)| *waiting != place);
        if waited > 0 && lane.waiting.is_empty() {
            self.turns.retain(|turn| *turn != key);
        }
        if lane.places.is_empty() {
            self.lanes.remove(&key);
        }
    }

    /// Takes a place from the longest lane that has more than `least` and in which somebody waits: the last one's.
    fn displace(&mut self, least: usize) -> Option<W> {
        let waits = self.lanes.values_mut().filter(|lane| !lane.waiting.is_empty());
        let longest = waits.max_by_key(|lane| lane.places.len()).filter(|lane| lane.places.len() > least)?;
        let (place, waker) = longest.waiting.pop_back()?;
        self.leave(place);
        // `leave` cannot know that it was the lane's last who waited.
        let lanes = &self.lanes;
        self.turns.retain(|key| lanes.get(key).is_some_and(|lane| !lane.waiting.is_empty()));
        Some(waker)
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

    #[test]
    fn whoever_does_not_wait_is_not_displaced() {
        let mut lanes: Lanes<&str, u64> = Lanes::new(2);
        let (first, _) = lanes.enter("a").unwrap();
        lanes.enter("a").unwrap();
        assert_eq!(lanes.enter("b").unwrap_err(), Full);
        lanes.wait(first, 1).unwrap();
        assert!(matches!(lanes.enter("b"), Ok((_, Some(1)))));
        assert_eq!(lanes.wait(first, 1), Err(1), "its place is gone");
        lanes.leave(first);
        assert_eq!(lanes.taken(), 2);
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
        #[test]
        fn places_are_bounded_and_everyone_who_waits_has_a_turn(
            steps in proptest::collection::vec((0_u8..4, 0_usize..6), 1..300),
        ) {
            let mut lanes: Lanes<usize, Place> = Lanes::new(8);
            let mut waiting = HashSet::new();
            for (step, key) in steps {
                match step {
                    0 | 1 => {
                        if let Ok((place, displaced)) = lanes.enter(key) {
                            proptest::prop_assert!(displaced.is_none_or(|gone| waiting.remove(&gone)));
                            lanes.wait(place, place).unwrap();
                            waiting.insert(place);
                        }
                    }
                    2 => {
                        let turn = lanes.next_turn();
                        proptest::prop_assert_eq!(turn.is_some(), !waiting.is_empty());
                        if let Some((place, _)) = turn {
                            waiting.remove(&place);
                            lanes.leave(place);
                        }
                    }
                    _ => {
                        let leaver = waiting.iter().copied().nth(key);
                        if let Some(place) = leaver {
                            waiting.remove(&place);
                            lanes.leave(place);
                        }
                    }
                }
                proptest::prop_assert!(lanes.taken() <= 8);
                proptest::prop_assert_eq!(lanes.taken(), waiting.len());
            }
        }
    }
}
