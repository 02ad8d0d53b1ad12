//! The search at the end of a system.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;

use super::forms::{Finding, Scanner};
use super::{Secrets, dump, hearing};
use crate::TestDatabase;
use crate::cluster;

/// Keeps watch from a system's start to its end.
pub(crate) struct Vigil {
    secrets: Secrets,
    databases: Vec<(&'static str, String)>,
    directory: PathBuf,
    heard_before: usize,
    is_kept: bool,
}

impl Vigil {
    /// Begins, before anything is said.
    pub(crate) fn begin(
        secrets: Secrets,
        databases: [(&'static str, &TestDatabase); 3],
        directory: &Path,
    ) -> Self {
        hearing::begin();
        let databases = databases.map(|(service, database)| (service, database.superuser_url())).into();
        let heard_before = hearing::position();
        Self { secrets, databases, directory: directory.to_owned(), heard_before, is_kept: hearing::is_on() }
    }

    /// For a system in which a test has put secrets where they must not be.
    pub(crate) const fn give_up(&mut self) {
        self.is_kept = false;
    }

    /// Every secret that is where it must not be. Blocks.
    pub(crate) fn inspect(&self) -> Vec<Finding> {
        self.note_keys();
        if self.secrets.is_empty() {
            return Vec::new();
        }
        let scanner = self.secrets.scanner();
        let mut found = within(&scanner, "what was said", &hearing::since(self.heard_before));
        for lines in files(&self.directory, "log") {
            found.extend(within(&scanner, "a process's log", lines.as_bytes()));
        }
        for (service, url) in &self.databases {
            let url = url.clone();
            let dump = cluster::wait_for(async move { dump::dump(&url).await }).expect("a dump");
            found.extend(within(&scanner, service, &dump.text));
            found.extend(within(&scanner, service, &dump.decoded));
        }
        found
    }

    /// Key material never goes over the wire: it is in files.
    fn note_keys(&self) {
        for service in ["tenant", "identity", "mfa"] {
            for file in files(&self.directory.join(service), "key") {
                if let Ok(key) = BASE64.decode(file.trim().as_bytes()) {
                    self.secrets.saw_bytes("a keyring's key", key);
                }
            }
        }
        for file in files(&self.directory.join("certificates"), "key") {
            let body: String = file.lines().filter(|line| !line.starts_with("-----")).collect();
            let key = BASE64.decode(body.as_bytes()).unwrap_or_default();
            // PKCS #8 of an elliptic curve: the private key is the first octet string of 32 bytes (RFC 5915).
            if let Some(start) = key.windows(2).position(|pair| pair == [4, 32])
                && let Some(private) = key.get(start + 2..start + 34)
            {
                self.secrets.saw_bytes("a certificate's key", private.to_vec());
            }
        }
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        // A test that fails has its own say.
        if self.is_kept && !std::thread::panicking() {
            let found = self.inspect();
            assert!(found.is_empty(), "secrets are where they must not be: {found:#?}");
        }
    }
}

fn within(scanner: &Scanner, place: &str, haystack: &[u8]) -> Vec<Finding> {
    let placed = |finding: Finding| Finding { context: format!("{place}: {}", finding.context), ..finding };
    scanner.search(haystack).into_iter().map(placed).collect()
}

fn files(directory: &Path, extension: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let ours = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    ours.filter_map(|path| fs::read_to_string(path).ok()).collect()
}
