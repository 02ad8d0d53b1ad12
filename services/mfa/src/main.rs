//! The mfa service as a program: parses arguments and runs it.

use std::process::ExitCode;

use clap::Parser;

/// Enforcement policy, factors and verification.
#[derive(Debug, Parser)]
#[command(name = "mfa", version, about)]
struct Arguments {
    #[command(flatten)]
    config: mfa::Config,
}

#[tokio::main]
async fn main() -> ExitCode {
    match mfa::run(Arguments::parse().config, std::future::pending()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "mfa cannot go on");
            ExitCode::FAILURE
        }
    }
}
