//! Ten thousand random operations, many of them at once, with folds in between and among them: figures and previews equal
//! the plain count.

mod doing;
mod drawing;

use std::collections::HashMap;

use clock::{Clock as _, Timestamp};
use proto::events::Event;
use proto::mfa::Target;
use proto::mfa::target::Target as Kind;
use types::{OrganizationId, OrganizationPath, UserId};
use wire::UserState;

use super::super::fixture::{Fixture, Tree};
use super::count;
use crate::store::UserKey;

const OPERATIONS: usize = 10_500;
/// So many at once, in the groups of [`Batch`].
const BATCH: usize = 50;
/// So often everything is compared.
const CHECKS: usize = 12;

/// SplitMix64: the same operations every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }
}

/// What happens at once: each log's events in one transaction as its follower applies them, and calls beside them.
#[derive(Default)]
struct Batch {
    tenant: Vec<Event>,
    identity: Vec<Event>,
    factors: Vec<(UserKey, FactorChange)>,
    calls: Vec<Call>,
}

#[derive(Clone, Copy)]
enum FactorChange {
    Enroll,
    Remove,
    Lock,
}

enum Call {
    Enforce(Target, Option<Timestamp>),
    Disable(Target, bool),
    Reenable(Target),
    Reset(UserId),
}

struct World {
    fixture: Fixture,
    tree: Tree,
    dice: Dice,
    resellers: Vec<OrganizationPath>,
    companies: Vec<OrganizationId>,
    users: Vec<UserId>,
    told: Vec<(bool, Event)>,
    paths: HashMap<OrganizationId, OrganizationPath>,
}

impl World {
    async fn new() -> Self {
        let (fixture, tree) = Fixture::with_tree().await;
        let resellers = vec![tree.reseller.clone(), tree.other_reseller.clone()];
        let companies = [&tree.company, &tree.other_company];
        let users =
            [&tree.reseller_admin, &tree.company_admin, &tree.company_user, &tree.other_reseller_admin];
        let all = [&tree.provider, &tree.reseller, &tree.other_reseller, &tree.company, &tree.other_company];
        Self {
            dice: Dice(20_261_124),
            companies: companies.map(OrganizationPath::organization_id).to_vec(),
            users: users.map(|user| user.id).to_vec(),
            told: Vec::new(),
            paths: all.map(|path| (path.organization_id(), path.clone())).into(),
            resellers,
            fixture,
            tree,
        }
    }

    /// Every figure before and after everything is folded, and every kind of preview, against the plain count.
    async fn check(&mut self, label: usize) {
        let mut before = Vec::new();
        for path in self.paths.values() {
            if path.ids().len() < 3 || self.dice.roll(4) == 0 {
                let figures = self.fixture.adoption_of(&self.tree.provider_admin, path).await;
                before.push((path, figures.ok().and_then(|answer| answer.adoption)));
            }
        }
        self.fixture.fold().await;
        assert_eq!(self.fixture.count("adoption_mark").await, 0);
        let counted = count::figures(&self.fixture.rows, self.fixture.clock.now()).await;
        for (path, figures) in before {
            let expected = counted.get(&path.organization_id()).copied().unwrap_or_default();
            assert_eq!(figures.unwrap_or_default(), expected, "{label}, not folded yet: {path:?}");
        }
        for path in self.paths.values() {
            let answer = self.fixture.adoption_of(&self.tree.provider_admin, path).await;
            let figures = answer.ok().and_then(|answer| answer.adoption).unwrap_or_default();
            let expected = counted.get(&path.organization_id()).copied().unwrap_or_default();
            assert_eq!(figures, expected, "{label}: {path:?}");
        }
        let provider = self.tree.provider.organization_id();
        let (reseller, company) = (self.dice.one_of(&self.resellers), self.dice.one_of(&self.companies));
        let within = |id: OrganizationId| format!("path @> ARRAY['{id}'::uuid]");
        for (target, condition) in [
            (Kind::Provider(1), format!("cardinality(path) > 1 AND {}", within(provider))),
            (Kind::Provider(2), "cardinality(path) = 1".to_owned()),
            (Kind::ResellerId(reseller.organization_id().to_string()), within(reseller.organization_id())),
            (Kind::CompanyId(company.to_string()), within(company)),
        ] {
            self.check_preview(target, &condition).await;
        }
        for _ in 0..4 {
            let user = self.dice.one_of(&self.users);
            if self.fixture.peers.user(user).state != UserState::Deleted {
                self.check_preview(Kind::UserId(user.to_string()), &format!("user_id = '{user}'")).await;
            }
        }
    }

    async fn check_preview(&self, target: Kind, condition: &str) {
        let (would_enroll, unaffected) =
            count::preview(&self.fixture.rows, self.fixture.clock.now(), condition).await;
        let (mut logins, mut token) = (Vec::new(), String::new());
        loop {
            let target = Some(Target { target: Some(target.clone()) });
            let page = self.fixture.preview(&self.tree.provider_admin, target, 100, &token).await.unwrap();
            assert_eq!((page.would_enroll, page.unaffected), (logins_count(&would_enroll), unaffected));
            logins.extend(page.users.into_iter().map(|user| user.login));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(logins, would_enroll, "{condition}");
    }
}

fn logins_count(logins: &[String]) -> i64 {
    i64::try_from(logins.len()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_equal_the_plain_count_after_ten_thousand_random_operations() {
    let mut world = World::new().await;
    let batches = OPERATIONS / BATCH;
    for number in 0..batches {
        let mut batch = Batch::default();
        for _ in 0..BATCH {
            world.draw(&mut batch);
        }
        let fold = world.dice.roll(3) == 0;
        world.run(batch, fold).await;
        let hours = world.dice.roll(40);
        world.fixture.tick(i64::try_from(hours).unwrap() * 3600);
        if number % (batches / CHECKS) == 0 || number + 1 == batches {
            world.check(number).await;
        }
    }
    // Something of everything was there to be counted wrongly.
    let all = world.fixture.figures(&world.tree.provider_admin, &world.tree.provider).await;
    for figure in [all.enforced, all.enrolled, all.pending, all.overdue, all.exempt] {
        assert!(figure > 20, "{all:?}");
    }
    assert!(all.enforced < all.local && all.overdue < all.pending, "{all:?}");
}
