//! The three drills: with the follower running, held back, and stopped. Each runs a whole table of acts at once, every act on a
//! subject of its own.

use std::time::{Duration, Instant};

use futures::future::join_all;
use testkit::reason;
use tonic::{Code, Status};
use types::ServiceName;

use crate::act::{Act, Again, Answer, By};
use crate::sight::{Sight, look};
use crate::world::{Case, World};

/// How long a caller waits for a service that does not come round.
const IMPATIENT: Duration = Duration::from_millis(1_500);

/// Long enough for an answer that need not wait.
const MOMENT: Duration = Duration::from_millis(300);

/// Who acts, and who has to apply it before it is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    pub(crate) owner: ServiceName,
    pub(crate) followers: &'static [ServiceName],
}

/// Everybody follows: when the call answers, everything holds in every service.
pub(crate) async fn with_everybody_following(world: &mut World, log: Log, acts: &[Act]) {
    let cases = world.prepare(log.owner, acts).await;
    for case in &cases {
        let before = copies(world, log, log.followers, case).await;
        (case.act.call)(case.by.clone())
            .await
            .unwrap_or_else(|status| panic!("{}: {status:?}", case.act.name));
        if case.act.is_awaited {
            all_changed(&before, &copies(world, log, log.followers, case).await, case);
        }
        assert_eq!(world.events(log.owner, case).await, 1, "{}: events", case.act.name);
        sees(world, case, 1, case.act.in_force).await;
    }
}

/// One follower is held back: the call says in time that the change is not yet in force, and the change stands. `committed` is
/// what holds then already. Once the follower goes on, a repetition answers.
pub(crate) async fn with_one_held_back(
    world: &mut World,
    log: Log,
    held: ServiceName,
    acts: &[Act],
    committed: fn(&Act) -> [Sight; 2],
) {
    let cases = world.prepare(log.owner, acts).await;
    let before = all_copies(world, log, &[held], &cases).await;
    let hold = world.system.hold_follower(held, log.owner).await;
    let answers = join_all(cases.iter().map(impatiently)).await;
    for (case, answer) in cases.iter().zip(answers) {
        is_not_yet_in_force(case, answer);
        assert_eq!(world.events(log.owner, case).await, 1, "{}: events", case.act.name);
    }
    let others = log.followers.iter().copied().filter(|follower| *follower != held).collect::<Vec<_>>();
    world.settled(log.owner, &others).await;
    for case in &cases {
        sees(world, case, 0, committed(&case.act)).await;
    }
    assert_eq!(all_copies(world, log, &[held], &cases).await, before, "nothing was applied");

    let repetitions: Vec<_> =
        cases.iter().map(|case| tokio::spawn((case.act.call)(case.by.clone()))).collect();
    tokio::time::sleep(MOMENT).await;
    for (case, repetition) in cases.iter().zip(&repetitions).filter(|(case, _)| case.act.is_awaited) {
        assert!(!repetition.is_finished(), "{} is acknowledged", case.act.name);
    }
    hold.release().await;
    for ((case, before), repetition) in cases.iter().zip(&before).zip(repetitions) {
        let times = repeated(case, repetition.await.unwrap()).await;
        world.settled(log.owner, &[held]).await;
        if case.act.is_awaited {
            all_changed(before, &copies(world, log, &[held], case).await, case);
        }
        assert_eq!(world.events(log.owner, case).await, times, "{}: events", case.act.name);
        sees(world, case, 1, case.act.in_force).await;
    }
}

/// A service is stopped while calls wait for it, and nobody repeats anything: it finishes them when it is back.
pub(crate) async fn with_one_stopped(world: &mut World, log: Log, stopped: ServiceName, acts: &[Act]) {
    let cases = world.prepare(log.owner, acts).await;
    let before = all_copies(world, log, &[stopped], &cases).await;
    // Until it has stopped it must not apply anything: the calls need some of its services to begin with.
    let hold = world.system.hold_follower(stopped, log.owner).await;
    let calls = join_all(cases.iter().map(impatiently));
    let stop = async {
        for case in &cases {
            let committed = || async { world.events(log.owner, case).await == 1 };
            world.system.eventually(case.act.name, committed).await;
        }
        world.system.stop(0, stopped).await;
        hold.cut_off().await;
    };
    let (answers, ()) = tokio::join!(calls, stop);
    hold.release().await;
    for (case, answer) in cases.iter().zip(answers) {
        is_not_yet_in_force(case, answer);
    }
    assert_eq!(all_copies(world, log, &[stopped], &cases).await, before, "nothing was applied");

    world.system.restart(0, stopped).await;
    for (case, before) in cases.iter().zip(&before).filter(|(case, _)| case.act.is_awaited) {
        let changed = || async { copies(world, log, &[stopped], case).await != *before };
        world.system.eventually(case.act.name, changed).await;
    }
    for case in &cases {
        assert_eq!(world.events(log.owner, case).await, 1, "{}: events", case.act.name);
        sees(world, case, 1, case.act.in_force).await;
    }
}

/// The call of somebody who does not wait for long, and how long it took.
async fn impatiently(case: &Case) -> (Answer, Duration) {
    let begun = Instant::now();
    let by = By { timeout: IMPATIENT, ..case.by.clone() };
    ((case.act.call)(by).await, begun.elapsed())
}

fn is_not_yet_in_force(case: &Case, (answer, took): (Answer, Duration)) {
    let name = case.act.name;
    if !case.act.is_awaited {
        answer.unwrap_or_else(|status| panic!("{name} waits for nobody: {status:?}"));
        return;
    }
    let status: Status = answer.expect_err(name);
    assert_eq!((status.code(), reason(status).as_str()), (Code::Unavailable, "NOT_YET_IN_FORCE"), "{name}");
    assert!(took < IMPATIENT, "{name} is answered after {took:?}");
}

/// Looks at the answer to a repetition with the same request id; how often the act was done in all.
async fn repeated(case: &Case, answer: Answer) -> i64 {
    let name = case.act.name;
    match case.act.again {
        Again::SameAnswer => {
            let once_more = (case.act.call)(case.by.clone()).await;
            assert_eq!(answer.expect(name), once_more.expect(name), "{name}");
            1
        }
        Again::AnotherAct => {
            answer.expect(name);
            2
        }
    }
}

async fn sees(world: &World, case: &Case, holding: usize, expected: [Sight; 2]) {
    let subject = &case.by.subject;
    for (victim, expected, who) in
        [(&subject.bare, expected[0], "bare"), (&subject.enrolled, expected[1], "enrolled")]
    {
        let what = format!("{}, {who}, holding {holding}", case.act.name);
        look(&world.system, victim, victim.holding(holding), expected, &what).await;
    }
}

async fn copies(world: &World, log: Log, of: &[ServiceName], case: &Case) -> Vec<String> {
    let mut copies = Vec::new();
    for follower in of {
        copies.push(world.copy(*follower, log.owner, case).await);
    }
    copies
}

async fn all_copies(world: &World, log: Log, of: &[ServiceName], cases: &[Case]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for case in cases {
        all.push(copies(world, log, of, case).await);
    }
    all
}

fn all_changed(before: &[String], now: &[String], case: &Case) {
    for (before, now) in before.iter().zip(now) {
        assert_ne!(before, now, "{} was not applied", case.act.name);
    }
}
