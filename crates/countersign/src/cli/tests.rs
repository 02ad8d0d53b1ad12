use super::*;

fn of(arguments: &[&str]) -> Result<Cli, String> {
    let arguments = ["countersign"].iter().chain(arguments).map(OsString::from);
    Cli::of(arguments).map_err(|error| error.to_string())
}

/// Every argument of a command and of those below it, with the way to it.
fn arguments(command: &clap::Command, way: &str, found: &mut Vec<(String, String)>) {
    for argument in command.get_arguments() {
        found.push((way.to_owned(), argument.get_id().to_string()));
    }
    for below in command.get_subcommands() {
        arguments(below, &format!("{way} {}", below.get_name()), found);
    }
}

#[test]
fn what_may_hold_a_secret_is_a_file_but_for_the_one_that_is_looked_at() {
    let mut found = Vec::new();
    arguments(&Cli::command(), "countersign", &mut found);
    assert!(found.len() > 30, "{found:?}");
    let sounds =
        |id: &str| ["url", "password", "secret", "token", "code"].iter().any(|word| id.contains(word));
    let secrets = found.iter().filter(|(_, id)| sounds(id) && !id.ends_with("_file"));
    let secrets: Vec<_> = secrets.map(|(way, id)| (way.as_str(), id.as_str())).collect();
    assert_eq!(secrets, [("countersign", DATABASE_URL), ("countersign up", DATABASE_URL)]);
}

#[test]
fn a_password_in_an_argument_is_refused_and_not_repeated() {
    for arguments in [
        &["--database-url", "postgres://root:s3cret@db.example/x"][..],
        &["up", "--database-url=postgres://root:s3cret@db.example/x"],
        &["up", "--database-url", "host=db.example password=s3cret"],
        &["--database-url", "postgres://root:s3cret@:what"],
    ] {
        let told = of(arguments).unwrap_err();
        assert!(told.contains("COUNTERSIGN_DATABASE_URL") && !told.contains("s3cret"), "{told}");
    }
    let url = "postgres://root@/x?host=/run/postgresql";
    let Ok(Cli { command: Some(Command::Up(up)), .. }) = of(&["up", "--database-url", url]) else {
        panic!("without a password it is taken")
    };
    assert_eq!(up.database_url.as_deref(), Some(url));
}

#[test]
fn what_stands_behind_a_services_name_is_the_services() {
    let arguments = ["serve", "--until-stdin-closes", "mfa", "--listen", "127.0.0.1:1", "--help"];
    let Ok(Cli { command: Some(Command::Serve(serve)), .. }) = of(&arguments) else { panic!("it is taken") };
    assert_eq!((serve.service, serve.until_stdin_closes), (ServiceName::Mfa, true));
    assert_eq!(serve.arguments, ["--listen", "127.0.0.1:1", "--help"]);
}
