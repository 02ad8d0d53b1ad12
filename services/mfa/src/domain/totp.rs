//! Time-based codes (RFC 6238): totp-rs computes them; which steps are accepted is decided here.

use clock::Timestamp;
use data_encoding::BASE32_NOPAD;
use fault::{Fault, Outcome, Reason};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use totp_rs::{Algorithm, Builder, Totp};
use types::{OneTimeCode, random_bytes};
use zeroize::Zeroizing;

use super::Window;

/// The length of a secret: 160 bits (RFC 4226 §4 R6).
const SECRET_LENGTH: usize = 20;
/// The length of a time step in seconds.
const STEP_SECONDS: i64 = 30;

/// The number of a time step: seconds since 1970 divided by thirty. Stays a 64-bit number, so 2038 is a year like others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimeStep(pub(crate) i64);

impl TimeStep {
    /// The step a time falls in.
    #[must_use]
    pub(crate) const fn at(now: Timestamp) -> Self {
        Self(now.unix_timestamp().div_euclid(STEP_SECONDS))
    }
}

/// The secret of one factor. It does not print and is wiped.
pub(crate) struct TotpSecret(Zeroizing<[u8; SECRET_LENGTH]>);

impl TotpSecret {
    /// A new secret of the operating system's generator.
    ///
    /// # Errors
    /// INTERNAL: the generator is not available.
    pub(crate) fn generate() -> Outcome<Self> {
        random_bytes().map(Self).map_err(|error| Fault::new(Reason::Internal).with_cause(error))
    }

    /// A secret as it was sealed.
    ///
    /// # Errors
    /// CORRUPT: it has another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Outcome<Self> {
        let mut secret = Zeroizing::new([0; SECRET_LENGTH]);
        if bytes.len() != SECRET_LENGTH {
            return Err(Reason::Corrupt.into());
        }
        secret.copy_from_slice(bytes);
        Ok(Self(secret))
    }

    /// The bytes, to be sealed.
    #[must_use]
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The text form of RFC 4648 base32 without padding, as authenticator apps read it.
    #[must_use]
    pub(crate) fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.expose()))
    }

    /// The step of the window whose code this is. Takes the same time for every code: all steps are computed and compared
    /// whole. When two steps have the same code, it is the later one.
    ///
    /// # Errors
    /// INTERNAL: totp-rs refuses our parameters, which is a defect.
    pub(crate) fn matching_step(&self, code: &OneTimeCode, window: Window) -> Outcome<Option<TimeStep>> {
        let totp = self.totp(Algorithm::SHA1, 6)?;
        let (mut found, mut step) = (Choice::from(0), 0i64);
        for candidate in window.steps() {
            let equal = code_of(&totp, candidate).as_bytes().ct_eq(code.expose().as_bytes());
            step.conditional_assign(&candidate.0, equal);
            found |= equal;
        }
        Ok(bool::from(found).then_some(TimeStep(step)))
    }

    fn totp(&self, algorithm: Algorithm, digits: u8) -> Outcome<Totp> {
        totp(self.expose(), algorithm, digits)
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TotpSecret(hidden)")
    }
}

fn totp(secret: &[u8], algorithm: Algorithm, digits: u8) -> Outcome<Totp> {
    let builder = Builder::new().with_algorithm(algorithm).with_digits(digits).with_secret(secret);
    // The cause is not kept: an error about parameters may quote them.
    builder.build().map_err(|_| Fault::new(Reason::Internal).with_cause("totp-rs refuses the parameters"))
}

/// The code of a step. A time before 1970 has none we would accept; step 0 stands in for it.
fn code_of(totp: &Totp, step: TimeStep) -> Zeroizing<String> {
    let seconds = u64::try_from(step.0.saturating_mul(STEP_SECONDS)).unwrap_or(0);
    Zeroizing::new(totp.generate(seconds).to_string())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::domain::Drift;

    const SEED: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

    fn code(algorithm: Algorithm, length: usize, digits: u8, step: i64) -> String {
        code_of(&totp(&SEED[..length], algorithm, digits).unwrap(), TimeStep(step)).to_string()
    }

    /// RFC 4226 appendix D.
    #[test]
    fn hotp_vectors() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (counter, expected) in (0..).zip(expected) {
            assert_eq!(code(Algorithm::SHA1, 20, 6, counter), expected);
        }
    }

    /// RFC 6238 appendix B, whose seeds are as long as each hash (erratum 2866); the last time is in the year 2603.
    #[test]
    fn totp_vectors() {
        for (seconds, sha1, sha256, sha512) in [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ] {
            let TimeStep(step) = TimeStep::at(Timestamp::from_unix_timestamp(seconds).unwrap());
            assert_eq!(code(Algorithm::SHA1, 20, 8, step), sha1);
            assert_eq!(code(Algorithm::SHA256, 32, 8, step), sha256);
            assert_eq!(code(Algorithm::SHA512, 64, 8, step), sha512);
        }
    }

    #[test]
    fn the_steps_of_the_window_match_and_no_other_and_it_says_which() {
        let secret = TotpSecret::from_bytes(&SEED[..20]).unwrap();
        // Past 2038, where a 32-bit time would have ended.
        let present = TimeStep::at(datetime!(2040-05-05 10:00:15 UTC));
        for (drift, reach, accepted) in [(0, 1, -1..=1), (1, 1, 0..=2), (-1, 1, -2..=0), (0, 2, -2..=2)] {
            let window = Window::around(present, Drift::from_steps(drift), reach);
            for offset in -4..=4 {
                let code: OneTimeCode = code(Algorithm::SHA1, 20, 6, present.0 + offset).parse().unwrap();
                let expected = accepted.contains(&offset).then_some(TimeStep(present.0 + offset));
                assert_eq!(
                    secret.matching_step(&code, window).unwrap(),
                    expected,
                    "{drift} {reach} {offset}"
                );
            }
        }
    }

    #[test]
    fn secrets_are_160_bits_and_do_not_print() {
        let secret = TotpSecret::generate().unwrap();
        assert_eq!(secret.base32().len(), 32);
        assert_eq!(BASE32_NOPAD.decode(secret.base32().as_bytes()).unwrap(), secret.expose());
        assert_eq!(format!("{secret:?}"), "TotpSecret(hidden)");
        assert_eq!(TotpSecret::from_bytes(&[0; 19]).unwrap_err().reason(), Reason::Corrupt);
    }
}
