//! Hundreds of random acts on three running services, and then the figures of adoption and the previews of enforcement against a
//! count over the tables that each service owns: tenant's organisations, identity's users, mfa's policy and factors - none of
//! mfa's copies of them, and none of what it keeps figures with.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod plain_count;
mod random_acts;

use std::time::Duration;

use proto::mfa::target::Target as Kind;
use proto::mfa::{Adoption, GetAdoptionRequest, PreviewEnforcementRequest, Target};
use testkit::as_user;
use tokio::time::{Instant, sleep};

use plain_count::{Plain, User};
use random_acts::World;

/// Between these parts time passes, and with it enforcement announced for later begins and what is pending becomes overdue.
const PARTS: usize = 4;
const ACTS: usize = 90;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_and_previews_are_the_plain_count_after_hundreds_of_random_acts() {
    let mut world = World::new().await;
    let mut plain = Plain::new(&world.system).await;
    plain.look(world.system.now()).await;
    for part in 0..PARTS {
        for _ in 0..ACTS {
            world.act().await;
            plain.look(world.system.now()).await;
        }
        compare(&world, &plain, part).await;
        world.let_days_pass(11).await;
        plain.look(world.system.now()).await;
        compare(&world, &plain, part).await;
    }
    let done = &world.done;
    assert!(done.values().sum::<usize>() > PARTS * ACTS / 2, "{done:?}");
    assert_eq!(done.len(), 18, "every kind of act succeeded at least once: {done:?}");
    // Nothing of it was about nobody.
    let all = plain.figures(&[], world.system.now());
    assert!(all.local > 20 && all.enforced > 0 && all.enrolled > 3 && all.pending > 0, "{all:?}");
    assert!(all.overdue > 0 && all.exempt > 0, "{all:?}");
}

async fn compare(world: &World, plain: &Plain, part: usize) {
    let now = world.system.now();
    for organization in plain.organizations() {
        let expected = plain.figures(std::slice::from_ref(&organization), now);
        // Followers may be a moment behind; what they come to is what counts.
        let deadline = Instant::now() + Duration::from_secs(10);
        while figures(world, &organization).await != expected && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(figures(world, &organization).await, expected, "part {part}: {organization}");
    }
    let is_client = |user: &User| user.path.len() > 1;
    compare_preview(world, plain, Kind::Provider(1), is_client).await;
    compare_preview(world, plain, Kind::Provider(2), |user| !is_client(user)).await;
    for (id, kind) in world.targets() {
        compare_preview(world, plain, kind, |user| user.path.contains(&id) || user.id == id).await;
    }
}

async fn figures(world: &World, organization: &str) -> Adoption {
    let request = GetAdoptionRequest { organization_id: organization.to_owned() };
    let answer = world.system.console.enforcement.clone().get_adoption(as_user(&world.root, request)).await;
    answer.unwrap().into_inner().adoption.unwrap()
}

async fn compare_preview(world: &World, plain: &Plain, target: Kind, is_meant: impl Fn(&User) -> bool) {
    let request = PreviewEnforcementRequest {
        target: Some(Target { target: Some(target.clone()) }),
        page_size: 500,
        ..PreviewEnforcementRequest::default()
    };
    let mut enforcement = world.system.console.enforcement.clone();
    let told = enforcement.preview_enforcement(as_user(&world.root, request)).await.unwrap().into_inner();
    let (expected, unaffected) = plain.preview(is_meant, world.system.now());
    let logins: Vec<String> = told.users.into_iter().map(|user| user.login).collect();
    assert_eq!((logins, told.unaffected), (expected.clone(), unaffected), "{target:?}");
    assert_eq!(told.would_enroll, i64::try_from(expected.len()).unwrap(), "{target:?}");
}
