//! `serve`: one service in this process.

use tokio::io::AsyncReadExt as _;

use crate::cli::{ServeOptions, Service};
use crate::failure::{During as _, Outcome};

pub(crate) async fn run(options: ServeOptions) -> Outcome<()> {
    let until = async {
        if options.until_stdin_closes {
            stdin_closes().await;
        } else {
            std::future::pending().await
        }
    };
    match options.service {
        Service::Tenant(config) => tenant::run(config, until).await.during("run tenant"),
        Service::Identity(config) => identity::run(config, until).await.during("run identity"),
        Service::Mfa(config) => mfa::run(config, until).await.during("run mfa"),
    }
}

/// Waits for the end of standard input: so a service never outlives the process that started it, even one that was killed
/// without a word.
async fn stdin_closes() {
    let mut stdin = tokio::io::stdin();
    let mut byte = [0; 1];
    while matches!(stdin.read(&mut byte).await, Ok(1..)) {}
}
