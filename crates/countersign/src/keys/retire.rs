//! `keys rotate --retire`: removing keys that nothing uses any more.

use std::time::Duration;

use keyring::{KeyDirectory, KeyId};

use super::replicas::Replicas;
use super::report::Report;
use crate::cli::RotateOptions;
use crate::failure::{During as _, Failure, Outcome};

pub(super) async fn run(options: RotateOptions) -> Outcome<()> {
    let directory = KeyDirectory::open(&options.directory.dir).during("take the keyring")?;
    let replicas = Replicas::named(options.replicas).await?;
    let keyring = directory.keyring().during("read the keyring")?;
    let (primary, next) = (keyring.primary(), directory.next().during("read the keyring")?);
    let old: Vec<KeyId> =
        keyring.key_ids().into_iter().filter(|id| *id != primary && Some(id) != next.as_ref()).collect();
    if old.is_empty() {
        println!("{primary} is the only key: there is nothing to remove");
        return Ok(());
    }
    let owner = replicas.ask().await?.owner(&keyring)?;
    let mut kept = Vec::new();
    for id in old {
        // Asked anew for each: what was true for the last one need not be for this one.
        match needs(&replicas.ask().await?, &owner, &primary, &id) {
            Some(why) => kept.push(format!("{id}: {why}")),
            None => remove(&directory, &replicas, &owner, &id, Duration::from_secs(options.patience)).await?,
        }
    }
    if kept.is_empty() { Ok(()) } else { Err(Failure::new(format!("still needed: {}", kept.join("; ")))) }
}

/// Why a key cannot go yet.
fn needs(report: &Report, owner: &str, primary: &KeyId, id: &KeyId) -> Option<String> {
    let other = report.not_using(owner, primary);
    if !other.is_empty() {
        return Some(format!("{} may still seal under it", other.join(", ")));
    }
    if let Some(secrets) = report.left_under_others(owner, primary).get(id.as_str()) {
        return Some(format!("{secrets} secrets are sealed under it"));
    }
    let following = report.following_by(owner, id);
    (!following.is_empty())
        .then(|| format!("the places in the log of {} were made under it", following.join(", ")))
}

async fn remove(
    directory: &KeyDirectory,
    replicas: &Replicas,
    owner: &str,
    id: &KeyId,
    patience: Duration,
) -> Outcome<()> {
    directory.remove(id).during(format!("remove {id}"))?;
    println!("{id} is removed from the directory");
    let gone = |report: &Report| match report.holding(owner, id) {
        holding if holding.is_empty() => Ok(()),
        holding => Err(format!("{id} is still held by {}", holding.join(", "))),
    };
    replicas.until(patience, gone).await?;
    println!("no replica of {owner} holds {id} any more");
    Ok(())
}
