//! What the service is told about guessing, and how far a phone's clock may be off.

use crate::domain::{
    AskedThresholds, BUDGET, CONSECUTIVE, FIRST_LOCK, LONGEST_LOCK, OutOfBounds, STEP_WINDOW, SUSPICION,
    Thresholds,
};

/// How much guessing is borne. Bounded, so that nothing told here takes the protection away; the service does not start with
/// anything else.
#[derive(clap::Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessingConfig {
    /// Consecutive wrong codes that lock the second factor (3 to 10).
    #[arg(long, env = "COUNTERSIGN_CODES_BEFORE_LOCK", default_value_t = AskedThresholds::DEFAULT.consecutive,
        value_parser = clap::value_parser!(i64).range(CONSECUTIVE))]
    pub codes_before_lock: i64,
    /// How long the first lock lasts, in seconds (60 to 3600); each further one is twice as long.
    #[arg(long, env = "COUNTERSIGN_FIRST_LOCK_SECONDS", default_value_t = AskedThresholds::DEFAULT.first_lock,
        value_parser = clap::value_parser!(i64).range(FIRST_LOCK))]
    pub first_lock_seconds: i64,
    /// How long a lock lasts at most, in seconds (600 to 86400).
    #[arg(long, env = "COUNTERSIGN_LONGEST_LOCK_SECONDS", default_value_t = AskedThresholds::DEFAULT.longest_lock,
        value_parser = clap::value_parser!(i64).range(LONGEST_LOCK))]
    pub longest_lock_seconds: i64,
    /// Wrong codes within thirty days that lock until an administrator unlocks or resets (20 to 100); success does not clear
    /// them.
    #[arg(long, env = "COUNTERSIGN_WRONG_CODES_BUDGET", default_value_t = AskedThresholds::DEFAULT.budget,
        value_parser = clap::value_parser!(i64).range(BUDGET))]
    pub wrong_codes_budget: i64,
    /// Wrong codes within thirty days at which the user must replace the password (10 to 50).
    #[arg(long, env = "COUNTERSIGN_WRONG_CODES_SUSPICION", default_value_t = AskedThresholds::DEFAULT.suspicion,
        value_parser = clap::value_parser!(i64).range(SUSPICION))]
    pub wrong_codes_suspicion: i64,
    /// How many time steps of thirty seconds a phone's clock may be off, either way (1 to 2).
    #[arg(long, env = "COUNTERSIGN_STEP_WINDOW", default_value_t = AskedThresholds::DEFAULT.step_window,
        value_parser = clap::value_parser!(i64).range(STEP_WINDOW))]
    pub step_window: i64,
}

impl Default for GuessingConfig {
    fn default() -> Self {
        let AskedThresholds { consecutive, first_lock, longest_lock, budget, suspicion, step_window } =
            AskedThresholds::DEFAULT;
        Self {
            codes_before_lock: consecutive,
            first_lock_seconds: first_lock,
            longest_lock_seconds: longest_lock,
            wrong_codes_budget: budget,
            wrong_codes_suspicion: suspicion,
            step_window,
        }
    }
}

impl GuessingConfig {
    /// What it means. Checked as a whole, also where it was not read from arguments.
    pub(super) fn thresholds(self) -> Result<Thresholds, OutOfBounds> {
        Thresholds::within_bounds(AskedThresholds {
            consecutive: self.codes_before_lock,
            first_lock: self.first_lock_seconds,
            longest_lock: self.longest_lock_seconds,
            budget: self.wrong_codes_budget,
            suspicion: self.wrong_codes_suspicion,
            step_window: self.step_window,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        guessing: GuessingConfig,
    }

    fn read(arguments: &[&str]) -> Option<GuessingConfig> {
        let arguments = ["mfa"].iter().chain(arguments);
        Arguments::try_parse_from(arguments).ok().map(|arguments| arguments.guessing)
    }

    #[test]
    fn nothing_told_is_the_default_and_what_is_out_of_bounds_is_not_read() {
        assert_eq!(read(&[]), Some(GuessingConfig::default()));
        let told = read(&["--codes-before-lock", "3", "--step-window", "2"]).unwrap();
        assert_eq!((told.codes_before_lock, told.step_window), (3, 2));
        for (flag, wrong) in [
            ("--codes-before-lock", ["2", "11"]),
            ("--first-lock-seconds", ["59", "3601"]),
            ("--longest-lock-seconds", ["599", "86401"]),
            ("--wrong-codes-budget", ["19", "101"]),
            ("--wrong-codes-suspicion", ["9", "51"]),
            ("--step-window", ["0", "3"]),
        ] {
            for value in wrong {
                assert_eq!(read(&[flag, value]), None, "{flag} {value}");
            }
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused_as_a_whole() {
        let usual = GuessingConfig::default();
        assert!(usual.thresholds().is_ok());
        let never = GuessingConfig { wrong_codes_budget: 20, wrong_codes_suspicion: 21, ..usual };
        let shrinks = GuessingConfig { first_lock_seconds: 3_600, longest_lock_seconds: 600, ..usual };
        for wrong in [never, shrinks, GuessingConfig { codes_before_lock: i64::MAX, ..usual }] {
            assert!(wrong.thresholds().is_err(), "{wrong:?}");
        }
    }
}
