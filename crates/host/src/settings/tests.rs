use std::path::Path;

use super::*;

#[derive(Args, Debug, Clone)]
struct Settings {
    /// Where to listen.
    #[arg(long, env = "COUNTERSIGN_TEST_LISTEN")]
    listen: String,
    /// How many.
    #[arg(long, env = "COUNTERSIGN_TEST_COUNT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=30))]
    count: u8,
    /// Others.
    #[arg(long, env = "COUNTERSIGN_TEST_PEERS", value_delimiter = ',')]
    peers: Vec<String>,
    /// The database.
    #[arg(long, env = "COUNTERSIGN_TEST_DATABASE_URL", hide_env_values = true)]
    database_url: String,
}

fn task(file: &str, flags: &[&str]) -> Result<Settings, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.toml");
    std::fs::write(&path, file.replace("DIR", directory.path().to_str().unwrap())).unwrap();
    std::fs::write(directory.path().join("secret"), "postgres://from-a-file\n").unwrap();
    parse_with(&path, flags)
}

fn parse_with(path: &Path, flags: &[&str]) -> Result<Settings, String> {
    let config = format!("--config={}", path.display());
    let arguments = ["test", "serve", config.as_str()].into_iter().chain(flags.iter().copied());
    let parsed = parse::<Settings>(command::<Settings>("test", "A test."), arguments.map(OsString::from));
    match parsed.map_err(|error| error.to_string())? {
        Task::Serve(settings) => Ok(settings),
        other => panic!("{other:?}"),
    }
}

const FILE: &str =
    "listen = \"a:1\"\ncount = 7\npeers = [\"x\", \"y\"]\ndatabase_url = \"postgres://s3cret\"\n";

#[test]
fn the_file_fills_what_is_required_and_flags_go_before_it() {
    let settings = task(FILE, &[]).unwrap();
    assert_eq!((settings.listen.as_str(), settings.count), ("a:1", 7));
    assert_eq!(settings.peers, ["x", "y"]);
    assert_eq!(settings.database_url, "postgres://s3cret");
    assert_eq!(task(FILE, &["--count", "9"]).unwrap().count, 9);
}

#[test]
fn a_secret_may_lie_in_a_file_of_its_own_but_never_in_a_flag() {
    let file = "listen = \"a:1\"\ndatabase_url_file = \"DIR/secret\"\n";
    assert_eq!(task(file, &[]).unwrap().database_url, "postgres://from-a-file");
    let told = task(FILE, &["--database-url", "postgres://s3cret"]).unwrap_err();
    assert!(told.contains("database_url holds a secret") && !told.contains("s3cret"), "{told}");
}

#[test]
fn what_is_unknown_or_out_of_bounds_is_refused_and_no_secret_is_repeated() {
    for (file, flags, expected) in [
        ("lisen = \"a:1\"\n", &[][..], "\"lisen\""),
        (&FILE.replace("7", "70"), &[], "70"),
        (&FILE.replace("7", "{ a = 1 }"), &[], "count"),
        ("listen = \"a:1\"\ndatabase_url = \"postgres://s3cret", &[], "line 2"),
        ("listen = \"a:1\"\n", &[], "--database-url"),
        ("listen = \"a:1\"\ndatabase_url_file = \"/nowhere\"\n", &[], "/nowhere"),
    ] {
        let told = task(file, flags).unwrap_err();
        assert!(told.contains(expected), "{file:?}: {told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
    assert!(parse_with(Path::new("/nowhere.toml"), &[]).unwrap_err().contains("/nowhere.toml"));
}

#[test]
fn variables_that_begin_like_ours_and_are_none_are_named() {
    let command = command::<Settings>("test", "A test.");
    let environment =
        ["COUNTERSIGN_TEST_LISTEN", "COUNTERSIGN_TEST_DATABASE_URL_FILE", "COUNTERSIGN_LISSEN", "HOME"];
    let unknown = unknown_variables(&command, environment.map(str::to_owned));
    assert_eq!(unknown, ["COUNTERSIGN_LISSEN"]);
}

#[test]
fn page_and_sample_come_from_the_definition_and_the_sample_parses() {
    let command = command::<Settings>("test", "A test.");
    let page = markdown(&command, |key| key != "peers");
    assert!(page.contains("| `count` | `COUNTERSIGN_TEST_COUNT` | `5` | How many. |"), "{page}");
    assert!(page.contains("| `listen` | `COUNTERSIGN_TEST_LISTEN` | **required** |"), "{page}");
    assert!(!page.contains("`peers`"), "{page}");
    assert_eq!(keys(&command).collect::<Vec<_>>(), ["listen", "count", "peers", "database_url"]);
    let sample = sample(&command, |key| match key {
        "listen" => "0.0.0.0:1".to_owned(),
        _ => format!("DIR/{}", if key == "database_url" { "secret" } else { key }),
    });
    let settings = task(&sample, &[]).unwrap();
    assert_eq!((settings.listen.as_str(), settings.count), ("0.0.0.0:1", 5));
    assert_eq!(settings.database_url, "postgres://from-a-file");
}
