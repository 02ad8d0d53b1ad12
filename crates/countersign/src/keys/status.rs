//! `keys status`.

use keyring::{KeyId, Keyring, next_key};
use proto::keys::{GetKeyStatusResponse, KeyUsage};

use super::replicas::Replicas;
use crate::cli::KeyStatusOptions;
use crate::failure::{During as _, Failure, Outcome};

pub(super) async fn run(options: KeyStatusOptions) -> Outcome<()> {
    let path = options.directory.dir;
    let keyring = Keyring::load(&path).during("read the keyring")?;
    let next = next_key(&path).during("read the keyring")?;
    println!("{}", path.display());
    for id in keyring.key_ids() {
        println!("  {id:<12} {}", word(&id, &keyring, next.as_ref()));
    }
    let report = Replicas::named(options.replicas).await?.ask().await?;
    let mut missing = Vec::new();
    for (replica, answer) in report.answers() {
        println!("{replica}   new secrets under {}", answer.primary_key_id);
        for key in &answer.keys {
            println!("  {}", line(key));
            if !key.is_held {
                missing.push(format!("{replica} lacks {}", key.key_id));
            }
        }
        for cursor in follows(answer) {
            println!("  {cursor}");
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!("secrets do not open: {}", missing.join(", "))))
    }
}

fn word(id: &KeyId, keyring: &Keyring, next: Option<&KeyId>) -> &'static str {
    if *id == keyring.primary() {
        "primary"
    } else if Some(id) == next {
        "to become primary"
    } else {
        ""
    }
}

fn line(key: &KeyUsage) -> String {
    let held = if key.is_held { "held" } else { "MISSING" };
    let mut check = key.check_value.clone();
    // As much as a person compares.
    check.truncate(8);
    format!("{:<12} {held:<8} {:>8} secrets   {check}", key.key_id, key.sealed_secrets)
}

fn follows(answer: &GetKeyStatusResponse) -> impl Iterator<Item = String> {
    answer.followed_cursors.iter().map(|cursor| {
        format!(
            "its place in the log of {} was made under {}'s {}",
            cursor.service, cursor.service, cursor.key_id
        )
    })
}
