//! `log`: what an operator does about the event logs after a restore. The services need not be stopped for it.

use crate::cli::{LogCommand, LogDatabaseOptions};
use crate::failure::{During as _, Outcome};

pub(crate) async fn run(command: LogCommand) -> Outcome<()> {
    match command {
        LogCommand::Rebaseline(options) => {
            let done = eventlog::rebaseline(&owner_url(&options)?).await.during("re-baseline the log")?;
            println!("epoch {} has begun; {} events got a position by it", done.epoch, done.events);
        }
        LogCommand::FollowAgain(options) => {
            let url = owner_url(&options.database)?;
            let stood_at = eventlog::follow_again(&url, options.log).await.during("follow the log again")?;
            println!("the log of {} is read again; it stood at {stood_at}", options.log);
        }
    }
    Ok(())
}

/// From a file: everybody on a machine can read arguments.
fn owner_url(options: &LogDatabaseOptions) -> Outcome<String> {
    let path = &options.owner_database_url_file;
    let text = std::fs::read_to_string(path).during(format!("read {}", path.display()))?;
    Ok(text.trim().to_owned())
}
