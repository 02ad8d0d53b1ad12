//! `DATA_DIR/env`: the contract for scripts. `KEY=value` lines, absolute paths, no quotes.

use std::collections::BTreeMap;
use std::path::Path;

use crate::failure::{During as _, Failure, Outcome};
use crate::layout::write_private;

/// The lines, in the order they are written.
#[derive(Debug, Default)]
pub(crate) struct EnvFile {
    lines: Vec<(String, String)>,
}

impl EnvFile {
    pub(crate) fn set(&mut self, key: impl Into<String>, value: impl ToString) {
        self.lines.push((key.into(), value.to_string()));
    }

    /// Writes the file, readable by its owner only: it holds passwords.
    pub(crate) fn write(&self, path: &Path) -> Outcome<()> {
        let text: String = self.lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        write_private(path, text.as_bytes()).during(format!("write {}", path.display()))
    }
}

/// An env file as it was read.
#[derive(Debug)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(path)
            .during(format!("read {} (is the system up, with this data directory?)", path.display()))?;
        let lines = text.lines().filter_map(|line| line.split_once('='));
        Ok(Self(lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }

    pub(crate) fn get(&self, key: &str) -> Outcome<&str> {
        self.find(key).ok_or_else(|| Failure::new(format!("the env file has no {key}")))
    }

    pub(crate) fn find(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The prefix of the demo user with this login: `RESELLER_A_ADMIN` for `RESELLER_A_ADMIN_LOGIN=…`.
    pub(crate) fn prefix_of_login(&self, login: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, value)| value.as_str() == login)
            .and_then(|(key, _)| key.strip_suffix("_LOGIN"))
    }

    /// The logins it names.
    pub(crate) fn logins(&self) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key.ends_with("_LOGIN")).map(|(_, value)| value.as_str()).collect()
    }
}
