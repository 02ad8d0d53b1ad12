//! The law: whatever happens, in whatever portions it is settled, totals are what counting everything anew gives.

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::*;
use crate::domain::Standing;

const START: Timestamp = datetime!(2026-06-01 12:00 UTC);
const COMPANIES: usize = 4;
const USERS: usize = 10;

/// A level, how it stands, and what was stored of it.
type Row = (Place, Footing, Option<Counted<(Counts, Footing)>>);

/// A provider, two resellers, four companies, and users in every one of them.
struct World {
    now: Timestamp,
    levels: Vec<Row>,
    users: Vec<(OrganizationId, Member, Option<Counted<Member>>)>,
    marked_users: Vec<usize>,
    marked_levels: Vec<usize>,
}

impl World {
    fn new() -> Self {
        let id = OrganizationId::generate;
        let provider = id();
        let scope = |scope| Place { organization_id: provider, target: Target::Provider(scope) };
        let mut levels = vec![
            (scope(ProviderScope::ClientsAndResellers), None),
            (scope(ProviderScope::InternalUsers), None),
        ];
        for _ in 0..2 {
            let id = id();
            let place = Place { organization_id: id, target: Target::Reseller(id) };
            levels.push((place, Some(levels[0].0)));
        }
        for index in 0..COMPANIES {
            let id = id();
            let place = Place { organization_id: id, target: Target::Company(id) };
            levels.push((place, Some(levels[2 + index % 2].0)));
        }
        let organizations: Vec<_> = levels[1..].iter().map(|(place, _)| place.organization_id).collect();
        let member = Member::new(Standing::None, false, None, None, START);
        let user = |index| (organizations[index % organizations.len()], member, None);
        let footing = |parent| Footing { parent, is_counted: true, demanded_from: None };
        let levels: Vec<_> =
            levels.into_iter().map(|(place, parent)| (place, footing(parent), None)).collect();
        Self {
            now: START,
            marked_levels: (0..levels.len()).collect(),
            marked_users: (0..USERS).collect(),
            users: (0..USERS).map(user).collect(),
            levels,
        }
    }

    fn act(&mut self, kind: u8, which: usize, value: u8) {
        let dates = [None, Some(self.now), Some(self.now + Duration::days(2)), Some(START)];
        let demanded_from = dates[usize::from(value) % 4];
        match kind {
            0..=3 => {
                let user = &mut self.users[which % USERS];
                let standing = [Standing::Local, Standing::Local, Standing::External, Standing::None];
                let standing = standing[usize::from(value / 4) % 4];
                let has_factor = (value / 16).is_multiple_of(2);
                user.1 = Member::new(standing, has_factor, demanded_from, Some(&user.1), self.now);
                self.marked_users.push(which % USERS);
            }
            4 | 5 => {
                let which = which % self.levels.len();
                self.levels[which].1.demanded_from = demanded_from;
                self.marked_levels.push(which);
            }
            6 => {
                let which = 4 + which % COMPANIES;
                self.levels[which].1.parent = Some(self.levels[2 + usize::from(value) % 2].0);
                self.marked_levels.push(which);
            }
            7 => {
                let which = 4 + which % COMPANIES;
                self.levels[which].1.is_counted = value.is_multiple_of(4);
                self.marked_levels.push(which);
            }
            _ => self.now += Duration::hours(i64::from(value)),
        }
    }

    /// What the fold would read: what is marked or due, and everything above it, as it stood and stands.
    fn touched(&self) -> (Vec<Recount>, Vec<LevelTotals>) {
        let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= self.now);
        let users: Vec<_> = (0..USERS)
            .filter(|index| {
                let due =
                    self.users[*index].2.is_some_and(|before| is_due(before.value.due_after(before.at)));
                due || self.marked_users.contains(index)
            })
            .map(|index| self.recount(index))
            .collect();
        let mut wanted: Vec<Place> = Vec::new();
        for (index, (place, _, before)) in self.levels.iter().enumerate() {
            let due = before.is_some_and(|before| is_due(before.value.1.due_after(before.at)));
            let has_users = users.iter().any(|user| user.organization_id == place.organization_id);
            if due || has_users || self.marked_levels.contains(&index) {
                wanted.push(*place);
            }
        }
        for _ in 0..2 {
            let above = |place: &Place| {
                let (_, footing, before) = self.levels.iter().find(|level| level.0 == *place).unwrap();
                [footing.parent, before.and_then(|before| before.value.1.parent)]
            };
            let more: Vec<_> = wanted.iter().flat_map(above).flatten().collect();
            wanted.extend(more);
        }
        let levels = self.levels.iter().filter(|level| wanted.contains(&level.0));
        let totals =
            |level: &(Place, Footing, _)| LevelTotals { place: level.0, before: level.2, footing: level.1 };
        (users, levels.map(totals).collect())
    }

    fn recount(&self, index: usize) -> Recount {
        let (organization_id, now, before) = self.users[index];
        Recount { organization_id, before, now }
    }

    fn fold(&mut self) {
        let (users, levels) = self.touched();
        for level in settle(&users, levels, self.now).unwrap() {
            let stored = self.levels.iter_mut().find(|other| other.0 == level.place).unwrap();
            stored.2 = Some(Counted { value: (level.counts, level.footing), at: self.now });
        }
        for user in &mut self.users {
            user.2 = Some(Counted { value: user.1, at: self.now });
        }
        self.marked_users.clear();
        self.marked_levels.clear();
    }

    /// The figures of every level, from what was folded and what is marked and due.
    fn read(&self) -> Vec<Counts> {
        self.levels
            .iter()
            .map(|(place, _, _)| {
                let (users, mut levels) = self.touched();
                // Whoever reads takes the level asked for, and those above it, along.
                let mut asked = Some(*place);
                while let Some(place) = asked {
                    let level = self.levels.iter().find(|level| level.0 == place).unwrap();
                    if !levels.iter().any(|other| other.place == place) {
                        levels.push(LevelTotals { place, before: level.2, footing: level.1 });
                    }
                    asked = level.1.parent;
                }
                figures(&settle(&users, levels, self.now).unwrap(), *place, self.now)
            })
            .collect()
    }

    /// The same figures by asking every user about every level above.
    fn count(&self) -> Vec<Counts> {
        let figure = |asked: &Row| {
            let mut sum = Counts::NONE;
            for (organization, member, _) in &self.users {
                let own = self.levels.iter().skip(1).find(|level| level.0.organization_id == *organization);
                let mut above = vec![*own.unwrap()];
                while let Some(parent) = above.last().unwrap().1.parent {
                    above.push(*self.levels.iter().find(|level| level.0 == parent).unwrap());
                }
                let Some(at) = above.iter().position(|level| level.0 == asked.0) else { continue };
                if above[..at].iter().any(|level| !level.1.is_counted) {
                    continue;
                }
                let demands = above.iter().map(|level| level.1.demanded_from).chain([member.demanded_from]);
                let from = demands.flatten().filter(|from| *from <= self.now).min();
                let alone = Member { demanded_from: from, ..*member };
                sum += alone.counts(self.now);
            }
            sum
        };
        self.levels.iter().map(figure).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn totals_are_what_counting_everything_anew_gives(
        acts in proptest::collection::vec((0u8..10, any::<usize>(), any::<u8>(), 0u8..4), 1..120),
    ) {
        let mut world = World::new();
        for (kind, which, value, fold) in acts {
            world.act(kind, which, value);
            if fold == 0 {
                world.fold();
            }
            prop_assert_eq!(world.read(), world.count());
        }
    }
}

#[test]
fn what_cannot_be_carried_upward_is_a_defect_and_not_a_wrong_figure() {
    let mut world = World::new();
    world.act(0, 2, 0);
    let (users, levels) = world.touched();
    let without = |place: Place| levels.iter().filter(|level| level.place != place).copied().collect();
    let own = levels.iter().find(|level| level.place.organization_id == users[2].organization_id).unwrap();
    assert_eq!(settle(&users, without(own.place), world.now), Err(MissingLevel));
    assert_eq!(settle(&users, without(own.footing.parent.unwrap()), world.now), Err(MissingLevel));
}
