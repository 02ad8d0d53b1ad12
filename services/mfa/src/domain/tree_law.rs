//! The law of the whole tree: random trees, switches and moves, over time, against a reference of ten lines.

use std::collections::HashMap;

use clock::Timestamp;
use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;
use types::{EventId, OrganizationId, OrganizationPath, UserId};

use super::{Chain, ChangeKind, Decision, Effective, Place, Policy, ProviderScope, Setting, decide_change};

/// What the reference keeps of a level: whether it demands, from when, and whether with a ticket.
type Level = (bool, Option<Timestamp>, bool);

/// The reference: MFA is demanded when some level demands it and its date has come; until then the earliest date is told;
/// some level that demands a ticket is enough.
fn reference(levels: &[Option<Level>], now: Timestamp) -> (bool, Option<Timestamp>, bool) {
    let on = || levels.iter().flatten().filter(|(on, ..)| *on);
    let enforced = on().any(|(_, from, _)| from.is_none_or(|from| from <= now));
    let announced = if enforced { None } else { on().filter_map(|(_, from, _)| *from).min() };
    (enforced, announced, on().any(|(.., ticket)| *ticket))
}

/// Targets by number: the two switches, then resellers, companies and users.
#[derive(Debug, Clone)]
struct Shape {
    resellers: usize,
    /// The reseller of each company.
    companies: Vec<usize>,
    /// The organisation of each user: 0 is the provider, then resellers, then companies.
    users: Vec<usize>,
}

#[derive(Debug, Clone)]
enum Step {
    Change(usize, Kind),
    Move { company: usize, to: usize },
    Wait(i64),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Enforce { days: Option<i64>, ticket: bool },
    Disable,
    Reenable,
}

struct World {
    shape: Shape,
    provider: OrganizationPath,
    organizations: Vec<OrganizationId>,
    users: Vec<UserId>,
    now: Timestamp,
    /// What the real decisions wrote.
    settings: HashMap<Place, Setting>,
    /// What the reference keeps, by target.
    levels: Vec<Option<Level>>,
}

impl World {
    fn new(shape: Shape) -> Self {
        let count = 2 + shape.resellers + shape.companies.len() + shape.users.len();
        Self {
            provider: OrganizationPath::root(OrganizationId::generate()),
            organizations: (0..shape.resellers + shape.companies.len())
                .map(|_| OrganizationId::generate())
                .collect(),
            users: shape.users.iter().map(|_| UserId::generate()).collect(),
            now: datetime!(2026-06-01 12:00 UTC),
            settings: HashMap::new(),
            levels: vec![None; count],
            shape,
        }
    }

    /// The path of an organisation: 0 is the provider, then resellers, then companies.
    fn path(&self, organization: usize) -> OrganizationPath {
        let reseller = |index: usize| self.provider.child(self.organizations[index]).unwrap();
        match organization.checked_sub(1) {
            None => self.provider.clone(),
            Some(index) if index < self.shape.resellers => reseller(index),
            Some(index) => {
                let of = self.shape.companies[index - self.shape.resellers];
                reseller(of).child(self.organizations[index]).unwrap()
            }
        }
    }

    fn chain(&self, target: usize) -> Chain {
        let organizations = self.organizations.len();
        match target {
            0 => Chain::of_scope(&self.provider, ProviderScope::ClientsAndResellers),
            1 => Chain::of_scope(&self.provider, ProviderScope::InternalUsers),
            _ if target < 2 + organizations => Chain::of_organization(&self.path(target - 1)),
            _ => {
                let user = target - 2 - organizations;
                Chain::of_user(&self.path(self.shape.users[user]), self.users[user])
            }
        }
    }

    /// The targets above one and itself, as the reference sees the tree.
    fn lineage(&self, target: usize) -> Vec<usize> {
        let (first_company, first_user) = (2 + self.shape.resellers, 2 + self.organizations.len());
        let mut above = match target {
            0 | 1 => vec![],
            _ if target < first_company => vec![0],
            _ if target < first_user => vec![0, 2 + self.shape.companies[target - first_company]],
            _ => match self.shape.users[target - first_user] {
                0 => vec![1],
                home => self.lineage(home + 1),
            },
        };
        above.push(target);
        above
    }

    fn policy(&self, target: usize) -> Policy {
        Policy::of(&self.chain(target), |place| self.settings.get(&place).cloned())
    }

    fn effective(&self, target: usize) -> Effective {
        self.policy(target).effective(self.now)
    }

    fn expected(&self, target: usize) -> (bool, Option<Timestamp>, bool) {
        let levels: Vec<_> = self.lineage(target).into_iter().map(|level| self.levels[level]).collect();
        reference(&levels, self.now)
    }

    fn is_due(&self, target: usize) -> bool {
        reference(&[self.levels[target]], self.now).0
    }

    /// Changes by the real decision; whether it was let through.
    fn change(&mut self, target: usize, kind: Kind) -> bool {
        let kind = match kind {
            Kind::Enforce { days, ticket } => ChangeKind::Enforce {
                enforce_from: days.map(|days| self.now + Duration::days(days)),
                require_ticket: ticket,
            },
            Kind::Disable => ChangeKind::Disable { keep_factors: false },
            Kind::Reenable => ChangeKind::Reenable,
        };
        let policy = self.policy(target);
        let Ok(decision) = decide_change(kind.at(self.now).unwrap(), &policy, self.now) else {
            return false;
        };
        if let Decision::Set { enforced, enforce_from, require_ticket, .. } = decision {
            let version = policy.own().setting.as_ref().map_or(0, |setting| setting.version) + 1;
            let setting = Setting {
                enforced,
                reason: String::new(),
                enforce_from,
                require_ticket,
                set_by: None,
                set_time: self.now,
                version,
                event_id: EventId::generate(),
            };
            self.settings.insert(policy.own().place, setting);
        }
        true
    }

    /// The same by the reference.
    fn expect(&mut self, target: usize, kind: Kind) -> bool {
        let lineage = self.lineage(target);
        let above = &lineage[..lineage.len() - 1];
        let is_user = target >= 2 + self.organizations.len();
        let locked = !is_user && above.iter().any(|level| self.is_due(*level));
        let (own, due) = (self.levels[target], self.is_due(target));
        let ticket_of_old = own.is_some_and(|(.., ticket)| ticket);
        let new = match kind {
            Kind::Enforce { days: Some(days), .. } if days > 0 && due && locked => return false,
            Kind::Enforce { days, ticket } => {
                (true, days.filter(|days| *days > 0).map(|days| self.now + Duration::days(days)), ticket)
            }
            Kind::Disable if locked => return false,
            Kind::Disable => (false, None, ticket_of_old),
            Kind::Reenable if !matches!(own, Some((false, ..))) => return false,
            Kind::Reenable => (true, None, ticket_of_old),
        };
        self.levels[target] = Some(new);
        true
    }
}

fn any_shape() -> impl Strategy<Value = Shape> {
    (1usize..=3, 1usize..=4)
        .prop_flat_map(|(resellers, companies)| {
            let parents = proptest::collection::vec(0..resellers, companies);
            let homes = proptest::collection::vec(0..=resellers + companies, 1..=5);
            (Just(resellers), parents, homes)
        })
        .prop_map(|(resellers, companies, users)| Shape { resellers, companies, users })
}

fn any_step() -> impl Strategy<Value = Step> {
    let days = prop_oneof![Just(None), (-3i64..=9).prop_map(Some)];
    let kind = prop_oneof![
        3 => (days, any::<bool>()).prop_map(|(days, ticket)| Kind::Enforce { days, ticket }),
        3 => Just(Kind::Disable),
        1 => Just(Kind::Reenable),
    ];
    prop_oneof![
        8 => (0usize..64, kind).prop_map(|(target, kind)| Step::Change(target, kind)),
        1 => (0usize..8, 0usize..8).prop_map(|(company, to)| Step::Move { company, to }),
        2 => (0i64..=6).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_everybodys_state_is_the_references_and_nothing_above_is_weakened(
        shape in any_shape(),
        steps in proptest::collection::vec(any_step(), 1..60),
    ) {
        let mut world = World::new(shape);
        let targets = world.levels.len();
        for step in steps {
            match step {
                Step::Wait(days) => world.now += Duration::days(days),
                Step::Move { company, to } => {
                    let (company, to) = (company % world.shape.companies.len(), to % world.shape.resellers);
                    world.shape.companies[company] = to;
                }
                Step::Change(target, kind) => {
                    let target = target % targets;
                    let before: Vec<Effective> = (0..targets).map(|other| world.effective(other)).collect();
                    let own = world.lineage(target);
                    let above = &own[..own.len() - 1];
                    let locked = above.iter().any(|level| world.is_due(*level));
                    let changed = world.change(target, kind);
                    prop_assert_eq!(changed, world.expect(target, kind), "{:?} at {}", kind, target);
                    for (other, before) in before.iter().enumerate() {
                        let after = world.effective(other);
                        if !world.lineage(other).contains(&target) {
                            // Neither what is above nor what is beside.
                            prop_assert_eq!(&after, before);
                        } else if locked {
                            prop_assert!(after.is_enforced());
                        }
                    }
                }
            }
            for target in 0..targets {
                let Effective { announced_from, requires_ticket, .. } = world.effective(target);
                let told = (world.effective(target).is_enforced(), announced_from, requires_ticket);
                prop_assert_eq!(told, world.expected(target), "target {}", target);
            }
        }
    }
}
