//! What makes a release safe to roll out and to roll back: migrations that are merged stay as they are, the present code serves
//! on the released schema, and what a later release adds to the schema disturbs nobody.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use countersign_tests::Person;
use data_encoding::HEXLOWER;
use store::MigrationSet;
use testkit::{TestDatabase, TestSystem, Tree};

const PATIENCE: Duration = Duration::from_secs(10);
const STEP: time::Duration = time::Duration::seconds(30);
/// Where migrations lie.
const ROOMS: [&str; 5] =
    ["crates/eventlog", "crates/host", "services/identity", "services/mfa", "services/tenant"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn merged_migrations_are_what_they_were() {
    let listed = std::fs::read_to_string(root().join("tests/migrations.sha256")).unwrap();
    let listed: BTreeMap<&str, &str> = listed
        .lines()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(digest, path)| (path, digest))
        .collect();
    let mut found = BTreeSet::new();
    for room in ROOMS {
        for entry in std::fs::read_dir(root().join(room).join("migrations")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            let digest = HEXLOWER.encode(digest(&SHA256, &std::fs::read(&path).unwrap()).as_ref());
            match listed.get(name.as_str()) {
                Some(known) => {
                    assert_eq!(*known, digest, "{name} is merged: write another migration instead");
                }
                None => panic!("{name} is new: append its line to tests/migrations.sha256"),
            }
            found.insert(name);
        }
    }
    let gone: Vec<_> = listed.keys().filter(|path| !found.contains(**path)).collect();
    assert!(gone.is_empty(), "merged migrations are gone: {gone:?}");
}

/// What git says here; none where there is no history to ask, as in an archive of the sources.
fn git(arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("git").arg("-C").arg(root()).args(arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}

/// The commit up to which this one has been merged: where it left `main`. Where it is `main` itself, the commit before it.
fn merged() -> Option<String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    let head = text(git(&["rev-parse", "HEAD"])?);
    let base = ["origin/main", "main"].iter().find_map(|main| git(&["merge-base", main, "HEAD"]));
    match base.map(text) {
        Some(base) if base != head => Some(base),
        _ => git(&["rev-parse", "HEAD^"]).map(text),
    }
}

/// The list in the commit could be changed together with a file. What was merged before it cannot.
#[test]
fn migrations_are_what_they_were_when_they_were_merged() {
    let Some(base) = merged() else {
        println!("there is no history here: compared with tests/migrations.sha256 only");
        return merged_migrations_are_what_they_were();
    };
    println!("compared with {base}");
    let mut compared = 0;
    for room in ROOMS {
        let folder = format!("{room}/migrations/");
        let listed = git(&["ls-tree", "-r", "--name-only", &base, "--", &folder]).unwrap();
        for path in String::from_utf8(listed).unwrap().lines() {
            let before = git(&["show", &format!("{base}:{path}")]).unwrap();
            let now = std::fs::read(root().join(path)).unwrap_or_default();
            assert!(before == now, "{path} is merged: write another migration instead");
            compared += 1;
        }
    }
    assert!(compared > 0, "{base} has no migrations");
}

/// The newest migration of each set in the last release, by the name of its history table.
fn released() -> BTreeMap<String, i64> {
    let text = std::fs::read_to_string(root().join("tests/migrations.released")).unwrap();
    let levels = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    levels
        .map(|line| line.split_once(' ').unwrap())
        .map(|(set, level)| (set.to_owned(), level.parse().unwrap()))
        .collect()
}

/// The migrations of a service up to the released level of each set.
fn up_to_the_release(sets: Vec<MigrationSet>) -> Vec<MigrationSet> {
    let released = released();
    sets.into_iter()
        .map(|mut set| {
            // A set that came later is not there yet.
            let level = released.get(set.history_table).copied().unwrap_or_default();
            set.migrations.retain(|migration| i64::from(migration.version()) <= level);
            set
        })
        .collect()
}

/// Two branches that were merged may each have brought a migration of the same number.
#[test]
fn every_migration_has_a_number_of_its_own() {
    for set in [tenant::migrations(), identity::migrations(), mfa::migrations()].concat_sets() {
        let mut names = BTreeMap::new();
        for migration in &set.migrations {
            let other = names.insert(migration.version(), migration.name().to_owned());
            let (set, version, name) = (set.history_table, migration.version(), migration.name());
            assert_eq!(other, None, "{set}: {name} has the number {version} of another one");
        }
    }
}

#[test]
fn released_levels_are_of_migrations_that_exist() {
    let sets = [tenant::migrations(), identity::migrations(), mfa::migrations()].concat_sets();
    let newest: BTreeMap<String, i64> = sets
        .iter()
        .map(|set| {
            let newest = set.migrations.iter().map(|one| i64::from(one.version())).max().unwrap();
            (set.history_table.to_owned(), newest)
        })
        .collect();
    for (set, level) in released() {
        let newest = newest.get(&set).copied().unwrap_or_default();
        assert!((1..=newest).contains(&level), "{set} was never released at {level}");
    }
    let least: BTreeMap<String, i64> =
        sets.iter().map(|set| (set.history_table.to_owned(), i64::from(set.least))).collect();
    assert_eq!(least, released(), "what the programs need is what was released");
}

trait ConcatSets {
    fn concat_sets(self) -> Vec<MigrationSet>;
}

impl<const N: usize> ConcatSets for [Vec<MigrationSet>; N] {
    fn concat_sets(self) -> Vec<MigrationSet> {
        self.into_iter().flatten().collect()
    }
}

/// Signs in, enrols, signs in with codes, and changes policy: every service reads and writes.
async fn journey(system: &TestSystem) -> (Tree, Vec<Person>) {
    let tree = Tree::plant(system).await;
    tree.enrolled_admin(system).await;
    let people = Person::enrolled(system, &tree, 2).await;
    sign_in(system, &people).await;
    (tree, people)
}

async fn sign_in(system: &TestSystem, people: &[Person]) {
    for person in people {
        let code = person.authenticator.code(system.now());
        person.sign_in(&system.console, &code, PATIENCE).await.unwrap();
    }
    system.clock.advance(STEP);
}

/// New code, old schema: the order in which a roll-out that has not migrated yet, and a roll-back of the schema, find it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_present_code_serves_on_the_released_schema() {
    let databases = [
        TestDatabase::create("tenant released", "tenant", || up_to_the_release(tenant::migrations())).await,
        TestDatabase::create("identity released", "identity", || up_to_the_release(identity::migrations()))
            .await,
        TestDatabase::create("mfa released", "mfa", || up_to_the_release(mfa::migrations())).await,
    ];
    let system = TestSystem::on(databases, 1).await;
    let (_, people) = journey(&system).await;
    // And then the schema is brought up to date under it.
    for (database, sets) in [
        (&system.tenant_database, tenant::migrations()),
        (&system.identity_database, identity::migrations()),
        (&system.mfa_database, mfa::migrations()),
    ] {
        store::migrate(&database.owner_url(), sets).await.unwrap();
    }
    sign_in(&system, &people).await;
}

/// Old code, newer schema: an expansion of every table - a column that may be null, one with a default, an index - and a new
/// table, while sign-ins run with statements that were prepared before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_later_release_adds_disturbs_nobody() {
    let system = TestSystem::start().await;
    let (tree, people) = journey(&system).await;
    let (stop, console, clock) = (Arc::<AtomicBool>::default(), system.console.clone(), system.clock.clone());
    let stopped = Arc::clone(&stop);
    let load = tokio::spawn(async move {
        let mut signed_in = 0;
        while !stopped.load(Ordering::SeqCst) {
            for person in &people {
                let code = person.authenticator.code(clock::Clock::now(&clock));
                // A client that repeats nothing: whatever fails is told.
                person.sign_in(&console, &code, Duration::ZERO).await.unwrap();
                signed_in += 1;
            }
            clock.advance(STEP);
        }
        signed_in
    });
    for database in [&system.tenant_database, &system.identity_database, &system.mfa_database] {
        let owner = database.owner().await;
        let tables = "SELECT relname::text FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname";
        let tables: Vec<String> =
            owner.query(tables, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert!(tables.len() > 5);
        for table in tables {
            let expansion = format!(
                "SET lock_timeout = '5s';
                 ALTER TABLE {table} ADD COLUMN later_note text, ADD COLUMN later_count bigint NOT NULL DEFAULT 0;
                 CREATE INDEX later_{table} ON {table} (later_count)"
            );
            owner.batch_execute(&expansion).await.unwrap();
        }
        owner.batch_execute("CREATE TABLE later (id uuid PRIMARY KEY)").await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    assert!(load.await.unwrap() > 0);
    // Also what had not been prepared yet.
    let reseller = tree.reseller_again(&system).await;
    system
        .console
        .create_user(
            &reseller,
            &tree.company.id,
            "late@acme.example",
            proto::common::Role::CompanyUser,
            false,
        )
        .await
        .unwrap();
    system
        .eventually("all events are in the log", async || {
            let owner = system.identity_database.owner().await;
            let missing =
                "SELECT count(*) FROM event LEFT JOIN event_position USING (event_id) WHERE position IS NULL";
            owner.query_one(missing, &[]).await.unwrap().get::<_, i64>(0) == 0
        })
        .await;
}
