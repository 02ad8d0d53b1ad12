//! The access table as a page for people: `docs/access.md`.
//!
//! Everything in it comes from [`TABLE`]; a test fails when the page in the repository is another, and writes it when told to.

use std::fmt::Write as _;

use types::{Level, Role};

use crate::{ANY_PEER, Denial, MfaRule, Rank, Reach, Rule, TABLE, TargetKind, UserRule};

const HEAD: &str = "\
# Who may call what

Generated from `crates/access/src/table.rs`; do not edit. `COUNTERSIGN_WRITE_DOCS=1 cargo test -p access` writes it anew. \
`tests/tests/access_matrix.rs` walks every cell against the running services.

A call is looked at from left to right: the **peer** that holds the connection (else `PEER_NOT_ALLOWED`); the signed-in \
**user's role** (no living session: `TOKEN_INVALID`; another role: `ROLE_NOT_ALLOWED`); the **second factor**, proved within \
fifteen minutes where it says *fresh* (else `MFA_STEP_UP_REQUIRED`); then the **relation** between the caller and the target, \
explained below the tables. What lies outside the caller's branch is `NOT_FOUND`, in the same words as what does not exist. \
**Refusals** says whether the refusal of a signed-in user leaves an event, in the log of the user's own organisation.
";

/// What a row cannot say of itself.
const NOTES: &[(&str, &str)] = &[
    (
        "/countersign.identity.v1.SignInService/AssertExternalSignIn",
        "Of all peers, those that identity's settings name as identity brokers; the others get `PEER_NOT_ALLOWED`.",
    ),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "Every peer where the installation says `reflection = on`; served to nobody where it says `off`. So is v1alpha.",
    ),
];

/// The page.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut service = "";
    for rule in TABLE {
        let (of, method) = split(rule.method);
        if of != service {
            service = of;
            let _ = write!(
                page,
                "\n## {service}\n\n| RPC | peers | users | second factor | relation | refusals |\n\
                 |---|---|---|---|---|---|\n"
            );
        }
        line(&mut page, rule, method);
    }
    page.push_str("\n## Notes\n\n");
    for (method, note) in NOTES {
        let _ = writeln!(page, "- `{}`: {note}", method.trim_start_matches('/'));
    }
    relations(&mut page);
    page
}

/// `/package.Service/Method` as its two halves.
fn split(method: &'static str) -> (&'static str, &'static str) {
    method.strip_prefix('/').and_then(|method| method.split_once('/')).unwrap_or((method, ""))
}

fn line(page: &mut String, rule: &Rule, method: &str) {
    let peers = if rule.peers == ANY_PEER { "every peer".to_owned() } else { rule.peers.join(", ") };
    let users = match rule.user {
        UserRule::Nobody => "—".to_owned(),
        UserRule::AnyRole => "every role".to_owned(),
        UserRule::Roles(admitted) => roles(admitted),
        UserRule::Optional(admitted) => format!("{}; the services for nobody", roles(admitted)),
    };
    let relation = match rule.user {
        UserRule::Nobody => "—",
        _ => rule.reach.name,
    };
    let factor = match rule.mfa {
        MfaRule::Fresh => "fresh",
        MfaRule::NotNeeded if rule.reach.others_need_fresh_mfa => "fresh, for others",
        MfaRule::NotNeeded => "—",
    };
    let refusals = if rule.records_refusals { "recorded" } else { "—" };
    let _ = writeln!(page, "| {method} | {peers} | {users} | {factor} | {relation} | {refusals} |");
}

/// Roles in words, level by level.
fn roles(admitted: &[Role]) -> String {
    if Role::ALL.iter().all(|role| admitted.contains(role)) {
        return "every role".to_owned();
    }
    if Role::ALL.iter().all(|role| admitted.contains(role) != (*role == Role::CompanyUser)) {
        return "every role but company user".to_owned();
    }
    let level = |level: Level, name: &str| {
        let of_level = admitted.iter().filter(|role| role.level() == level);
        let grades: Vec<&str> =
            of_level.filter_map(|role| role.as_str().split_once('_')).map(|(_, grade)| grade).collect();
        (!grades.is_empty()).then(|| format!("{name} {}", grades.join(", ")))
    };
    let levels = [(Level::Provider, "provider"), (Level::Reseller, "reseller"), (Level::Company, "company")];
    let words: Vec<String> = levels.into_iter().filter_map(|(of, name)| level(of, name)).collect();
    if words.is_empty() { "nobody".to_owned() } else { words.join(" · ") }
}

fn relations(page: &mut String) {
    page.push_str("\n## Relations\n");
    let mut told: Vec<&Reach> = Vec::new();
    for rule in TABLE.iter().filter(|rule| rule.user != UserRule::Nobody) {
        if !told.contains(&rule.reach) {
            told.push(rule.reach);
            relation(page, rule.reach);
        }
    }
}

fn relation(page: &mut String, reach: &Reach) {
    let _ = write!(page, "\n### {}\n\n{}", capitalised(reach.name), reach.meaning);
    if reach.grants.iter().any(|(_, roles)| *roles != Role::ALL) {
        page.push_str(match reach.denial {
            Denial::Told => " Other roles than those below: `ROLE_NOT_ALLOWED`.",
            Denial::Hidden => " To other roles than those below it is `NOT_FOUND`.",
        });
    }
    page.push_str(match reach.rank {
        Rank::Any => "",
        Rank::BelowThenRole => " Not below in rank: `TARGET_OUTRANKS_ACTOR`, before the role is looked at.",
        Rank::RoleThenBelow => " Not below in rank: `TARGET_OUTRANKS_ACTOR`, after the role was looked at.",
    });
    page.push('\n');
    if !reach.grants.is_empty() {
        page.push_str(
            "\n| target, in the caller's branch | roles, as far as the row admits them |\n|---|---|\n",
        );
        for kind in TargetKind::ALL {
            if let Some(granted) = reach.roles_for(*kind) {
                let _ = writeln!(page, "| {} | {} |", kind.as_str(), roles(granted));
            }
        }
    }
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md");

    #[test]
    fn the_page_in_the_repository_says_what_the_table_says() {
        let page = markdown();
        if std::env::var_os("COUNTERSIGN_WRITE_DOCS").is_some() {
            std::fs::write(PAGE, &page).unwrap();
        }
        let written = std::fs::read_to_string(PAGE).unwrap_or_default();
        assert!(
            written == page,
            "docs/access.md is not what the table says: COUNTERSIGN_WRITE_DOCS=1 cargo test -p access"
        );
    }

    #[test]
    fn every_row_stands_in_the_page_once_and_every_note_has_a_row() {
        let page = markdown();
        let rows =
            page.lines().filter(|line| line.ends_with("| recorded |") || line.ends_with("| — |")).count();
        assert_eq!(rows, TABLE.len());
        for (method, _) in NOTES {
            assert!(crate::rule(method).is_some(), "{method}");
        }
    }

    #[test]
    fn roles_are_told_in_few_words() {
        assert_eq!(roles(Role::ALL), "every role");
        assert_eq!(roles(crate::reach::relations::STAFF_ROLES), "every role but company user");
        assert_eq!(
            roles(&[Role::ProviderAdmin, Role::ResellerAdmin, Role::ResellerOperator]),
            "provider admin · reseller admin, operator"
        );
        assert_eq!(roles(&[]), "nobody");
    }
}
