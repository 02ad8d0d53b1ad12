//! `keys`: the keys that seal a service's secrets - making the first, rotating under traffic, and looking - and the next key that
//! signs access tokens.
//!
//! The directory is changed here; what the replicas hold and need is asked of them. Nothing is remembered between two runs
//! but what lies in the directory.

mod replicas;
mod report;
mod retire;
mod rotate;
mod signing_key;
mod status;

use keyring::Keyring;

use crate::cli::KeysCommand;
use crate::failure::{During as _, Outcome};

pub(crate) async fn run(command: KeysCommand) -> Outcome<()> {
    match command {
        KeysCommand::Generate(options) => {
            let keyring = Keyring::create(&options.dir).during("make a keyring")?;
            println!("{} holds the key {}", options.dir.display(), keyring.primary());
            Ok(())
        }
        KeysCommand::Rotate(options) if options.retire => retire::run(options).await,
        KeysCommand::Rotate(options) => rotate::run(options).await,
        KeysCommand::RotateSigningKey(options) => signing_key::run(options).await,
        KeysCommand::Status(options) => status::run(options).await,
    }
}
