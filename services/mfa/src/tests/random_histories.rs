//! Random histories of a small tree on a real database: after every step every user's state is the reference's; at the
//! end the log, read alone, tells the same as the tables.

mod reference;
mod replay;

use std::cell::Cell;

use fault::Reason;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{Demand, DisableMfaRequest, EnforceMfaRequest, ReenableMfaRequest, ResetMfaRequest};
use tokio::runtime::Runtime;
use tonic::Status;
use types::{AuthSource, OrganizationId, Role, UserId};
use wire::{UserFacts, timestamp_to_wire};

use self::reference::{Kind, Known, Reference};
use super::fixture::{Fixture, Tree, by, session};

/// So many histories are lived, however long they take.
const HISTORIES: u32 = 12;

/// Numbers pick from whatever is there at that time.
#[derive(Debug, Clone)]
enum Step {
    Change { by: usize, target: usize, kind: Kind },
    Reset { by: usize, user: usize },
    Issue(usize),
    Enrol(usize),
    Move { company: usize, to: usize },
    NewCompany { under: usize, enforce: bool },
    NewUser { home: usize, enforce: bool },
    DeleteCompany(usize),
    DeleteUser(usize),
    Switch(usize),
    Wait(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let days = prop_oneof![2 => Just(None), 3 => (-2i64..=6).prop_map(Some)];
    let kind = prop_oneof![
        3 => (days, any::<bool>()).prop_map(|(days, ticket)| Kind::Enforce { days, ticket }),
        3 => any::<bool>().prop_map(|keep| Kind::Disable { keep }),
        1 => Just(Kind::Reenable),
    ];
    let number = 0usize..1_000;
    prop_oneof![
        12 => (number.clone(), number.clone(), kind).prop_map(|(by, target, kind)| Step::Change { by, target, kind }),
        2 => (number.clone(), number.clone()).prop_map(|(by, user)| Step::Reset { by, user }),
        3 => number.clone().prop_map(Step::Issue),
        5 => number.clone().prop_map(Step::Enrol),
        2 => (number.clone(), number.clone()).prop_map(|(company, to)| Step::Move { company, to }),
        1 => (number.clone(), any::<bool>()).prop_map(|(under, enforce)| Step::NewCompany { under, enforce }),
        2 => (number.clone(), any::<bool>()).prop_map(|(home, enforce)| Step::NewUser { home, enforce }),
        1 => number.clone().prop_map(Step::DeleteCompany),
        1 => number.clone().prop_map(Step::DeleteUser),
        2 => number.prop_map(Step::Switch),
        3 => (0i64..=4).prop_map(Step::Wait),
    ]
}

#[test]
fn states_are_the_references_and_the_log_tells_the_same_as_the_tables() {
    let runtime = Runtime::new().unwrap();
    let config =
        Config { cases: HISTORIES, max_shrink_iters: 64, failure_persistence: None, ..Config::default() };
    let histories = proptest::collection::vec(any_step(), 20..60);
    let lived = Cell::new(0);
    let outcome = TestRunner::new(config).run(&histories, |steps| {
        lived.set(lived.get() + 1);
        runtime.block_on(live(steps));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert_eq!(lived.get(), HISTORIES);
}

async fn live(steps: Vec<Step>) {
    let (fixture, tree) = Fixture::with_tree().await;
    let mut history = History { reference: Reference::of(&tree), fixture, tree };
    for step in steps {
        history.take(&step).await;
        history.compare_everybody(&step).await;
    }
    replay::compare(&history.fixture, &history.reference).await;
}

struct History {
    fixture: Fixture,
    tree: Tree,
    reference: Reference,
}

impl History {
    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Change { by, target, kind } => self.change(by, target, kind).await,
            Step::Reset { by, user } => self.reset(by, user).await,
            Step::Issue(user) => self.issue(user).await,
            Step::Enrol(user) => self.enrol(user).await,
            Step::Move { company, to } => {
                let Some(company) = pick(&self.reference.companies(), company) else { return };
                let to = pick(&[&self.tree.reseller, &self.tree.other_reseller], to).unwrap().clone();
                let (path, _) = self.fixture.move_company(company, &to).await;
                self.reference.organizations.insert(company, path);
            }
            Step::NewCompany { under, enforce } => {
                let under = pick(&[&self.tree.reseller, &self.tree.other_reseller], under).unwrap();
                let path = under.child(OrganizationId::generate()).unwrap();
                self.fixture.create_organization(&path, "New", enforce).await;
                self.reference.found(path, enforce);
            }
            Step::NewUser { home, enforce } => {
                let home = pick(&self.reference.homes(), home).unwrap();
                let user = self.fixture.create_user(&home, role_at(&home), enforce).await;
                self.reference.join(&user, enforce);
            }
            Step::DeleteCompany(company) => {
                let Some(company) = pick(&self.reference.companies(), company) else { return };
                self.fixture.delete_organization(company).await;
                for user in self.reference.close(company) {
                    self.fixture.delete_user(user).await;
                }
            }
            Step::DeleteUser(user) => {
                let Some(user) = pick(&self.reference.others(&self.tree.provider_admin), user) else {
                    return;
                };
                self.fixture.delete_user(user).await;
                self.reference.leave(user);
            }
            Step::Switch(user) => {
                let Some(user) = pick(&self.reference.others(&self.tree.provider_admin), user) else {
                    return;
                };
                let known = self.reference.users.get_mut(&user).unwrap();
                let to = if known.external { AuthSource::Local } else { AuthSource::External };
                self.fixture.switch_source(user, to).await;
                known.switch(to);
            }
            Step::Wait(days) => self.fixture.tick(days * 24 * 60 * 60),
        }
    }

    fn now(&self) -> clock::Timestamp {
        clock::Clock::now(&self.fixture.clock)
    }

    fn actor(&self, number: usize) -> UserFacts {
        let (all, tree) = (self.reference.others(&self.tree.provider_admin), &self.tree);
        let actors: Vec<&UserFacts> = [&tree.provider_admin, &tree.provider_admin]
            .into_iter()
            .chain(
                [&tree.reseller_admin, &tree.other_reseller_admin]
                    .into_iter()
                    .filter(|user| all.contains(&user.id)),
            )
            .collect();
        actors[number % actors.len()].clone()
    }

    async fn change(&mut self, by_whom: usize, target: usize, kind: Kind) {
        let (actor, now) = (self.actor(by_whom), self.now());
        let target = pick(&self.reference.targets(), target).unwrap();
        let (caller, wire) = (session(&actor), Some(target.to_wire()));
        let policy = &self.fixture.policy;
        let outcome: Result<(), Status> = match kind {
            Kind::Enforce { days, ticket } => {
                let enforce_from = days.map(|days| timestamp_to_wire(now + time::Duration::days(days)));
                let request = EnforceMfaRequest {
                    target: wire,
                    enforce_from,
                    require_enrollment_ticket: ticket,
                    ..Default::default()
                };
                policy.enforce_mfa(by(&caller, request)).await.map(drop)
            }
            Kind::Disable { keep } => {
                let (reason, keep_factors) = ("lost".to_owned(), keep);
                let request = DisableMfaRequest { target: wire, reason, keep_factors, ..Default::default() };
                policy.disable_mfa(by(&caller, request)).await.map(drop)
            }
            Kind::Reenable => {
                let request = ReenableMfaRequest { target: wire, ..Default::default() };
                policy.reenable_mfa(by(&caller, request)).await.map(drop)
            }
        };
        let expected = self.reference.may_change(&actor, target) && self.reference.change(target, kind, now);
        assert_eq!(outcome.is_ok(), expected, "{kind:?} of {target:?} by {:?}: {outcome:?}", actor.role);
    }

    async fn reset(&mut self, by_whom: usize, user: usize) {
        let actor = self.actor(by_whom);
        let Some(user) = pick(&self.reference.everybody(), user) else { return };
        let request =
            ResetMfaRequest { user_id: user.to_string(), reason: "lost".into(), ..Default::default() };
        let outcome = self.fixture.factors.reset_mfa(by(&session(&actor), request)).await;
        let expected = self.reference.may_change(&actor, reference::Target::User(user));
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
        if let Ok(answer) = outcome {
            self.reference.reset(user, answer.into_inner().enrollment_ticket);
        }
    }

    async fn issue(&mut self, user: usize) {
        let actor = self.tree.provider_admin.clone();
        let Some(user) = pick(&self.reference.everybody(), user) else { return };
        let facts = self.fixture.peers.user(user);
        let outcome = self.fixture.issue(&actor, &facts).await;
        let may = self.reference.may_change(&actor, reference::Target::User(user));
        let known = self.reference.users.get_mut(&user).unwrap();
        assert_eq!(outcome.is_ok(), may && !known.has_factor, "{outcome:?}");
        if let Ok(ticket) = outcome {
            known.ticket = Some(ticket);
        }
    }

    /// A whole enrolment at sign-in, with a ticket where the user holds one.
    async fn enrol(&mut self, user: usize) {
        let Some(user) = pick(&self.reference.everybody(), user) else { return };
        let (facts, now) = (self.fixture.peers.user(user), self.now());
        let Known { external, has_factor, ticket, .. } = self.reference.users[&user].clone();
        if external {
            return;
        }
        let sign_in = self.fixture.sign_in(&facts).await;
        let without = self.fixture.begin(&sign_in, "").await;
        let needs_ticket = self.reference.effective(user, now).2;
        let begun = match without {
            Ok(phone) => {
                assert!(!has_factor && !needs_ticket);
                phone
            }
            Err(status) if has_factor => {
                return assert_eq!(rpc::reason_of(&status), Some(Reason::FactorExists));
            }
            Err(status) => {
                assert_eq!(rpc::reason_of(&status), Some(Reason::EnrollmentTicketRequired));
                assert!(needs_ticket);
                let Some(ticket) = ticket else { return };
                // It may have expired meanwhile.
                let Ok(phone) = self.fixture.begin(&sign_in, &ticket).await else { return };
                phone
            }
        };
        self.fixture.confirm(&sign_in, &begun.code(&self.fixture)).await.unwrap();
        self.fixture.acknowledge(&sign_in).await.unwrap();
        self.fixture.tick(30);
        self.reference.users.get_mut(&user).unwrap().enrol();
    }

    async fn compare_everybody(&self, after: &Step) {
        let now = self.now();
        for user in self.reference.everybody() {
            let known = &self.reference.users[&user];
            let (enforced, announced, _) = self.reference.effective(user, now);
            let (enforced, announced) = match known.external {
                true => (false, None),
                false => (enforced, announced),
            };
            let demand = match (known.has_factor, enforced) {
                (true, _) => Demand::Verify,
                (false, true) => Demand::Enroll,
                (false, false) => Demand::None,
            };
            let told = self.fixture.evaluate(&self.fixture.peers.user(user)).await.unwrap();
            assert_eq!(
                (told.demand(), told.enforced, told.mfa_required_from, told.generation),
                (demand, enforced, announced.map(timestamp_to_wire), known.generation),
                "after {after:?}"
            );
        }
    }
}

fn pick<T: Clone>(from: &[T], number: usize) -> Option<T> {
    from.get(number.checked_rem(from.len())?).cloned()
}

fn role_at(home: &types::OrganizationPath) -> Role {
    match home.kind() {
        types::OrganizationKind::Provider => Role::ProviderOperator,
        types::OrganizationKind::Reseller => Role::ResellerOperator,
        types::OrganizationKind::Company => Role::CompanyUser,
    }
}

/// So that ids sort and print alike everywhere in here.
type Users = std::collections::BTreeMap<UserId, Known>;
