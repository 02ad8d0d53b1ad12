//! `serve`: one service in this process.

use std::ffi::OsString;

use host::Service;
use tokio::io::AsyncReadExt as _;
use types::ServiceName;

use crate::cli::ServeOptions;
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
        ServiceName::Tenant => one::<tenant::Program>(options.arguments, until).await,
        ServiceName::Identity => one::<identity::Program>(options.arguments, until).await,
        ServiceName::Mfa => one::<mfa::Program>(options.arguments, until).await,
    }
}

/// As the service's own program does it.
async fn one<S: Service>(arguments: Vec<OsString>, until: impl Future<Output = ()>) -> Outcome<()> {
    let config = host::told::<S>(arguments).unwrap_or_else(|told| told.exit());
    host::run::<S>(config, until).await.during(format!("run {}", S::NAME))
}

/// Waits for the end of standard input: so a service never outlives the process that started it, even one that was killed
/// without a word.
async fn stdin_closes() {
    let mut stdin = tokio::io::stdin();
    let mut byte = [0; 1];
    while matches!(stdin.read(&mut byte).await, Ok(1..)) {}
}
