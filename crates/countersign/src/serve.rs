//! `serve`: one service in this process.

use clock::SystemClock;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{ServeOptions, Service};
use crate::failure::{During as _, Outcome};

pub(crate) async fn run(options: ServeOptions) -> Outcome<()> {
    if !options.until_stdin_closes {
        return match options.service {
            Service::Tenant(config) => tenant::run(config).await.during("run tenant"),
            Service::Identity(config) => identity::run(config).await.during("run identity"),
            Service::Mfa(config) => mfa::run(config).await.during("run mfa"),
        };
    }
    let clock = SystemClock::shared();
    match options.service {
        Service::Tenant(config) => {
            telemetry::init("tenant", config.log_format);
            let app = tenant::App::start(config, clock).await.during("start tenant")?;
            told_to_end().await?;
            app.shutdown().await;
        }
        Service::Identity(config) => {
            telemetry::init("identity", config.log_format);
            let app = identity::App::start(config, clock).await.during("start identity")?;
            told_to_end().await?;
            app.shutdown().await;
        }
        Service::Mfa(config) => {
            telemetry::init("mfa", config.log_format);
            let app = mfa::App::start(config, clock).await.during("start mfa")?;
            told_to_end().await?;
            app.shutdown().await;
        }
    }
    Ok(())
}

/// Waits for SIGTERM, SIGINT, or the end of standard input: so a service never outlives the process that started it,
/// even one that was killed without a word.
async fn told_to_end() -> Outcome<()> {
    let mut terminate = signal(SignalKind::terminate()).during("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).during("listen for SIGINT")?;
    let closed = async {
        let mut stdin = tokio::io::stdin();
        let mut byte = [0; 1];
        while matches!(stdin.read(&mut byte).await, Ok(1..)) {}
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = closed => {}
    }
    Ok(())
}
