//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Multi-factor authentication for platforms that sell through resellers.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) up: UpOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the whole system on this machine, with demo tenants (the default).
    Up(UpOptions),
    /// Sign a demo user in over the API and print an access token.
    Token(TokenOptions),
    /// Walk the whole journey against a system of its own and check every step.
    Tour,
    /// Create the provider and its first administrator on an empty production system.
    Bootstrap(BootstrapOptions),
    /// Run one service.
    Serve(ServeOptions),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UpOptions {
    /// Where all state lives.
    #[arg(long, default_value = ".countersign", env = "COUNTERSIGN_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
    /// Use a temporary data directory and forget everything at the end.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// The first port: +1 tenant, +2 identity, +3 mfa; replica k on the ports +10·k; the private PostgreSQL on the base itself.
    #[arg(long, default_value_t = 7400)]
    pub(crate) port_base: u16,
    /// How many of each service to run.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=20))]
    pub(crate) replicas: u16,
    /// Use this PostgreSQL (a role that may create roles and databases) instead of a private one.
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL")]
    pub(crate) database_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenOptions {
    /// The login of a demo user, as the start printed it.
    pub(crate) login: String,
    /// The data directory of the running system.
    #[arg(long, default_value = ".countersign", env = "COUNTERSIGN_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct BootstrapOptions {
    /// tenant's address, host:port.
    #[arg(long)]
    pub(crate) tenant_addr: String,
    /// identity's address, host:port.
    #[arg(long)]
    pub(crate) identity_addr: String,
    /// The certificate authority, PEM.
    #[arg(long)]
    pub(crate) ca: PathBuf,
    /// The operator's certificate, PEM.
    #[arg(long)]
    pub(crate) cert: PathBuf,
    /// The operator's key, PEM.
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// The provider's display name; authenticator apps show it.
    #[arg(long)]
    pub(crate) name: String,
    /// The realm of the provider's logins, often its mail domain.
    #[arg(long)]
    pub(crate) realm: String,
    /// The first administrator's login, name@realm.
    #[arg(long)]
    pub(crate) login: String,
    /// The first administrator's display name.
    #[arg(long, default_value = "Administrator")]
    pub(crate) display_name: String,
    /// A file whose first line is the first administrator's password; without it one is made and printed.
    #[arg(long)]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// End when standard input closes: for a parent that starts this as a child.
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
    #[command(subcommand)]
    pub(crate) service: Service,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// The tree of organisations.
    Tenant(tenant::Config),
    /// Users, sign-ins and sessions.
    Identity(identity::Config),
    /// Policy, factors and verification.
    Mfa(mfa::Config),
}
