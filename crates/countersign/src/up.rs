//! `up`: the whole system, until Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::UpOptions;
use crate::failure::{During as _, Outcome};
use crate::system::{System, SystemOptions};

pub(crate) async fn run(options: UpOptions) -> Outcome<()> {
    telemetry::init("countersign", telemetry::LogFormat::Text);
    // Before anything is started, so that a signal during the start is not lost.
    let mut terminate = signal(SignalKind::terminate()).during("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).during("listen for Ctrl-C")?;

    let temporary =
        options.ephemeral.then(tempfile::tempdir).transpose().during("make a temporary directory")?;
    let data_dir = temporary.as_ref().map_or(options.data_dir, |directory| directory.path().join("data"));
    let settings = SystemOptions {
        data_dir,
        ephemeral: options.ephemeral,
        port_base: options.port_base,
        replicas: options.replicas,
        database_url: options.database_url,
    };
    println!("Starting PostgreSQL and {} services …", 3 * settings.replicas);
    let system = tokio::select! {
        started = System::start(settings) => started?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    print_what_to_try(&system);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    println!("\nStopping …");
    system.stop().await
}

fn print_what_to_try(system: &System) {
    let env = system.layout().env_file().display().to_string();
    let access = system.access("console");
    println!();
    println!("Countersign is up.");
    println!();
    for (service, addresses) in
        [("tenant", access.tenant), ("identity", access.identity), ("mfa", access.mfa)]
    {
        println!("  {service:<9} {}", addresses.join("  "));
    }
    println!();
    println!("Demo users - organisation, login, password, and what a sign-in asks for:");
    println!();
    for [organization, login, password, next] in system.demo().table() {
        println!("  {organization:<22} {login:<34} {password}  {next}");
    }
    println!();
    println!("Try, in another terminal:");
    println!();
    println!(
        "  cargo run -- tour                                   # the whole journey, with a QR code to look at"
    );
    println!("  . {env}");
    println!("  cargo run -- token \"$RESELLER_A_ADMIN_LOGIN\"        # an access token for grpcurl");
    println!("  grpcurl -cacert $CA_CERT -cert $CONSOLE_CERT -key $CONSOLE_KEY \\");
    println!(
        "    -d \"{{\\\"login\\\": \\\"$COMPANY_A1_ADMIN_LOGIN\\\", \\\"password\\\": \\\"$COMPANY_A1_ADMIN_PASSWORD\\\"}}\" \\"
    );
    println!("    $IDENTITY_ADDR countersign.identity.v1.SignInService/StartSignIn");
    println!();
    println!(
        "README.md goes on from there. Ctrl-C stops everything; the data stays in {}.",
        system.layout().root().display()
    );
}
