//! Where settings come from: flags, then the environment, then one TOML file, then what is built in.
//!
//! The `clap` definition of a service's settings is the only one there is: a value from the file becomes the setting's
//! default, so that it meets the same bounds as one from a flag. Unknown keys are refused. Secrets are never taken from flags,
//! which every user of the machine can read, and never printed; `NAME_FILE` names a file to read one from.

mod document;
mod file;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

pub use document::{keys, markdown, sample};

/// The environment variable that names the file.
const CONFIG: &str = "COUNTERSIGN_CONFIG";
const OWNER_URL: &str = "owner_database_url";

/// What a service's program was told to do.
#[derive(Debug, Clone)]
pub enum Task<C> {
    /// To serve.
    Serve(C),
    /// To bring the database to this program's migrations, as its owner.
    Migrate {
        /// The database, as the role that owns it.
        owner_database_url: String,
    },
    /// To say whether it could serve with these settings.
    CheckConfig(C),
}

/// The command line of a service's program.
#[must_use]
pub fn command<C: Args>(name: &'static str, about: &'static str) -> Command {
    let config = Arg::new("config").long("config").env(CONFIG).value_name("FILE").global(true).help(
        "A TOML file of settings, named as in the environment without COUNTERSIGN_ and in lower case; flags and environment go before it",
    );
    let owner = Arg::new(OWNER_URL)
        .long("owner-database-url")
        .env("COUNTERSIGN_OWNER_DATABASE_URL")
        .hide_env_values(true)
        .required(true)
        .help("The database, as the role that owns it");
    Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .subcommand_required(true)
        .arg(config)
        .subcommand(C::augment_args(Command::new("serve").about("Serve until told to end")))
        .subcommand(
            Command::new("migrate")
                .about("Bring the database to this program's migrations, and end")
                .arg(owner),
        )
        .subcommand(C::augment_args(
            Command::new("check-config").about("Say whether it could serve with these settings, and end"),
        ))
}

/// Reads arguments, environment and file.
///
/// # Errors
/// What cannot be used, in words for the one who runs it; help and version are such "errors", too.
pub fn parse<C: Args + FromArgMatches>(
    command: Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Task<C>, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let refuse = |command: &Command, why: String| command.clone().error(ErrorKind::ValueValidation, why);
    let mut command = command;
    let values = file::values(config_file(&arguments)).map_err(|why| refuse(&command, why))?;
    for task in ["serve", "migrate", "check-config"] {
        let Some(present) = command.find_subcommand(task).cloned() else { continue };
        let filled = file::fill(present, &values, task == "serve").map_err(|why| refuse(&command, why))?;
        command = command.mut_subcommand(task, |_| filled);
    }
    let matches = command.try_get_matches_from_mut(arguments)?;
    let Some((task, matches)) = matches.subcommand() else {
        return Err(command.error(ErrorKind::MissingSubcommand, "serve, migrate or check-config"));
    };
    refuse_secret_flags(&mut command, task, matches)?;
    match task {
        "migrate" => {
            let url = matches.get_one::<String>(OWNER_URL).cloned().unwrap_or_default();
            Ok(Task::Migrate { owner_database_url: url })
        }
        "check-config" => C::from_arg_matches(matches).map(Task::CheckConfig),
        _ => C::from_arg_matches(matches).map(Task::Serve),
    }
}

/// The variables of the environment that begin like ours and are none: typing errors, most likely.
#[must_use]
pub fn unknown_variables(command: &Command, environment: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known = vec![CONFIG.to_owned()];
    for task in command.get_subcommands() {
        for argument in task.get_arguments() {
            let Some(name) = argument.get_env().and_then(|name| name.to_str()) else { continue };
            known.push(name.to_owned());
            if is_secret(argument) {
                known.push(format!("{name}_FILE"));
            }
        }
    }
    environment.into_iter().filter(|name| name.starts_with("COUNTERSIGN_") && !known.contains(name)).collect()
}

/// Whether a setting is never printed.
pub(crate) fn is_secret(argument: &Arg) -> bool {
    argument.is_hide_env_values_set()
}

fn refuse_secret_flags(command: &mut Command, task: &str, matches: &ArgMatches) -> Result<(), clap::Error> {
    let secrets: Vec<String> = command
        .find_subcommand(task)
        .map(|task| {
            task.get_arguments().filter(|one| is_secret(one)).map(|one| one.get_id().to_string()).collect()
        })
        .unwrap_or_default();
    for secret in secrets {
        if matches.value_source(&secret) == Some(ValueSource::CommandLine) {
            let why = format!(
                "{secret} holds a secret, and everybody on this machine can read arguments: give it by the environment, a file it names, or the configuration file"
            );
            return Err(command.error(ErrorKind::ArgumentConflict, why));
        }
    }
    Ok(())
}

/// The file that the arguments or the environment name.
fn config_file(arguments: &[OsString]) -> Option<PathBuf> {
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        if text == "--config" {
            return rest.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os(CONFIG).filter(|path| !path.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests;
