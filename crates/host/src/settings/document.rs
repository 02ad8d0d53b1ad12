//! The settings as a page to read and as a file to begin with, both made from their one definition.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::is_secret;

/// The settings of a program as a Markdown table, as far as `is_wanted` by their keys.
#[must_use]
pub fn markdown(command: &Command, is_wanted: impl Fn(&str) -> bool) -> String {
    let mut text = String::from("| key in the file | environment | default | meaning |\n|---|---|---|---|\n");
    for argument in settings(command).filter(|argument| is_wanted(argument.get_id().as_str())) {
        let environment = variable(argument);
        let secret = if is_secret(argument) {
            " A secret: never by flag; also from the file that the key with `_file` (the variable with `_FILE`) names."
        } else {
            ""
        };
        let default = match default(argument) {
            Some(value) if value.is_empty() => "empty".to_owned(),
            Some(value) => format!("`{value}`"),
            None if argument.is_required_set() => "**required**".to_owned(),
            None => "none".to_owned(),
        };
        let _ = writeln!(
            text,
            "| `{}` | `{environment}` | {default} | {}.{secret} |",
            argument.get_id(),
            help(argument)
        );
    }
    text
}

/// The keys of a program's settings.
pub fn keys(command: &Command) -> impl Iterator<Item = &str> {
    settings(command).map(|argument| argument.get_id().as_str())
}

/// A file of settings to begin with: what must be set, set to an example; everything else commented out, with its default.
/// A secret is a file's name.
#[must_use]
pub fn sample(command: &Command, example: impl Fn(&str) -> String) -> String {
    let mut text = format!(
        "# Settings of {}. Each is also a flag and an environment variable, which go before this file.\n",
        command.get_name()
    );
    for argument in settings(command) {
        let id = argument.get_id();
        let _ = write!(text, "\n# {}.\n", help(argument));
        let value = default(argument).unwrap_or_else(|| example(id.as_str()));
        let secret = if is_secret(argument) { "_file" } else { "" };
        let comment = if argument.is_required_set() { "" } else { "#" };
        let value = if value.parse::<f64>().is_ok() { value } else { format!("{value:?}") };
        let _ = writeln!(text, "{comment}{id}{secret} = {value}");
    }
    text
}

fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    let serve = command.find_subcommand("serve");
    serve
        .into_iter()
        .flat_map(Command::get_arguments)
        .filter(|argument| argument.get_env().is_some() && !argument.is_global_set())
}

fn variable(argument: &Arg) -> String {
    argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn default(argument: &Arg) -> Option<String> {
    let values = argument.get_default_values();
    (!values.is_empty())
        .then(|| values.iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(","))
}

fn help(argument: &Arg) -> String {
    let help =
        argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
    help.replace('\n', " ").replace("  ", " ").trim_end_matches('.').to_owned()
}
