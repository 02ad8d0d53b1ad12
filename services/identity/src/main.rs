//! The identity service as a program: parses arguments and runs it.

use std::process::ExitCode;

use clap::Parser;

/// Users, sign-ins, sessions and access tokens.
#[derive(Debug, Parser)]
#[command(name = "identity", version, about)]
struct Arguments {
    #[command(flatten)]
    config: identity::Config,
}

#[tokio::main]
async fn main() -> ExitCode {
    match identity::run(Arguments::parse().config, std::future::pending()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "identity cannot go on");
            ExitCode::FAILURE
        }
    }
}
