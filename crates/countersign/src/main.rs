//! The operator's binary.
//!
//! Without a subcommand it is `up`: the whole system on this machine. Each subcommand is a module; this file only
//! parses and dispatches. Nothing of the services' work is done here: they run as children of this same binary.

#![expect(clippy::print_stdout, reason = "a command-line tool prints")]

mod authenticator;
mod bootstrap;
mod cli;
mod demo;
mod env_file;
mod failure;
mod keys;
mod layout;
mod log;
mod platform;
mod serve;
mod system;
mod token;
mod tour;
mod up;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::read();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&failure::Failure::new(format!("no runtime: {error}"))),
    };
    let outcome = runtime.block_on(async {
        match cli.command.unwrap_or(Command::Up(cli.up)) {
            Command::Up(options) => up::run(options).await,
            Command::Token(options) => token::run(options).await,
            Command::Log(command) => log::run(command).await,
            Command::Tour => tour::run().await,
            Command::Bootstrap(options) => bootstrap::run(options).await,
            Command::Keys(command) => keys::run(command).await,
            Command::Serve(options) => serve::run(options).await,
        }
    });
    // Not waited for: reading standard input cannot be interrupted.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a failed command")]
fn report(failure: &failure::Failure) -> ExitCode {
    eprintln!("countersign: {failure}");
    ExitCode::FAILURE
}
