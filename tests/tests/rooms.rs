//! Which room may know what: the "never" column of the layout in `CONTRIBUTING.md`, held by reading the sources.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// A room and the crates or rooms its files never name.
const ROOMS: &[(&str, &[&str])] = &[
    ("rpc", &["tokio_postgres::", "store::Unit", ".query(", ".query_opt(", ".execute("]),
    (
        "ops",
        &[
            "tonic::",
            "prost::",
            "prost_types::",
            "proto::",
            "tokio_postgres::",
            "SELECT ",
            "INSERT ",
            "UPDATE ",
            "DELETE ",
        ],
    ),
    (
        "domain",
        &[
            "tokio::",
            "tokio_postgres::",
            "tonic::",
            "prost::",
            "prost_types::",
            "proto::",
            "clock::SharedClock",
            "clock::SystemClock",
            "dyn Clock",
        ],
    ),
    ("store", &["tonic::", "crate::ops"]),
    ("peers", &["tokio_postgres::", "SELECT ", "INSERT ", "UPDATE ", "DELETE "]),
];

const SERVICES: &[&str] = &["tenant", "identity", "mfa"];

#[test]
fn no_room_names_what_it_must_not_know() {
    let mut found = Vec::new();
    let mut files_read = 0;
    for service in SERVICES {
        for (room, never) in ROOMS {
            for file in sources(&root().join("services").join(service).join("src"), room) {
                files_read += 1;
                let text = without_comments_and_tests(&fs::read_to_string(&file).unwrap());
                found.extend(
                    never
                        .iter()
                        .filter(|word| text.contains(*word))
                        .map(|word| format!("{}: {word}", file.display())),
                );
            }
        }
    }
    assert!(files_read > 40, "only {files_read} files were read: has the layout changed?");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn services_do_not_depend_on_each_other_and_crates_not_on_services() {
    let mut found = Vec::new();
    let mut manifests: Vec<(PathBuf, Vec<&str>)> = SERVICES
        .iter()
        .map(|service| {
            let others = SERVICES.iter().filter(|other| *other != service).copied().collect();
            (root().join("services").join(service).join("Cargo.toml"), others)
        })
        .collect();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name != "countersign" && name != "testkit" {
            manifests.push((path.join("Cargo.toml"), SERVICES.to_vec()));
        }
    }
    for (manifest, never) in manifests {
        let text = fs::read_to_string(&manifest).unwrap();
        // Tests may assemble what they like; the product may not.
        let product = text.split("[dev-dependencies]").next().unwrap_or_default();
        for line in product.lines() {
            if never
                .iter()
                .any(|name| line.starts_with(&format!("{name}.")) || line.starts_with(&format!("{name} =")))
            {
                found.push(format!("{}: {line}", manifest.display()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_check_itself_sees_a_violation() {
    let text = without_comments_and_tests(
        "// tonic:: in a comment\nuse tonic::Status;\n#[cfg(test)]\nmod tests { use tokio::x; }\n",
    );
    assert!(text.contains("tonic::Status"));
    assert!(!text.contains("in a comment"));
    assert!(!text.contains("tokio"));
}

/// The files of a room: `room.rs` and everything below `room/`.
fn sources(source: &Path, room: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let file = source.join(format!("{room}.rs"));
    if file.exists() {
        files.push(file);
    }
    collect(&source.join(room), &mut files);
    files
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let is_test = path
            .file_stem()
            .is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"));
        if path.is_dir() {
            if !is_test {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            files.push(path);
        }
    }
}

fn without_comments_and_tests(text: &str) -> String {
    let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
