use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use types::Level;
use types::Role::{self, CompanyAuditor, ProviderAuditor, ResellerAuditor};

use super::*;
use crate::{Denial, TargetKind, rule};

/// Every RPC of the descriptor set, as a path on the wire.
fn methods() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
    let of_file = |file: &prost_types::FileDescriptorProto| {
        let package = file.package().to_owned();
        file.service.clone().into_iter().flat_map(move |service| {
            let name = format!("/{package}.{}", service.name());
            service.method.into_iter().map(move |method| format!("{name}/{}", method.name()))
        })
    };
    set.file.iter().flat_map(of_file).collect()
}

#[test]
fn every_rpc_has_exactly_one_row_and_every_row_an_rpc() {
    let rows: BTreeSet<String> = TABLE.iter().map(|rule| rule.method.to_owned()).collect();
    assert_eq!(rows.len(), TABLE.len(), "a method has two rows");
    let ours: BTreeSet<String> = rows.into_iter().filter(|row| row.starts_with("/countersign.")).collect();
    assert_eq!(ours, methods());
    assert!(rule("/countersign.mfa.v1.EnforcementService/Enforce").is_none());
    assert!(rule("").is_none());
}

#[test]
fn every_row_is_sound() {
    for rule in TABLE {
        assert!(!rule.peers.is_empty(), "{}: nobody may call", rule.method);
        if rule.user == Nobody {
            assert!(!rule.records_refusals, "{}: there is nobody to record", rule.method);
            assert_eq!(rule.mfa, NotNeeded, "{}: there is nobody to prove it", rule.method);
            assert_eq!(rule.reach, NOTHING, "{}: there is nobody to reach anything", rule.method);
        } else {
            assert!(!rule.admits_peer("somebody"), "{}: any peer could act for a user", rule.method);
        }
        if rule.reach.oneself {
            assert_eq!(rule.user, AnyRole, "{}: everybody is somebody", rule.method);
            assert_eq!(rule.mfa, NotNeeded, "{}: one's own asks for the row's factor only", rule.method);
        }
        if rule.mfa == Fresh {
            assert!(rule.records_refusals, "{}: a security-relevant act leaves an event", rule.method);
        }
    }
}

/// A role that a relation grants a target, but that cannot stand above it, would be a slip of the pen.
#[test]
fn every_grant_is_within_somebodys_branch() {
    for rule in TABLE {
        let mut kinds: Vec<TargetKind> = rule.reach.grants.iter().map(|(kind, _)| *kind).collect();
        for (kind, roles) in rule.reach.grants.iter().filter(|(_, roles)| *roles != Role::ALL) {
            let level = match kind {
                TargetKind::Switch | TargetKind::Provider | TargetKind::UserOfProvider => Level::Provider,
                TargetKind::Reseller | TargetKind::UserOfReseller => Level::Reseller,
                TargetKind::Company | TargetKind::UserOfCompany => Level::Company,
            };
            let seen = rule.reach.denial == Denial::Hidden;
            assert!(seen || roles.iter().all(|role| role.level() >= level), "{} {kind:?}", rule.method);
        }
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), rule.reach.grants.len(), "{}: a kind stands there twice", rule.method);
    }
}

#[test]
fn users_are_acted_for_by_console_and_operator_only() {
    for rule in TABLE {
        for peer in [TENANT, IDENTITY, MFA] {
            let for_users = matches!(rule.user, AnyRole | Roles(_));
            assert!(!(for_users && rule.admits_peer(peer)), "{} {peer}", rule.method);
        }
    }
}

/// What the design says in words, cell by cell: (method, roles that may, whether fresh MFA is needed).
#[test]
fn the_cells_that_guard_authority() {
    let all = Role::ALL;
    let administrators: Vec<Role> = [ProviderAdmin, ResellerAdmin, CompanyAdmin].into();
    let auditors = [ProviderAuditor, ResellerAuditor, CompanyAuditor, Role::CompanyUser];
    for method in ["EnforceMfa", "DisableMfa", "ReenableMfa"] {
        let rule = rule(&format!("/countersign.mfa.v1.EnforcementService/{method}")).unwrap();
        assert!(administrators.iter().all(|role| rule.admits_role(*role)), "{method}");
        assert!(!auditors.iter().any(|role| rule.admits_role(*role)), "{method}");
        assert_eq!(rule.mfa, Fresh);
    }
    for (method, expected) in [
        ("/countersign.tenant.v1.TenantService/CreateReseller", &[ProviderAdmin][..]),
        (
            "/countersign.tenant.v1.TenantService/CreateCompany",
            &[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator],
        ),
        (
            "/countersign.mfa.v1.FactorService/ResetMfa",
            &[ProviderAdmin, ProviderOperator, ResellerAdmin, ResellerOperator, CompanyAdmin],
        ),
    ] {
        let rule = rule(method).unwrap();
        let may: Vec<Role> = all.iter().copied().filter(|role| rule.admits_role(*role)).collect();
        assert_eq!(may, expected, "{method}");
        assert_eq!(rule.mfa, Fresh, "{method}");
        assert!(rule.needs_user(CONSOLE) && rule.needs_user(OPERATOR), "{method}");
    }
}

#[test]
fn the_log_is_read_by_staff_and_by_services_for_themselves() {
    let rule = rule("/countersign.events.v1.EventLogService/WatchEvents").unwrap();
    assert!(rule.needs_user(CONSOLE) && rule.needs_user(OPERATOR));
    assert!(!rule.needs_user(MFA) && !rule.needs_user(TENANT) && !rule.needs_user(IDENTITY));
    assert!(rule.admits_role(CompanyAuditor) && !rule.admits_role(Role::CompanyUser));
    assert!(!rule.admits_peer("billing"));
}
