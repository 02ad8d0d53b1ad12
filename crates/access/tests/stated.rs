//! Who may do what, said a second time: written by hand from the product's rules - its levels of policy, its roles, what needs a
//! fresh second factor, what only services or the operator call - and never from the table, whose every cell must be this.
//!
//! `tests/tests/access_matrix.rs` holds the services to the table; a cell that is wrong in the table would be wrong in both. Here
//! it fails.

#![expect(clippy::expect_used, reason = "a helper of a test, which clippy does not take for one")]

use std::collections::{BTreeMap, BTreeSet};

use access::{MfaRule, Peer, Rank, Rule, TABLE, TargetKind, UserRule};
use types::Role;

/// What a row says: the RPC, the peers, the roles, the second factor, and about whom.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// `users`: the console and the operator, for a signed-in user. `pa po ..`: the first letters of level and grade; `staff` is
/// everybody but company users. `-`: for nobody. `fresh others`: for others only.
#[rustfmt::skip]
const STATED: &[Row] = &[
    // The tree. Companies are the day-to-day work of whoever stands above them; resellers, moves and deletions are for administrators.
    ("tenant.v1.TenantService/Bootstrap",                      "operator", "-",           "",             "nothing"),
    ("tenant.v1.TenantService/CreateReseller",                 "users",    "pa",          "fresh",        "nothing"),
    ("tenant.v1.TenantService/CreateCompany",                  "users",    "pa po ra ro", "fresh",        "a company's reseller"),
    ("tenant.v1.TenantService/GetOrganization",                "users",    "all",         "",             "branch"),
    ("tenant.v1.TenantService/ListOrganizations",              "users",    "all",         "",             "branch"),
    ("tenant.v1.TenantService/UpdateOrganization",             "users",    "pa po ra ro", "fresh",        "branch"),
    ("tenant.v1.TenantService/AddRealm",                       "users",    "pa po ra ro", "fresh",        "realm"),
    ("tenant.v1.TenantService/SuspendOrganization",            "users",    "pa po ra",    "fresh",        "suspension"),
    ("tenant.v1.TenantService/ResumeOrganization",             "users",    "pa po ra",    "fresh",        "suspension"),
    ("tenant.v1.TenantService/MoveCompany",                    "users",    "pa",          "fresh",        "move"),
    ("tenant.v1.TenantService/DeleteOrganization",             "users",    "pa ra",       "fresh",        "deletion"),
    ("tenant.v1.OrganizationFactsService/ResolveOrganization", "identity mfa", "-",       "",             "nothing"),
    // Users. Company auditors and company users administer nobody; what is one's own is everybody's.
    ("identity.v1.UserService/Bootstrap",                      "operator", "-",           "",             "nothing"),
    ("identity.v1.UserService/CreateUser",                     "users", "pa po ra ro ca", "fresh",        "account"),
    ("identity.v1.UserService/GetUser",                        "users",    "all",         "",             "self, a user seen"),
    ("identity.v1.UserService/ListUsers",                      "users",    "staff",       "",             "branch"),
    ("identity.v1.UserService/UpdateUser",                     "users",    "all",         "fresh others", "self, account"),
    ("identity.v1.UserService/SetPassword",                    "users", "pa po ra ro ca", "fresh",        "account"),
    ("identity.v1.UserService/ChangePassword",                 "users",    "all",         "",             "self"),
    ("identity.v1.UserService/DisableUser",                    "users", "pa po ra ro ca", "fresh",        "account"),
    ("identity.v1.UserService/EnableUser",                     "users", "pa po ra ro ca", "fresh",        "account"),
    ("identity.v1.UserService/DeleteUser",                     "users", "pa po ra ro ca", "fresh",        "account"),
    ("identity.v1.UserService/IssueInvitation",                "users", "pa po ra ro ca", "fresh",        "account"),
    ("identity.v1.UserFactsService/ResolveUser",               "tenant mfa", "-",         "",             "nothing"),
    // Signing in: the console for somebody who is not signed in yet. Which peers are brokers is configuration.
    ("identity.v1.SignInService/StartSignIn",                  "console operator", "-",   "",             "nothing"),
    ("identity.v1.SignInService/VerifyMfa",                    "console operator", "-",   "",             "nothing"),
    ("identity.v1.SignInService/BeginMfaEnrollment",           "console operator", "-",   "",             "nothing"),
    ("identity.v1.SignInService/ConfirmMfaEnrollment",         "console operator", "-",   "",             "nothing"),
    ("identity.v1.SignInService/AcknowledgeMfaEnrollment",     "console operator", "-",   "",             "nothing"),
    ("identity.v1.SignInService/VerifyRecoveryCode",           "console operator", "-",   "",             "nothing"),
    ("identity.v1.SignInService/ReplacePassword",              "console operator", "-",   "",             "nothing"),
    ("identity.v1.SignInService/AcceptInvitation",             "console operator", "-",   "",             "nothing"),
    ("identity.v1.SignInService/AssertExternalSignIn",         "any",      "-",           "",             "nothing"),
    // Sessions. Services ask about tokens; everybody may know the public keys.
    ("identity.v1.SessionService/RefreshSession",              "console operator", "-",   "",             "nothing"),
    ("identity.v1.SessionService/StepUp",                      "users",    "all",         "",             "self"),
    ("identity.v1.SessionService/GetCurrentUser",              "users",    "all",         "",             "self"),
    ("identity.v1.SessionService/ListSessions",                "users",    "all",         "",             "self, a user seen"),
    ("identity.v1.SessionService/RevokeUserSessions",          "users",    "all",         "fresh others", "self, account"),
    ("identity.v1.SessionService/RevokeSession",               "users",    "all",         "",             "self"),
    ("identity.v1.SessionService/IntrospectToken",  "tenant mfa console operator", "-",   "",             "nothing"),
    ("identity.v1.SessionService/GetJwks",                     "any",      "-",           "",             "nothing"),
    ("identity.v1.SessionService/RotateSigningKey",            "operator", "-",           "",             "nothing"),
    // Policy: provider and reseller level by provider administrators; company level also by operators and by the company's own
    // reseller; user level - and reset and unlock - also by the company's own administrator.
    ("mfa.v1.EnforcementService/EnforceMfa",                   "users", "pa po ra ro ca", "fresh",        "policy"),
    ("mfa.v1.EnforcementService/DisableMfa",                   "users", "pa po ra ro ca", "fresh",        "policy"),
    ("mfa.v1.EnforcementService/ReenableMfa",                  "users", "pa po ra ro ca", "fresh",        "policy"),
    ("mfa.v1.EnforcementService/GetEnforcement",               "users",    "all",         "",             "self, a target seen"),
    ("mfa.v1.EnforcementService/ListEnforcements",             "users",    "staff",       "",             "branch"),
    ("mfa.v1.EnforcementService/PreviewEnforcement",           "users", "pa po ra ro ca", "",             "policy"),
    ("mfa.v1.EnforcementService/GetAdoption",                  "users",    "staff",       "",             "branch"),
    ("mfa.v1.EnforcementService/IssueEnrollmentTicket",        "users", "pa po ra ro ca", "fresh",        "factor"),
    // Factors: one's own by oneself, others' only destroyed or unlocked.
    ("mfa.v1.FactorService/ListFactors",                       "users",    "all",         "",             "self, a user seen"),
    ("mfa.v1.FactorService/BeginEnrollment",                   "users",    "all",         "",             "self"),
    ("mfa.v1.FactorService/ConfirmEnrollment",                 "users",    "all",         "",             "self"),
    ("mfa.v1.FactorService/AcknowledgeEnrollment",             "users",    "all",         "",             "self"),
    ("mfa.v1.FactorService/RemoveFactor",                      "users",    "all",         "",             "self"),
    ("mfa.v1.FactorService/ResetMfa",                          "users", "pa po ra ro ca", "fresh",        "factor"),
    ("mfa.v1.FactorService/UnlockUser",                        "users", "pa po ra ro ca", "fresh",        "factor"),
    ("mfa.v1.FactorService/RegenerateRecoveryCodes",           "users",    "all",         "",             "self"),
    ("mfa.v1.FactorService/BreakGlassTicket",                  "operator", "-",           "",             "nothing"),
    // What identity asks of mfa: nobody else.
    ("mfa.v1.VerificationService/EvaluateSignIn",              "identity", "-",           "",             "nothing"),
    ("mfa.v1.VerificationService/VerifyCode",                  "identity", "-",           "",             "nothing"),
    ("mfa.v1.VerificationService/VerifyRecoveryCode",          "identity", "-",           "",             "nothing"),
    ("mfa.v1.VerificationService/BeginSignInEnrollment",       "identity", "-",           "",             "nothing"),
    ("mfa.v1.VerificationService/ConfirmSignInEnrollment",     "identity", "-",           "",             "nothing"),
    ("mfa.v1.VerificationService/AcknowledgeSignInEnrollment", "identity", "-",           "",             "nothing"),
    ("mfa.v1.VerificationService/IssueBootstrapTicket",        "identity", "-",           "",             "nothing"),
    // The logs: staff in their own branch, and the services for themselves.
    ("events.v1.EventLogService/ListEvents",                   "users and services", "staff", "",         "branch"),
    ("events.v1.EventLogService/GetEvent",                     "users and services", "staff", "",         "branch"),
    ("events.v1.EventLogService/WatchEvents",                  "users and services", "staff", "",         "branch"),
    ("events.v1.FollowService/AwaitApplied",                   "tenant identity mfa", "-", "",            "nothing"),
    ("keys.v1.KeyService/GetKeyStatus",                        "operator", "-",           "",             "nothing"),
];

/// A relation's name; the roles by kind of target; whether rank matters.
type Relation = (&'static str, &'static [(TargetKind, &'static str)], bool);

/// About whom, by kind of target, and which roles. What is not named is no target. `rank`: only who stands below, and never
/// oneself.
#[rustfmt::skip]
const ABOUT: &[Relation] = &[
    ("nothing", &[], false),
    ("branch", &[(TargetKind::Provider, "all"), (TargetKind::Reseller, "all"), (TargetKind::Company, "all")], false),
    ("a company's reseller", &[(TargetKind::Reseller, "pa po ra ro")], false),
    ("realm", &[(TargetKind::Provider, "pa"), (TargetKind::Reseller, "pa po"), (TargetKind::Company, "pa po ra ro")], false),
    ("suspension", &[(TargetKind::Provider, ""), (TargetKind::Reseller, "pa"), (TargetKind::Company, "pa po ra")], false),
    ("move", &[(TargetKind::Provider, ""), (TargetKind::Reseller, ""), (TargetKind::Company, "pa")], false),
    ("deletion", &[(TargetKind::Provider, ""), (TargetKind::Reseller, "pa"), (TargetKind::Company, "pa ra")], false),
    ("account", &[(TargetKind::UserOfProvider, "pa"), (TargetKind::UserOfReseller, "pa ra"), (TargetKind::UserOfCompany, "pa po ra ro ca")], true),
    ("factor", &[(TargetKind::UserOfProvider, "pa po"), (TargetKind::UserOfReseller, "pa po ra"), (TargetKind::UserOfCompany, "pa po ra ro ca")], true),
    ("policy", &[(TargetKind::Switch, "pa"), (TargetKind::Reseller, "pa"), (TargetKind::Company, "pa po ra ro"), (TargetKind::UserOfProvider, "pa po"),
                 (TargetKind::UserOfReseller, "pa po ra"), (TargetKind::UserOfCompany, "pa po ra ro ca")], true),
    ("a user seen", &[(TargetKind::UserOfProvider, "staff"), (TargetKind::UserOfReseller, "staff"), (TargetKind::UserOfCompany, "staff")], false),
    ("a target seen", &[(TargetKind::Switch, "all"), (TargetKind::Reseller, "all"), (TargetKind::Company, "all"), (TargetKind::UserOfProvider, "staff"),
                        (TargetKind::UserOfReseller, "staff"), (TargetKind::UserOfCompany, "staff")], false),
];

const PEERS: &[&str] =
    &[Peer::TENANT, Peer::IDENTITY, Peer::MFA, Peer::CONSOLE, Peer::OPERATOR, "broker", "billing"];

#[test]
fn every_cell_of_the_table_is_what_is_said_of_it() {
    let stated: BTreeMap<String, &Row> =
        STATED.iter().map(|row| (format!("/countersign.{}", row.0), row)).collect();
    assert_eq!(stated.len(), STATED.len(), "an RPC is spoken of twice");
    let ours = TABLE.iter().filter(|rule| rule.method.starts_with("/countersign."));
    let rules: BTreeMap<String, &Rule> = ours.map(|rule| (rule.method.to_owned(), rule)).collect();
    let names = |of: Vec<&String>| of.into_iter().cloned().collect::<BTreeSet<String>>();
    assert_eq!(names(rules.keys().collect()), names(stated.keys().collect()));
    let differing: Vec<String> =
        rules.iter().flat_map(|(method, rule)| compare(rule, stated[method])).collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// What a rule has otherwise than is said of it.
fn compare(rule: &Rule, (name, peers, roles, factor, about): &Row) -> Vec<String> {
    let mut differing = Vec::new();
    for peer in PEERS {
        if rule.admits_peer(peer) != admits(peers, peer) {
            differing.push(format!("{name}: peer {peer}"));
        }
        let for_user = *roles != "-" && !(*peers == "users and services" && SERVICES.contains(peer));
        if rule.needs_user(peer) != for_user {
            differing.push(format!("{name}: peer {peer} for a user"));
        }
    }
    for role in Role::ALL {
        if rule.admits_role(*role) != stands_in(roles, *role) {
            differing.push(format!("{name}: {role}"));
        }
    }
    let is_fresh = (rule.mfa == MfaRule::Fresh, rule.reach.others_need_fresh_mfa);
    if is_fresh != (*factor == "fresh", *factor == "fresh others") {
        differing.push(format!("{name}: second factor"));
    }
    differing.extend(compare_reach(rule, about).into_iter().map(|what| format!("{name}: {what}")));
    differing
}

fn compare_reach(rule: &Rule, about: &str) -> Vec<String> {
    let mut differing = Vec::new();
    let words: Vec<&str> = about.split(", ").collect();
    if rule.user != UserRule::Nobody && rule.reach.oneself != words.contains(&"self") {
        differing.push("themselves".to_owned());
    }
    let others = words.iter().find(|word| **word != "self").copied().unwrap_or("nothing");
    let (_, grants, rank) = ABOUT.iter().find(|(word, ..)| *word == others).expect("a word for a relation");
    if (rule.reach.rank != Rank::Any) != *rank {
        differing.push("rank".to_owned());
    }
    for kind in TargetKind::ALL {
        let stated = grants.iter().find(|(of, _)| of == kind).map(|(_, roles)| *roles);
        let found = rule.reach.roles_for(*kind);
        for role in Role::ALL {
            let is_granted = found.is_some_and(|roles| roles.contains(role));
            if is_granted != stated.is_some_and(|roles| stands_in(roles, *role)) {
                differing.push(format!("{role} about {}", kind.as_str()));
            }
        }
        if found.is_some() != stated.is_some() {
            differing.push(format!("{} as a target", kind.as_str()));
        }
    }
    differing
}

const SERVICES: [&str; 3] = [Peer::TENANT, Peer::IDENTITY, Peer::MFA];

fn admits(peers: &str, peer: &str) -> bool {
    match peers {
        "any" => true,
        "users" => ["console", "operator"].contains(&peer),
        "users and services" => ["console", "operator", "tenant", "identity", "mfa"].contains(&peer),
        named => named.split(' ').any(|name| name == peer),
    }
}

fn stands_in(roles: &str, role: Role) -> bool {
    match roles {
        "-" => false,
        "all" => true,
        "staff" => role != Role::CompanyUser,
        named => named.split(' ').any(|word| word == short(role)),
    }
}

const fn short(role: Role) -> &'static str {
    match role {
        Role::ProviderAdmin => "pa",
        Role::ProviderOperator => "po",
        Role::ProviderAuditor => "pr",
        Role::ResellerAdmin => "ra",
        Role::ResellerOperator => "ro",
        Role::ResellerAuditor => "rr",
        Role::CompanyAdmin => "ca",
        Role::CompanyAuditor => "cr",
        Role::CompanyUser => "cu",
    }
}
