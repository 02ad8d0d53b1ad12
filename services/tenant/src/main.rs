//! The tenant service as a program: parses arguments and runs it.

use std::process::ExitCode;

use clap::Parser;

/// The tree of organisations: provider, resellers, companies.
#[derive(Debug, Parser)]
#[command(name = "tenant", version, about)]
struct Arguments {
    #[command(flatten)]
    config: tenant::Config,
}

#[tokio::main]
async fn main() -> ExitCode {
    match tenant::run(Arguments::parse().config, std::future::pending()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "tenant cannot go on");
            ExitCode::FAILURE
        }
    }
}
