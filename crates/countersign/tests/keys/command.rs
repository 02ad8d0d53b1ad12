//! Running `countersign keys …`.

use std::path::{Path, PathBuf};
use std::process;

use testkit::TestSystem;
use tokio::task::JoinHandle;
use types::ServiceName;

/// A command to be run.
pub(crate) struct Command {
    directory: PathBuf,
    arguments: Vec<String>,
}

/// What came of it.
pub(crate) struct Output {
    pub(crate) printed: String,
    pub(crate) succeeded: bool,
}

impl Command {
    /// With every replica of a system to ask.
    pub(crate) fn of(system: &TestSystem, service: ServiceName, arguments: &[&str]) -> Self {
        let mut command = Self::alone(&system.keyring_dir(service), arguments);
        command.arguments.extend(system.key_arguments());
        command
    }

    /// With nobody to ask.
    pub(crate) fn alone(directory: &Path, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { directory: directory.to_owned(), arguments }
    }

    /// On another directory.
    pub(crate) fn on(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.directory);
        self
    }

    /// Runs it to its end.
    pub(crate) async fn run(self) -> Output {
        self.start().await.unwrap()
    }

    /// Begins to run it.
    pub(crate) fn start(self) -> JoinHandle<Output> {
        tokio::task::spawn_blocking(move || self.output())
    }

    /// Runs it to its end, on this thread.
    pub(crate) fn output(self) -> Output {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("keys").args(&self.arguments).arg("--dir").arg(&self.directory);
        let output = command.output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        Output { printed, succeeded: output.status.success() }
    }
}
