//! `keys rotate`: a fresh key for new secrets, then for all.
//!
//! (1) A fresh key comes into the directory, and is not primary. (2) Once every replica holds it, it is made primary: from then
//! on what one seals, all open. (3) The services seal everything anew; this waits. Every step can be taken up again.

use std::time::Duration;

use keyring::{KeyDirectory, KeyId};

use super::replicas::Replicas;
use super::report::Report;
use crate::cli::RotateOptions;
use crate::failure::{During as _, Failure, Outcome};

pub(super) async fn run(options: RotateOptions) -> Outcome<()> {
    let path = options.directory.dir;
    let directory = KeyDirectory::open(&path).during("take the keyring")?;
    let replicas = Replicas::named(options.replicas).await?;
    let patience = Duration::from_secs(options.patience);
    if replicas.is_empty() {
        return alone(&directory, options.distributed);
    }
    let keyring = directory.keyring().during("read the keyring")?;
    let report = replicas.ask().await?;
    let owner = report.owner(&keyring)?;
    if directory.next().during("read the keyring")?.is_none()
        && is_unfinished(&report, &owner, &keyring.primary())
    {
        println!("taking up the rotation to {}", keyring.primary());
    } else {
        let next = begin(&directory)?;
        distribute(&directory, &replicas, &owner, &next, patience).await?;
        promote(&directory, &next)?;
    }
    finish(&directory, &replicas, &owner, patience).await
}

/// Whether an earlier rotation to this key is still under way.
fn is_unfinished(report: &Report, owner: &str, primary: &KeyId) -> bool {
    !report.not_using(owner, primary).is_empty()
        || !report.left_under_others(owner, primary).is_empty()
        || !report.following_by_others(owner, primary).is_empty()
}

/// Without anybody to ask: as far as it goes, or as far as the operator vouches for.
fn alone(directory: &KeyDirectory, distributed: bool) -> Outcome<()> {
    if distributed && directory.next().during("read the keyring")?.is_none() {
        return Err(Failure::new(
            "no rotation is under way here: give the command without --distributed first",
        ));
    }
    let next = begin(directory)?;
    if distributed {
        return promote(directory, &next);
    }
    println!(
        "Next: bring the directory to every replica. Then give the command again, with --service for each of them, or"
    );
    println!("with --distributed if you know that all of them hold {next}.");
    Ok(())
}

fn begin(directory: &KeyDirectory) -> Outcome<KeyId> {
    let next = directory.begin().during("make a key")?;
    println!("{next} is there, and not primary yet");
    Ok(next)
}

fn promote(directory: &KeyDirectory, next: &KeyId) -> Outcome<()> {
    directory.promote().during("make the key primary")?;
    println!("{next} is primary");
    Ok(())
}

async fn distribute(
    directory: &KeyDirectory,
    replicas: &Replicas,
    owner: &str,
    next: &KeyId,
    patience: Duration,
) -> Outcome<()> {
    let keyring = directory.keyring().during("read the keyring")?;
    let value = keyring.check_values().remove(next).ok_or_else(|| Failure::new(format!("{next} is gone")))?;
    let holds = |report: &Report| match report.without(owner, next, &value) {
        lacking if lacking.is_empty() => Ok(()),
        lacking => Err(format!("{next} is not held by {}", lacking.join(", "))),
    };
    replicas.until(patience, holds).await
}

async fn finish(
    directory: &KeyDirectory,
    replicas: &Replicas,
    owner: &str,
    patience: Duration,
) -> Outcome<()> {
    let keyring = directory.keyring().during("read the keyring")?;
    let primary = keyring.primary();
    let holds = |report: &Report| {
        let other = report.not_using(owner, &primary);
        if !other.is_empty() {
            return Err(format!("{primary} is not used yet by {}", other.join(", ")));
        }
        let left = report.left_under_others(owner, &primary);
        let left: Vec<_> = left.iter().map(|(id, secrets)| format!("{secrets} under {id}")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("secrets are sealed {}", left.join(", "))) }
    };
    replicas.until(patience, holds).await?;
    println!("every secret of {owner} is sealed under {primary}");
    let has_moved = |report: &Report| match report.following_by_others(owner, &primary) {
        following if following.is_empty() => Ok(()),
        following => Err(format!(
            "the places in the log of {} were made under another key; they move within seconds where the service runs",
            following.join(", ")
        )),
    };
    replicas.until(patience, has_moved).await?;
    let unused: Vec<_> =
        keyring.key_ids().into_iter().filter(|id| *id != primary).map(|id| id.to_string()).collect();
    if !unused.is_empty() {
        println!("not used any more: {} (`keys rotate --retire` removes it)", unused.join(", "));
    }
    Ok(())
}
