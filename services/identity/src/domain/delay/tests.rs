use proptest::prelude::*;

use super::*;

const RULE: Rule = Rule { free: 5, first: 1_000, longest: 30_000, forget: 60_000 };
const NOW: Millis = 1_795_000_000_000;

#[test]
fn delays_begin_after_the_free_failures_double_and_end_at_the_longest() {
    let delays: Vec<_> = (0..=12).map(|failures| RULE.delay(failures) / 1_000).collect();
    assert_eq!(delays, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(RULE.delay(i64::MAX), 30_000);
    assert_eq!(RULE.delay(-1), 0);
}

#[test]
fn failures_close_a_key_for_a_while_and_are_forgotten_one_by_one() {
    let mut cells = Cells::new(RULE, 64);
    for failures in 1..=5 {
        cells.charge(7, NOW);
        assert_eq!((cells.failures(7, NOW), cells.wait(7, NOW)), (failures, 0));
    }
    cells.charge(7, NOW);
    assert_eq!(cells.wait(7, NOW), 1_000);
    assert_eq!((cells.wait(7, NOW + 999), cells.wait(7, NOW + 1_000)), (1, 0));
    assert_eq!(cells.wait(8, NOW), 0);
    assert_eq!(cells.failures(7, NOW + 60_000), 5);
    assert_eq!(cells.failures(7, NOW + 6 * 60_000), 0);
}

#[test]
fn however_many_failures_there_were_they_are_forgotten_soon() {
    let mut cells = Cells::new(RULE, 64);
    for _ in 0..10_000 {
        cells.charge(7, NOW);
    }
    assert_eq!(cells.wait(7, NOW), 30_000);
    assert_eq!(cells.failures(7, NOW + 6 * 60_000), 5);
}

#[test]
fn what_was_no_failure_leaves_no_trace() {
    let mut cells = Cells::new(RULE, 64);
    for _ in 0..5 {
        cells.charge(7, NOW);
    }
    let charge = cells.charge(7, NOW);
    assert_eq!(cells.wait(7, NOW), 1_000);
    cells.refund(charge, NOW);
    assert_eq!((cells.failures(7, NOW), cells.wait(7, NOW)), (5, 0));
    cells.clear(7);
    assert_eq!(cells.failures(7, NOW), 0);
}

#[test]
fn a_clock_that_jumps_makes_no_delay_longer_than_the_longest() {
    let mut cells = Cells::new(RULE, 64);
    for _ in 0..20 {
        cells.charge(7, NOW);
    }
    for jump in [-1_000_000_000, -1, 0, 1, 1_000_000_000] {
        assert!((0..=30_000).contains(&cells.wait(7, NOW + jump)), "{jump}");
        assert!((0..=11).contains(&cells.failures(7, NOW + jump)), "{jump}");
    }
}

#[test]
fn who_fails_under_ever_new_keys_neither_grows_the_table_nor_frees_themselves() {
    let mut cells = Cells::new(RULE, 4);
    let bytes = cells.bytes();
    for _ in 0..20 {
        cells.charge(7, NOW);
    }
    for key in 100..100_000 {
        cells.charge(key, NOW);
    }
    assert_eq!(cells.bytes(), bytes);
    assert_eq!(cells.wait(7, NOW), 30_000, "the hottest stays");
}

proptest! {
    #[test]
    fn a_delay_is_bounded_and_an_attempt_after_it_is_always_let_in(
        steps in proptest::collection::vec((0_u64..3, 0_i64..40_000), 1..200),
    ) {
        let (mut cells, mut now) = (Cells::new(RULE, 4), NOW);
        for (key, pause) in steps {
            now += pause;
            let wait = cells.wait(key, now);
            prop_assert!((0..=RULE.longest).contains(&wait));
            // Whoever waits as told gets in: refused attempts make nothing longer.
            now += wait;
            prop_assert_eq!(cells.wait(key, now), 0);
            cells.charge(key, now);
        }
    }
}
