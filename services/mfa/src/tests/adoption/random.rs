//! Ten thousand random operations, many of them at once, with folds in between and among them: figures and previews equal
//! the plain count.

use std::collections::HashMap;

use clock::{Clock as _, Timestamp};
use eventlog::Follow;
use fault::Reason;
use futures::future::{join, join_all};
use proto::events::Event;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::target::Target as Kind;
use proto::mfa::{DisableMfaRequest, EnforceMfaRequest, ReenableMfaRequest, ResetMfaRequest, Target};
use time::Duration;
use tonic::Status;
use types::{AuthSource, EventId, FactorId, OrganizationId, OrganizationPath, Role, UserId};
use wire::{OrganizationState, UserState, timestamp_to_wire};

use super::super::fixture::{Fixture, Tree, by, organization_created, session, user_created};
use super::{count, organization_changed, user_changed};
use crate::domain::{Drift, Factor, TimeStep, UserState as MfaState};
use crate::peers::{FollowIdentity, FollowTenant};
use crate::store::adoption::marks;
use crate::store::{self as rows, UserKey};

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

    fn draw(&mut self, batch: &mut Batch) {
        match self.dice.roll(100) {
            0..15 => self.create_user(batch),
            15..38 => self.change_user(batch),
            38..41 => self.tell_again(batch),
            41..46 => self.change_organization(batch),
            46..72 => self.change_factor(batch),
            _ => self.call(batch),
        }
    }

    fn path(&mut self) -> OrganizationPath {
        match self.dice.roll(12) {
            0 => self.tree.provider.clone(),
            1 | 2 => self.dice.one_of(&self.resellers),
            _ => {
                let id = self.dice.one_of(&self.companies);
                self.paths[&id].clone()
            }
        }
    }

    fn create_user(&mut self, batch: &mut Batch) {
        let path = self.path();
        let role = match path.ids().len() {
            1 => Role::ProviderAuditor,
            2 => Role::ResellerAuditor,
            _ => Role::CompanyUser,
        };
        let source = if self.dice.roll(8) == 0 { AuthSource::External } else { AuthSource::Local };
        let facts = self.fixture.peers.add_user(&path, role, source);
        self.users.push(facts.id);
        let event = user_created(&facts, self.dice.roll(6) == 0);
        self.told.push((false, event.clone()));
        batch.identity.push(event);
    }

    fn change_user(&mut self, batch: &mut Batch) {
        let (id, kind) = (self.dice.one_of(&self.users), self.dice.roll(20));
        let facts = self.fixture.peers.change_user(id, |user| match (user.state, kind) {
            (UserState::Deleted, _) => {}
            (_, 0..6) => user.state = UserState::Inactive,
            (_, 6..14) => user.state = UserState::Active,
            (_, 14..16) => user.auth_source = AuthSource::External,
            (_, 16..19) => user.auth_source = AuthSource::Local,
            _ => user.state = UserState::Deleted,
        });
        let event = user_changed(&facts);
        self.told.push((false, event.clone()));
        batch.identity.push(event);
    }

    fn tell_again(&mut self, batch: &mut Batch) {
        if let Some((of_tenant, event)) = (!self.told.is_empty()).then(|| self.dice.one_of(&self.told)) {
            if of_tenant { batch.tenant.push(event) } else { batch.identity.push(event) }
        }
    }

    fn change_organization(&mut self, batch: &mut Batch) {
        let peers = std::sync::Arc::clone(&self.fixture.peers);
        let event = match self.dice.roll(20) {
            0 => {
                let path = self.tree.provider.child(OrganizationId::generate()).unwrap();
                self.resellers.push(path.clone());
                self.paths.insert(path.organization_id(), path.clone());
                organization_created(&peers.add_organization(path, "Reseller"), self.dice.roll(3) == 0)
            }
            1..6 => {
                let path = self.dice.one_of(&self.resellers).child(OrganizationId::generate()).unwrap();
                self.companies.push(path.organization_id());
                self.paths.insert(path.organization_id(), path.clone());
                organization_created(&peers.add_organization(path, "Company"), self.dice.roll(3) == 0)
            }
            6..12 => {
                let id = self.dice.one_of(&self.companies);
                let path = self.dice.one_of(&self.resellers).child(id).unwrap();
                for user in peers.users_of(id) {
                    peers.move_user(user, &path);
                }
                self.paths.insert(id, path.clone());
                organization_changed(&peers.change_organization(id, |facts| facts.path = path))
            }
            12..14 if self.companies.len() > 3 => {
                let index = self.dice.roll(self.companies.len());
                let id = self.companies.swap_remove(index);
                for user in peers.users_of(id) {
                    self.users.retain(|other| *other != user);
                    if self.dice.roll(2) == 0 {
                        let facts = peers.change_user(user, |user| user.state = UserState::Deleted);
                        batch.identity.push(user_changed(&facts));
                    }
                }
                let deleted = OrganizationState::Deleted;
                organization_changed(&peers.change_organization(id, |facts| facts.state = deleted))
            }
            _ => {
                let id = self.path().organization_id();
                if id == self.tree.provider.organization_id() {
                    return;
                }
                let state = self.dice.one_of(&[OrganizationState::Active, OrganizationState::Inactive]);
                organization_changed(&peers.change_organization(id, |facts| facts.state = state))
            }
        };
        self.told.push((true, event.clone()));
        batch.tenant.push(event);
    }

    fn change_factor(&mut self, batch: &mut Batch) {
        let user = self.fixture.peers.user(self.dice.one_of(&self.users));
        let change = match self.dice.roll(10) {
            0..7 => FactorChange::Enroll,
            7 | 8 => FactorChange::Remove,
            _ => FactorChange::Lock,
        };
        if user.state == UserState::Active && user.auth_source == AuthSource::Local {
            batch.factors.push((UserKey::new(&user.path, user.id), change));
        }
    }

    fn call(&mut self, batch: &mut Batch) {
        let user = self.dice.one_of(&self.users);
        let target = match self.dice.roll(40) {
            0 => Kind::Provider(1 + i32::try_from(self.dice.roll(2)).unwrap()),
            1..4 => Kind::ResellerId(self.dice.one_of(&self.resellers).organization_id().to_string()),
            4..18 => Kind::CompanyId(self.dice.one_of(&self.companies).to_string()),
            _ => Kind::UserId(user.to_string()),
        };
        let is_high = matches!(target, Kind::Provider(_) | Kind::ResellerId(_));
        let target = Target { target: Some(target) };
        let days = i64::try_from(self.dice.roll(20)).unwrap();
        // High levels are lifted more often than they are set: else nothing below would ever matter.
        batch.calls.push(match self.dice.roll(if is_high { 20 } else { 12 }) {
            0..4 => Call::Enforce(target, None),
            4 | 5 => Call::Enforce(target, Some(self.fixture.clock.now() + Duration::days(days))),
            6 => Call::Reenable(target),
            7 => Call::Reset(user),
            kind => Call::Disable(target, kind.is_multiple_of(2)),
        });
    }

    async fn run(&self, batch: Batch, fold: bool) {
        let fixture = &self.fixture;
        let logs =
            join(tell(fixture, FollowTenant, batch.tenant), tell(fixture, FollowIdentity, batch.identity));
        let factors = join_all(batch.factors.into_iter().map(|(user, change)| factor(fixture, user, change)));
        let calls = async {
            // A handful at once, each of another target: as many consoles would.
            let mut calls = batch.calls.into_iter().peekable();
            while calls.peek().is_some() {
                join_all(calls.by_ref().take(4).map(|call| self.make(call))).await;
            }
        };
        let folding = async {
            if fold {
                fixture.fold().await;
            }
        };
        join(join(logs, factors), join(calls, folding)).await;
    }

    async fn make(&self, call: Call) {
        let (policy, actor) = (&self.fixture.policy, session(&self.tree.provider_admin));
        let answer: Result<(), Status> = match call {
            Call::Enforce(target, from) => {
                let enforce_from = from.map(timestamp_to_wire);
                let request = EnforceMfaRequest { target: Some(target), enforce_from, ..Default::default() };
                policy.enforce_mfa(by(&actor, request)).await.map(drop)
            }
            Call::Disable(target, keep_factors) => {
                let (target, reason) = (Some(target), "lost".to_owned());
                let request = DisableMfaRequest { target, reason, keep_factors, ..Default::default() };
                policy.disable_mfa(by(&actor, request)).await.map(drop)
            }
            Call::Reenable(target) => {
                let request = ReenableMfaRequest { target: Some(target), ..Default::default() };
                policy.reenable_mfa(by(&actor, request)).await.map(drop)
            }
            Call::Reset(user) => {
                let user_id = user.to_string();
                let request = ResetMfaRequest { user_id, reason: "lost".into(), ..Default::default() };
                self.fixture.factors.reset_mfa(by(&actor, request)).await.map(drop)
            }
        };
        if let Err(status) = answer {
            let reason = rpc::reason_of(&status).unwrap();
            let expected =
                [Reason::NotFound, Reason::UserNotLocal, Reason::MfaEnforcedByParent, Reason::MfaNotDisabled];
            assert!(expected.contains(&reason), "{status:?}");
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

/// Applies events as the follower does: in one transaction.
async fn tell(fixture: &Fixture, follow: impl Follow, events: Vec<Event>) {
    let context = (follow, events, fixture.clock.now());
    let applied = fixture.mfa.store.bookkeeping("follow", context, |unit, (follow, events, now)| {
        Box::pin(async move {
            for event in events {
                follow.apply(unit, event, *now).await?;
            }
            Ok(())
        })
    });
    applied.await.unwrap();
}

/// What enrolling, removing and guessing do to the tables, without the codes.
async fn factor(fixture: &Fixture, user: UserKey, change: FactorChange) {
    let context = (user, change, fixture.clock.now());
    let changed = fixture.mfa.store.bookkeeping("factor", context, |unit, (user, change, now)| {
        Box::pin(async move {
            let mut state = rows::user::lock(unit, *user).await?;
            match change {
                FactorChange::Enroll => {
                    rows::factor::delete(unit, *user).await?;
                    let factor = Factor {
                        id: FactorId::generate(),
                        sealed_secret: vec![1],
                        generation: Some(state.generation + 1),
                        last_step: TimeStep(1),
                        drift: Drift::NONE,
                        enroll_time: *now,
                        last_use_time: None,
                    };
                    rows::factor::insert(unit, *user, &factor, EventId::generate()).await?;
                    state = state.after_enrollment();
                }
                FactorChange::Remove => {
                    rows::factor::delete(unit, *user).await?;
                    state = MfaState { ..state.after_removal() };
                }
                FactorChange::Lock => state.attempts.locked_until = Some(*now + Duration::hours(20)),
            }
            rows::user::save(unit, *user, &state).await?;
            Ok(marks::mark_user(unit, *user, *now).await?)
        })
    });
    changed.await.unwrap();
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
