//! One right code, given many times at once.

use std::sync::Arc;

use countersign_tests::evidence::{Throttle, Verdicts, sessions, tally};
use testkit::reason;
use time::Duration;
use tokio::sync::Barrier;

use crate::siege::Siege;

const AT_ONCE: usize = 50;
const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_identical_right_codes_on_two_replicas_one_opens_a_session_twenty_times_over() {
    let siege = Siege::lay().await;
    let (system, user_id) = (&siege.system, siege.user_id());
    let (mut had, mut known) = (sessions(system, user_id).await, Verdicts::of(system, user_id).await);
    for round in 0..ROUNDS {
        let (tokens, code) = (siege.sign_ins(AT_ONCE).await, siege.code());
        let all_ready = Arc::new(Barrier::new(AT_ONCE));
        let calls: Vec<_> = tokens
            .into_iter()
            .enumerate()
            .map(|(number, token)| {
                let console = siege.consoles[number % 2].clone();
                let (code, all_ready) = (code.clone(), Arc::clone(&all_ready));
                tokio::spawn(async move {
                    all_ready.wait().await;
                    console.verify(&token, &code).await
                })
            })
            .collect();
        let mut opened = Vec::new();
        for call in calls {
            match call.await.unwrap() {
                Ok(session) => opened.push(session),
                Err(status) => assert_eq!(reason(status), "SIGN_IN_REFUSED", "round {round}"),
            }
        }
        assert_eq!(opened.len(), 1, "round {round}");

        // One session and one acceptance; the others are on the log as what they were, and brought nobody nearer to a lock.
        let (has, knows) = (sessions(system, user_id).await, Verdicts::of(system, user_id).await);
        assert_eq!(has, had + 1, "round {round}");
        let expected =
            Verdicts { accepted: known.accepted + 1, replayed: known.replayed + AT_ONCE - 1, ..known };
        assert_eq!(knows, expected, "round {round}");
        assert_eq!(Throttle::of(system, user_id).await, Throttle::default(), "round {round}");
        (had, known) = (has, knows);
        system.clock.advance(Duration::seconds(30));
    }
    assert_eq!((known.wrong, known.locked), (0, 0));
    let identity = tally(&system.identity_database, user_id).await;
    // The enrolment opened one, too.
    assert_eq!(identity["identity.sign_in.completed"], ROUNDS + 1);
    assert_eq!(identity["identity.sign_in.refused"], ROUNDS * (AT_ONCE - 1));
    // Nobody is locked out.
    let token = siege.sign_in().await;
    siege.consoles[1].verify(&token, &siege.code()).await.unwrap();
}
