//! The file of settings, and secrets that lie in files of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use toml::{Table, Value};

use super::is_secret;

/// The file's values by key, as a flag would give them. Without a file there are none.
///
/// # Errors
/// It cannot be read, is no TOML, or holds what is no plain value. The text itself is not repeated: it may be a secret.
pub(super) fn values(path: Option<PathBuf>) -> Result<BTreeMap<String, String>, String> {
    let Some(path) = path else { return Ok(BTreeMap::new()) };
    let place = path.display();
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{place}: {error}"))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line =
            error.span().map_or(0, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        format!("{place}, line {line}: {}", error.message())
    })?;
    table
        .into_iter()
        .map(|(key, value)| match plain(&value) {
            Some(text) => Ok((key, text)),
            None => Err(format!("{place}: {key} is no text, number, truth value, or list of them")),
        })
        .collect()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Array(items) => {
            items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// A task whose settings have the file's values as their defaults. With `refuse_unknown`, every key must be one of its settings.
///
/// # Errors
/// An unknown key; a secret's file that cannot be read.
pub(super) fn fill(
    mut task: Command,
    values: &BTreeMap<String, String>,
    refuse_unknown: bool,
) -> Result<Command, String> {
    let mut known = Vec::new();
    let arguments: Vec<Arg> = task.get_arguments().cloned().collect();
    for argument in &arguments {
        let id = argument.get_id().to_string();
        let of_file = format!("{id}_file");
        let mut value = values.get(&id).cloned();
        if is_secret(argument) {
            let variable = argument.get_env().map(|name| format!("{}_FILE", name.to_string_lossy()));
            let named =
                variable.and_then(std::env::var_os).filter(|path| !path.is_empty()).map(PathBuf::from);
            if let Some(path) = named.or_else(|| values.get(&of_file).map(PathBuf::from)) {
                value = Some(secret(&path)?);
            }
            known.push(of_file);
        }
        if let Some(value) = value {
            task = task.mut_arg(&id, |argument| {
                argument.default_value(value).hide_default_value(true).required(false)
            });
        }
        known.push(id);
    }
    match values.keys().find(|key| refuse_unknown && !known.contains(key)) {
        Some(key) => Err(format!("the configuration file names {key:?}, which is no setting")),
        None => Ok(task),
    }
}

fn secret(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}
