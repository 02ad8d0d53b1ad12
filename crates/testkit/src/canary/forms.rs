//! The forms in which a secret could be found, and the search for all of them at once.

use std::fmt::Write as _;

use aho_corasick::{AhoCorasick, MatchKind};
use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// Of a long secret the end is searched for: a part of it is a leak, too.
const LONGEST: usize = 24;
/// Shorter texts are found anywhere by chance.
const SHORTEST: usize = 8;
/// How many finds are reported.
const ENOUGH: usize = 20;

/// What must be found nowhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// Text or bytes of at least eight.
    Bytes(Vec<u8>),
    /// Six digits, which mean something only where they stand alone.
    Code(String),
}

/// A find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which secret: the field that carried it.
    pub secret: String,
    /// In which form it was found.
    pub form: &'static str,
    /// What stands around it.
    pub context: String,
}

struct Needle {
    secret: String,
    form: &'static str,
    stands_alone: bool,
}

/// Searches for many secrets at once.
pub struct Scanner {
    automaton: AhoCorasick,
    needles: Vec<Needle>,
}

impl Scanner {
    /// Prepares the search for secrets, each with the name of what carried it.
    ///
    /// # Panics
    /// There are more than can be searched for at once.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a Secret)>) -> Self {
        let (mut patterns, mut needles) = (Vec::new(), Vec::new());
        for (name, secret) in secrets {
            for (form, pattern) in forms(secret) {
                // The other forms are too long to be met by chance.
                let stands_alone = matches!(secret, Secret::Code(_)) && ["raw", "hex"].contains(&form);
                needles.push(Needle { secret: name.to_owned(), form, stands_alone });
                patterns.push(pattern);
            }
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::Standard).build(patterns);
        Self { automaton: automaton.expect("so many can be searched for"), needles }
    }

    /// Everything found in `haystack`, as far as it is enough to know.
    #[must_use]
    pub fn search(&self, haystack: &[u8]) -> Vec<Finding> {
        let mut found = Vec::new();
        for hit in self.automaton.find_overlapping_iter(haystack) {
            let needle = &self.needles[hit.pattern().as_usize()];
            if needle.stands_alone && !stands_alone(haystack, hit.start(), hit.end()) {
                continue;
            }
            let around = hit.start().saturating_sub(80)..(hit.end() + 40).min(haystack.len());
            let context = String::from_utf8_lossy(&haystack[around]).escape_debug().to_string();
            found.push(Finding { secret: needle.secret.clone(), form: needle.form, context });
            if found.len() == ENOUGH {
                break;
            }
        }
        found
    }
}

/// Whether six digits are a text of their own: as a string of six in protobuf, or between things that are no part of a number,
/// an id or a time.
fn stands_alone(haystack: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).map(|index| haystack[index]);
    let after = haystack.get(end).copied();
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+%:".contains(&byte);
    before == Some(6)
        || (!before.is_some_and(|byte| belongs(byte) && byte != b':') && !after.is_some_and(belongs))
}

/// Every form of a secret, with its name.
fn forms(secret: &Secret) -> Vec<(&'static str, Vec<u8>)> {
    let whole = match secret {
        Secret::Bytes(bytes) => bytes.as_slice(),
        Secret::Code(code) => code.as_bytes(),
    };
    let bytes = &whole[whole.len().saturating_sub(LONGEST)..];
    let base32 = BASE32_NOPAD.encode(bytes);
    let full_symbols = bytes.len() * 8 / 5;
    let base32 = &base32[..full_symbols];
    let mut forms = vec![
        ("raw", bytes.to_vec()),
        ("hex", HEXLOWER.encode(bytes).into_bytes()),
        ("HEX", HEXUPPER.encode(bytes).into_bytes()),
        ("base32", base32.as_bytes().to_vec()),
        ("base32 in lower case", base32.to_lowercase().into_bytes()),
        ("base32 in groups", groups(base32, " ")),
        ("decimal list", decimal(bytes)),
        ("percent-encoded", percent_encode(bytes, NON_ALPHANUMERIC).to_string().into_bytes()),
        (
            "form-encoded",
            percent_encode(bytes, NON_ALPHANUMERIC).to_string().replace("%20", "+").into_bytes(),
        ),
    ];
    for shift in 0..3 {
        forms.push(("base64", base64(bytes, shift, &BASE64_NOPAD)));
        forms.push(("base64url", base64(bytes, shift, &BASE64URL_NOPAD)));
    }
    let is_telling = |form: &&(&str, Vec<u8>)| form.0 == "raw" || form.1.len() >= SHORTEST;
    let mut forms: Vec<_> = forms.iter().filter(is_telling).cloned().collect();
    // One form can be another, such as the percent-encoding of letters.
    let mut seen = std::collections::BTreeSet::new();
    forms.retain(|(_, pattern)| seen.insert(pattern.clone()));
    forms
}

/// The symbols that depend on nothing but these bytes when `shift` others stand before them.
fn base64(bytes: &[u8], shift: usize, alphabet: &data_encoding::Encoding) -> Vec<u8> {
    let mut shifted = vec![0; shift];
    shifted.extend_from_slice(bytes);
    let encoded = alphabet.encode(&shifted);
    let (from, to) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
    encoded.as_bytes()[from..to].to_vec()
}

fn groups(text: &str, between: &str) -> Vec<u8> {
    let symbols = text.as_bytes();
    symbols.chunks(4).collect::<Vec<_>>().join(between.as_bytes())
}

/// As Rust prints bytes.
fn decimal(bytes: &[u8]) -> Vec<u8> {
    let mut list = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        let _ = write!(list, "{}{byte}", if index == 0 { "" } else { ", " });
    }
    list.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "a canary/that+sings?";

    fn scanner(secret: Secret) -> Scanner {
        Scanner::new([("canary", &secret)])
    }

    #[test]
    fn a_canary_is_found_in_every_form_and_whatever_stands_around_it() {
        let scanner = scanner(Secret::Bytes(CANARY.into()));
        let quoted = |text: &str| format!("<{text}>").into_bytes();
        let shifted = |alphabet: &data_encoding::Encoding, before: &str| {
            quoted(&alphabet.encode(format!("{before}{CANARY}after").as_bytes()))
        };
        let mut haystacks = vec![
            ("raw", quoted(CANARY)),
            ("hex", quoted(&HEXLOWER.encode(CANARY.as_bytes()))),
            ("HEX", quoted(&HEXUPPER.encode(CANARY.as_bytes()))),
            ("base32", quoted(&data_encoding::BASE32.encode(CANARY.as_bytes()))),
            ("base32 in lower case", quoted(&BASE32_NOPAD.encode(CANARY.as_bytes()).to_lowercase())),
            ("decimal list", format!("{:?}", CANARY.as_bytes()).into_bytes()),
            ("percent-encoded", quoted("a%20canary%2Fthat%2Bsings%3F")),
            ("form-encoded", quoted("a+canary%2Fthat%2Bsings%3F")),
            ("base32 in groups", groups(&BASE32_NOPAD.encode(CANARY.as_bytes()), " ")),
        ];
        for before in ["", "1", "12", "123"] {
            haystacks.push(("base64", shifted(&data_encoding::BASE64, before)));
            haystacks.push(("base64url", shifted(&data_encoding::BASE64URL, before)));
        }
        for (form, haystack) in haystacks {
            let found = scanner.search(&haystack);
            let shown = String::from_utf8_lossy(&haystack);
            // Without symbols that tell them apart, the two alphabets of base64 are one.
            let is_found = |finding: &Finding| finding.form == form || form.starts_with(finding.form);
            assert!(found.iter().any(is_found), "{form}: {shown}: {found:?}");
        }
        assert_eq!(scanner.search(b"a canary that sings? A CANARY/THAT+SINGS?"), []);
    }

    #[test]
    fn of_a_long_secret_its_end_is_enough() {
        let long = format!("{}{CANARY}{CANARY}", "x".repeat(500));
        let scanner = scanner(Secret::Bytes(long.into_bytes()));
        assert_eq!(scanner.search(format!("…{CANARY}{CANARY}…").as_bytes()).len(), 1);
    }

    #[test]
    fn a_code_is_found_where_it_stands_alone() {
        let scanner = scanner(Secret::Code("402517".to_owned()));
        let found = [
            "402517",
            "code=402517",
            "\"402517\"",
            "code: 402517,",
            "code:402517",
            "x\t402517\ny",
            "\u{6}402517z",
            "(402517)",
            "NDAyNTE3",
            "343032353137",
        ];
        for text in found {
            assert_eq!(scanner.search(text.as_bytes()).len(), 1, "{text}");
        }
        let by_chance = [
            "1402517",
            "4025170",
            "09:00:00.402517",
            "a402517",
            "7a343032353137",
            "402517b",
            "402517-4",
            "0193-402517",
            "402517.5",
        ];
        for text in by_chance {
            assert_eq!(scanner.search(text.as_bytes()), [], "{text}");
        }
    }
}
