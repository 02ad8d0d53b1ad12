//! A service as a program: what it is told to do, and doing it.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use clock::{SharedClock, SystemClock};
use store::{MigrationSet, PoolOptions, Store};
use telemetry::TelemetryOptions;
use tokio::signal::unix::{SignalKind, signal};
use types::ServiceName;

use crate::settings::{self, Task};
use crate::{App, HostConfig, StartError};

/// How long the last words of telemetry are waited for.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// A service, as far as running it goes. Implemented by each service's `app.rs`.
pub trait Service {
    /// What it is told.
    type Config: clap::Args + FromArgMatches + AsRef<HostConfig> + fmt::Debug + Send;
    /// Its name, which its program has, too.
    const NAME: ServiceName;
    /// What it is there for, in one line.
    const ABOUT: &'static str;

    /// What the database needs, in order. Run by its owner.
    fn migrations() -> Vec<MigrationSet>;

    /// The addresses of the services that it talks to.
    fn peers(config: &Self::Config) -> Vec<(&'static str, &[String])>;

    /// Whether its own settings fit together.
    ///
    /// # Errors
    /// They do not.
    fn check(config: &Self::Config) -> Result<(), StartError>;

    /// Starts it; it can be reached when this returns.
    ///
    /// # Errors
    /// What it was told cannot be used.
    fn start(
        config: Self::Config,
        clock: SharedClock,
    ) -> impl Future<Output = Result<App, StartError>> + Send;
}

/// Runs a service until SIGTERM or SIGINT, or until `until` is over: with its telemetry, from the first line to the last.
///
/// # Errors
/// As [`Service::start`]; [`StartError::Keys`] when the keys turn out not to fit after it.
pub async fn run<S: Service>(config: S::Config, until: impl Future<Output = ()>) -> Result<(), StartError> {
    let telemetry = telemetry::start(&telemetry_of::<S>(config.as_ref()))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signal)?;
    let outcome = match S::start(config, SystemClock::shared()).await {
        Ok(app) => {
            let outcome = tokio::select! {
                _ = terminate.recv() => Ok(()),
                _ = interrupt.recv() => Ok(()),
                () = until => Ok(()),
                refused = app.keys_refused() => Err(refused.into()),
                () = app.cut_off() => Err(StartError::CutOff),
            };
            app.shutdown().await;
            outcome
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        tracing::error!(%error, "{} cannot go on", S::NAME);
    }
    let last_words = tokio::task::spawn_blocking(|| telemetry.shutdown());
    // A collector that is down costs telemetry, and not the end.
    drop(tokio::time::timeout(LAST_WORDS, last_words).await);
    outcome
}

/// What a service is told by the arguments behind its name, the environment and its file, where another program runs it: as
/// by its own `serve`, with the same bounds, and secrets never by flag. Variables of other programs are not looked at.
///
/// # Errors
/// What cannot be used, in words for the one who runs it; help is such an "error", too.
pub fn told<S: Service>(arguments: impl IntoIterator<Item = OsString>) -> Result<S::Config, clap::Error> {
    let mut command = settings::command::<S::Config>(S::NAME.as_str(), S::ABOUT);
    let own = [S::NAME.as_str(), "serve"].map(OsString::from);
    match settings::parse::<S::Config>(command.clone(), own.into_iter().chain(arguments))? {
        Task::Serve(config) => Ok(config),
        Task::Migrate { .. } | Task::CheckConfig(_) => {
            Err(command.error(ErrorKind::InvalidSubcommand, "only serve is run this way"))
        }
    }
}

/// The whole of a service's `main`.
#[must_use]
pub fn main<S: Service>() -> ExitCode {
    let command = settings::command::<S::Config>(S::NAME.as_str(), S::ABOUT);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = settings::unknown_variables(&command, names);
    if !unknown.is_empty() {
        return failed::<S>(&format!("the environment sets what is no setting: {}", unknown.join(", ")));
    }
    let task = match settings::parse::<S::Config>(command, std::env::args_os()) {
        Ok(task) => task,
        Err(told) => told.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed::<S>(&error),
    };
    let outcome = match task {
        // What ends it is told as a log line.
        Task::Serve(config) => {
            let outcome = runtime.block_on(run::<S>(config, std::future::pending()));
            runtime.shutdown_timeout(Duration::from_secs(1));
            return match outcome {
                Ok(()) => ExitCode::SUCCESS,
                Err(error @ StartError::Telemetry(_)) => failed::<S>(&error),
                Err(_) => ExitCode::FAILURE,
            };
        }
        Task::Migrate { owner_database_url } => runtime.block_on(migrate::<S>(&owner_database_url)),
        Task::CheckConfig(config) => runtime.block_on(async { check::<S>(&config) }).map_err(Into::into),
    };
    match outcome {
        Ok(done) => said(&done),
        Err(error) => failed::<S>(&*error),
    }
}

type Told = Result<String, Box<dyn std::error::Error>>;

async fn migrate<S: Service>(owner_database_url: &str) -> Told {
    let levels: Vec<String> = S::migrations().iter().map(|set| set.need().to_string()).collect();
    store::migrate(owner_database_url, S::migrations()).await?;
    Ok(format!("the database is at {}", levels.join(", ")))
}

/// Whether it could serve with these settings, as far as that can be told without asking anybody.
fn check<S: Service>(config: &S::Config) -> Result<String, StartError> {
    let host = config.as_ref();
    for url in [&host.database_url, &host.sequencer_database_url] {
        Store::connect_lazily(url, PoolOptions::default())?;
    }
    keyring::Keyring::load(&host.keyring_dir)?;
    for (peer, addresses) in S::peers(config) {
        rpc::PeerChannel::connect_lazily_in(&host.trust_domain, addresses.to_vec(), &host.tls(), peer)?;
    }
    telemetry_of::<S>(host).check()?;
    S::check(config)?;
    Ok(format!("{} can serve with these settings", S::NAME))
}

fn telemetry_of<S: Service>(host: &HostConfig) -> TelemetryOptions {
    TelemetryOptions {
        service: S::NAME.as_str(),
        log_format: host.log_format,
        otlp_endpoint: host.ops.otlp_endpoint.clone().filter(|endpoint| !endpoint.is_empty()),
        trace_ratio: host.ops.trace_ratio,
    }
}

#[expect(clippy::print_stdout, reason = "a command that ends says what it did")]
fn said(done: &str) -> ExitCode {
    println!("{done}");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "there is no log yet, or the command is none that logs")]
fn failed<S: Service>(why: &(impl fmt::Display + ?Sized)) -> ExitCode {
    eprintln!("{}: {why}", S::NAME);
    ExitCode::FAILURE
}
