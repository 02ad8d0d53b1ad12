//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr as _;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use types::ServiceName;

/// The one setting here that may hold a secret.
const DATABASE_URL: &str = "database_url";

/// Multi-factor authentication for platforms that sell through resellers.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) up: UpOptions,
}

impl Cli {
    /// Reads the arguments and the environment, or ends the process with what is wrong with them, or with help.
    pub(crate) fn read() -> Self {
        Self::of(std::env::args_os()).unwrap_or_else(|told| told.exit())
    }

    fn of(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(arguments)?;
        let up = matches.subcommand().map_or(&matches, |(_, of_subcommand)| of_subcommand);
        if says_password(up) {
            let why = "the database's URL holds a password, and everybody on this machine can read arguments: give it by COUNTERSIGN_DATABASE_URL";
            return Err(command.error(ErrorKind::ArgumentConflict, why));
        }
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Whether a database's URL was given as an argument, with a password in it or perhaps: what cannot be read may hold one.
fn says_password(matches: &ArgMatches) -> bool {
    let Ok(Some(url)) = matches.try_get_one::<String>(DATABASE_URL) else { return false };
    matches.value_source(DATABASE_URL) == Some(ValueSource::CommandLine)
        && tokio_postgres::Config::from_str(url).map_or(true, |config| config.get_password().is_some())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the whole system on this machine, with demo tenants (the default).
    Up(UpOptions),
    /// Sign a demo user in over the API and print an access token.
    Token(TokenOptions),
    /// Walk the whole journey against a system of its own and check every step.
    Tour,
    /// Create the provider and its first administrator on an empty production system.
    Bootstrap(BootstrapOptions),
    /// Make, rotate and look at the keys that seal a service's secrets.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Let an event log go on after its database was restored.
    #[command(subcommand)]
    Log(LogCommand),
    /// Run one service.
    Serve(ServeOptions),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UpOptions {
    /// Where all state lives.
    #[arg(long, default_value = ".countersign", env = "COUNTERSIGN_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
    /// Use a temporary data directory and forget everything at the end.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// The first port: +1 tenant, +2 identity, +3 mfa, and their ops ports on +4, +5, +6; replica k on the ports +10·k; the private PostgreSQL on the base itself.
    #[arg(long, default_value_t = 7400)]
    pub(crate) port_base: u16,
    /// How many of each service to run.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=20))]
    pub(crate) replicas: u16,
    /// Use this PostgreSQL (a role that may create roles and databases) instead of a private one. With a password in it, only by the
    /// environment: everybody on this machine can read arguments.
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenOptions {
    /// The login of a demo user, as the start printed it.
    pub(crate) login: String,
    /// The data directory of the running system.
    #[arg(long, default_value = ".countersign", env = "COUNTERSIGN_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct BootstrapOptions {
    /// tenant's address, host:port.
    #[arg(long)]
    pub(crate) tenant_addr: String,
    /// identity's address, host:port.
    #[arg(long)]
    pub(crate) identity_addr: String,
    /// The certificate authority, PEM.
    #[arg(long)]
    pub(crate) ca: PathBuf,
    /// The operator's certificate, PEM.
    #[arg(long)]
    pub(crate) cert: PathBuf,
    /// The operator's key, PEM.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// The provider's display name; authenticator apps show it.
    #[arg(long)]
    pub(crate) name: String,
    /// The realm of the provider's logins, often its mail domain.
    #[arg(long)]
    pub(crate) realm: String,
    /// The first administrator's login, name@realm.
    #[arg(long)]
    pub(crate) login: String,
    /// The first administrator's display name.
    #[arg(long, default_value = "Administrator")]
    pub(crate) display_name: String,
    /// A file whose first line is the first administrator's password; without it one is made and printed.
    #[arg(long)]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a keyring of one fresh key in a directory that holds none.
    Generate(KeyDirectoryOptions),
    /// Give new secrets a fresh key, under traffic; or, with --retire, remove keys that nothing uses any more.
    Rotate(RotateOptions),
    /// Publish the key that signs access tokens next; it signs in ten minutes. (By itself that happens every `signing_key_days`.)
    RotateSigningKey(SigningKeyOptions),
    /// Show the keys of a directory, what the replicas hold, and how many secrets are sealed under each.
    Status(KeyStatusOptions),
}

#[derive(Debug, Args)]
pub(crate) struct SigningKeyOptions {
    /// identity's address, host:port.
    #[arg(long)]
    pub(crate) identity_addr: String,
    /// The certificate authority, PEM.
    #[arg(long)]
    pub(crate) ca: PathBuf,
    /// The operator's certificate, PEM.
    #[arg(long)]
    pub(crate) cert: PathBuf,
    /// The operator's key, PEM.
    #[arg(long)]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct KeyDirectoryOptions {
    /// The keyring's directory, one for each service.
    #[arg(long)]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct KeyStatusOptions {
    #[command(flatten)]
    pub(crate) directory: KeyDirectoryOptions,
    #[command(flatten)]
    pub(crate) replicas: ReplicaOptions,
}

#[derive(Debug, Args)]
pub(crate) struct RotateOptions {
    #[command(flatten)]
    pub(crate) directory: KeyDirectoryOptions,
    #[command(flatten)]
    pub(crate) replicas: ReplicaOptions,
    /// Remove the keys that nothing is sealed under any more.
    #[arg(long, requires = "service")]
    pub(crate) retire: bool,
    /// Where the replicas cannot be asked: every one of them holds the new key; make it primary.
    #[arg(long, conflicts_with_all = ["service", "retire"])]
    pub(crate) distributed: bool,
    /// How long to wait for the replicas, in seconds. What is not done by then goes on when the command is given again.
    #[arg(long, default_value_t = 900)]
    pub(crate) patience: u64,
}

#[derive(Debug, Args)]
pub(crate) struct ReplicaOptions {
    /// Replicas, NAME=HOST:PORT, separated by commas: all of the service whose keyring it is, and those of the services that
    /// follow its log. A host name stands for all its addresses.
    #[arg(long, value_delimiter = ',', requires_all = ["ca", "cert", "key"])]
    pub(crate) service: Vec<String>,
    /// The certificate authority, PEM.
    #[arg(long)]
    pub(crate) ca: Option<PathBuf>,
    /// The operator's certificate, PEM.
    #[arg(long)]
    pub(crate) cert: Option<PathBuf>,
    /// The operator's key, PEM.
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Begin a new epoch of a service's log, after its database was restored: its sequencer goes on.
    Rebaseline(LogDatabaseOptions),
    /// Read a followed log again from its beginning, after it was re-baselined: for each service that follows it.
    FollowAgain(FollowAgainOptions),
}

#[derive(Debug, Args)]
pub(crate) struct LogDatabaseOptions {
    /// A file that holds the URL of the service's database, as the role that owns it.
    #[arg(long)]
    pub(crate) owner_database_url_file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct FollowAgainOptions {
    #[command(flatten)]
    pub(crate) database: LogDatabaseOptions,
    /// Whose log: tenant, identity or mfa.
    #[arg(long)]
    pub(crate) log: ServiceName,
}

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// End when standard input closes: for a parent that starts this as a child.
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
    /// Which: tenant, identity or mfa.
    pub(crate) service: ServiceName,
    /// What the service's own program takes behind `serve`; --help lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[cfg(test)]
mod tests;
