//! Doing what was drawn, many things at once.

use clock::Clock as _;
use eventlog::Follow;
use fault::Reason;
use futures::future::{join, join_all};
use proto::events::Event;
use proto::mfa::enforcement_service_server::EnforcementService;
use proto::mfa::factor_service_server::FactorService;
use proto::mfa::{DisableMfaRequest, EnforceMfaRequest, ReenableMfaRequest, ResetMfaRequest};
use time::Duration;
use tonic::Status;
use types::{EventId, FactorId};
use wire::timestamp_to_wire;

use super::super::super::fixture::{Fixture, by, session};
use super::{Batch, Call, FactorChange, World};
use crate::domain::{Drift, Factor, TimeStep, UserState as MfaState};
use crate::peers::{FollowIdentity, FollowTenant};
use crate::store::adoption::marks;
use crate::store::{self as rows, UserKey};

impl World {
    pub(super) async fn run(&self, batch: Batch, fold: bool) {
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
