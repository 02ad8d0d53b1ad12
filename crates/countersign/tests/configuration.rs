//! docs/configuration.md and the sample files are what the code says, and the samples are files that a service takes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, FromArgMatches};
use host::settings::{self, Task};
use host::{HostConfig, Service};

const HEAD: &str = "\
# Configuration

Generated from the code; do not edit. `COUNTERSIGN_WRITE_DOCS=1 cargo test -p countersign --test configuration` writes it anew.

Each service is one program, `tenant`, `identity` or `mfa`, with three tasks:

| command | does |
|---|---|
| `SERVICE serve` | serves until SIGTERM or SIGINT |
| `SERVICE migrate` | brings the database to this program's migrations, as the role that owns it (`COUNTERSIGN_OWNER_DATABASE_URL` or `…_FILE`), and ends |
| `SERVICE check-config` | says whether it could serve with these settings, without asking anybody, and ends: 0 or not |

A setting comes from a flag (`--ops-listen`), else from the environment (`COUNTERSIGN_OPS_LISTEN`), else from one TOML file (`ops_listen`), which
`--config` or `COUNTERSIGN_CONFIG` names, else from what is built in. A key or a `COUNTERSIGN_…` variable that is no setting is refused, and so is
a value out of its bounds, before anything begins. Secrets are taken from the environment or from files alone, and never printed. A file to
begin with is `services/SERVICE/config/sample.toml`.
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn command<S: Service>() -> Command {
    settings::command::<S::Config>(S::NAME.as_str(), S::ABOUT)
}

/// What the samples hold where something must be set, or where nothing is built in.
fn example(service: &str, key: &str) -> String {
    match key {
        "listen" => "0.0.0.0:7443".to_owned(),
        "database_url" | "sequencer_database_url" => {
            format!("/etc/countersign/{service}/{}", key.replace('_', "-"))
        }
        "keyring_dir" => format!("/etc/countersign/{service}/keyring"),
        "tls_ca" => format!("/etc/countersign/{service}/tls/ca.crt"),
        "tls_cert" => format!("/etc/countersign/{service}/tls/tls.crt"),
        "tls_key" => format!("/etc/countersign/{service}/tls/tls.key"),
        "otlp_endpoint" => "http://127.0.0.1:4317".to_owned(),
        "ntp_server" => "ntp.example:123".to_owned(),
        "tenant_addr" => "tenant.example:7443".to_owned(),
        "identity_addr" => "identity.example:7443".to_owned(),
        "mfa_addr" => "mfa.example:7443".to_owned(),
        "broker_peers" => "broker".to_owned(),
        "hashing_permits" => "2".to_owned(),
        "hashing_queue" => "128".to_owned(),
        other => panic!("{other} has neither a default nor an example"),
    }
}

fn sample<S: Service>() -> String {
    settings::sample(&command::<S>(), |key| example(S::NAME.as_str(), key))
}

fn page() -> String {
    let common = settings::command::<HostConfig>("host", "");
    let common_keys: Vec<&str> = settings::keys(&common).collect();
    let own = |command: Command| settings::markdown(&command, |key| !common_keys.contains(&key));
    let (tenant, identity) = (own(command::<tenant::Program>()), own(command::<identity::Program>()));
    format!(
        "{HEAD}\n## Every service\n\n{}\n## tenant\n\n{tenant}\n## identity\n\n{identity}\n## mfa\n\n{}",
        settings::markdown(&common, |_| true),
        own(command::<mfa::Program>()),
    )
}

/// Writes a generated file where that is asked for; else it must be what is generated.
fn holds(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("COUNTERSIGN_WRITE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        found,
        text,
        "{} is not what the code says: COUNTERSIGN_WRITE_DOCS=1 cargo test -p countersign --test configuration",
        path.display()
    );
}

#[test]
fn the_page_and_the_samples_are_what_the_code_says() {
    holds("docs/configuration.md", &page());
    holds("services/tenant/config/sample.toml", &sample::<tenant::Program>());
    holds("services/identity/config/sample.toml", &sample::<identity::Program>());
    holds("services/mfa/config/sample.toml", &sample::<mfa::Program>());
}

/// The sample file, whose secrets lie in this directory instead.
fn sample_in<S: Service>(directory: &Path, uncomment: bool) -> PathBuf {
    let place = format!("/etc/countersign/{}", S::NAME);
    let text = fs::read_to_string(root().join(format!("services/{}/config/sample.toml", S::NAME))).unwrap();
    let mut text = text.replace(&place, directory.to_str().unwrap());
    if uncomment {
        // A comment has a blank behind its mark.
        let lines = text.lines().map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => setting,
            _ => line,
        });
        text = lines.collect::<Vec<_>>().join("\n");
    }
    let file = directory.join("sample.toml");
    fs::write(&file, text).unwrap();
    for secret in ["database-url", "sequencer-database-url"] {
        fs::write(directory.join(secret), "postgres://somebody@somewhere/something\n").unwrap();
    }
    file
}

/// The settings of the sample file.
fn parsed<S: Service>(uncomment: bool) -> S::Config
where
    S::Config: Args + FromArgMatches,
{
    let directory = tempfile::tempdir().unwrap();
    let file = sample_in::<S>(directory.path(), uncomment);
    let arguments = [S::NAME.as_str(), "serve", "--config", file.to_str().unwrap()].map(OsString::from);
    match settings::parse::<S::Config>(command::<S>(), arguments).unwrap() {
        Task::Serve(config) => config,
        other => panic!("{other:?}"),
    }
}

/// Every flag of a program that would hold a secret, with the task it belongs to, and what the program says to it.
fn refusals<S: Service>() -> Vec<(String, String, String)> {
    let directory = tempfile::tempdir().unwrap();
    let file = sample_in::<S>(directory.path(), false);
    let mut refusals = Vec::new();
    for task in command::<S>().get_subcommands() {
        for flag in task.get_arguments().filter(|one| one.is_hide_env_values_set()) {
            let flag = format!("--{}", flag.get_long().unwrap());
            let name = S::NAME.as_str();
            let given = [name, task.get_name(), "--config", file.to_str().unwrap(), &flag, SECRET];
            let refused = settings::parse::<S::Config>(command::<S>(), given.map(OsString::from));
            refusals.push((task.get_name().to_owned(), flag, refused.unwrap_err().to_string()));
        }
    }
    refusals
}

const SECRET: &str = "postgres://somebody:s3cret@somewhere/something";

#[test]
fn no_program_takes_a_secret_by_flag() {
    for refusals in
        [refusals::<tenant::Program>(), refusals::<identity::Program>(), refusals::<mfa::Program>()]
    {
        // Two for serve and for check-config, one for migrate.
        assert_eq!(refusals.len(), 5, "{refusals:?}");
        for (task, flag, told) in refusals {
            assert!(told.contains("holds a secret") && !told.contains("s3cret"), "{task} {flag}: {told}");
        }
    }
    // The operator's binary runs a service with the same settings; its own flags are its own test's.
    let directory = tempfile::tempdir().unwrap();
    let file = sample_in::<tenant::Program>(directory.path(), false);
    for flag in ["--database-url", "--sequencer-database-url"] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        let refused = program.args(["serve", "tenant", "--config"]).arg(&file).args([flag, SECRET]).output();
        let refused = refused.unwrap();
        let told = String::from_utf8([refused.stdout, refused.stderr].concat()).unwrap();
        assert!(!refused.status.success());
        assert!(told.contains("holds a secret") && !told.contains("s3cret"), "{flag}: {told}");
    }
}

#[test]
fn every_sample_is_taken_as_it_is_and_with_everything_in_it() {
    for uncomment in [false, true] {
        let tenant = parsed::<tenant::Program>(uncomment);
        assert_eq!(tenant.host.listen.to_string(), "0.0.0.0:7443");
        assert_eq!(tenant.host.ops.ops_listen.to_string(), "127.0.0.1:9464");
        assert_eq!(tenant.host.ops.otlp_endpoint.is_some(), uncomment);
        let identity = parsed::<identity::Program>(uncomment);
        assert_eq!(identity.tenant_addr, ["tenant.example:7443"]);
        assert_eq!(identity.sessions.session_idle_seconds, 3_600);
        let mfa = parsed::<mfa::Program>(uncomment);
        assert_eq!(mfa.host.database_url, "postgres://somebody@somewhere/something");
        assert_eq!(mfa.guessing, mfa::GuessingConfig::default());
    }
}

#[test]
fn no_setting_prints_a_secret_and_every_setting_can_stand_in_the_file() {
    for command in [command::<tenant::Program>(), command::<identity::Program>(), command::<mfa::Program>()] {
        let serve = command.find_subcommand("serve").unwrap();
        for argument in serve.get_arguments() {
            let id = argument.get_id().as_str();
            let variable = argument.get_env().unwrap_or_else(|| panic!("{id} has no variable"));
            assert_eq!(variable.to_str().unwrap(), format!("COUNTERSIGN_{}", id.to_uppercase()));
            let tells = id.ends_with("_url") || id.contains("password") || id.contains("credential");
            assert_eq!(argument.is_hide_env_values_set(), tells, "{id}");
        }
    }
}
