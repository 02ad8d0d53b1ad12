//! What a caller may choose about a private server.

use std::path::PathBuf;

use super::download::default_cache;

/// Where a server's files lie, and so how long they live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this directory, found again by the next start.
    Kept(PathBuf),
    /// In a fresh temporary directory that goes when the server goes.
    Ephemeral,
}

/// How to run a private server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its files lie.
    pub place: Place,
    /// The port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// Server settings (`-c key=value`); a later one wins over an earlier one of the same key.
    pub settings: Vec<(String, String)>,
    /// Whether the server must end when this process ends, however it ends (kill -9 included). If not, a
    /// server left behind is found and stopped by the next start on the same directory.
    pub die_with_parent: bool,
    /// Where downloaded binaries are kept. See [`default_cache`].
    pub cache: PathBuf,
}

impl Options {
    /// A server whose data is worth something: everything is flushed to disk.
    #[must_use]
    pub fn kept(home: impl Into<PathBuf>) -> Self {
        let settings = [
            ("max_connections", "100"),
            ("shared_buffers", "64MB"),
            // After a crash: one call for the file system instead of one for each of thousands of files.
            #[cfg(target_os = "linux")]
            ("recovery_init_sync_method", "syncfs"),
        ];
        Self::at(Place::Kept(home.into()), &settings)
    }

    /// A server for one run: nothing is flushed, everything is removed at the end. What was committed still
    /// survives the death of the server's processes, just not of the machine. Because the removal is
    /// the watchdog's work too, such a server always dies with its parent.
    #[must_use]
    pub fn ephemeral() -> Self {
        let settings = [
            ("max_connections", "200"),
            ("shared_buffers", "64MB"),
            ("fsync", "off"),
            ("full_page_writes", "off"),
        ];
        Self::at(Place::Ephemeral, &settings)
    }

    fn at(place: Place, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { place, port: None, settings, die_with_parent: true, cache: default_cache() }
    }

    /// Listens on this port instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Adds a server setting, over whatever stood there for the same key.
    #[must_use]
    pub fn setting(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    /// Says whether the server ends with this process; no effect on an ephemeral one.
    #[must_use]
    pub fn die_with_parent(mut self, die: bool) -> Self {
        self.die_with_parent = die;
        self
    }
}
