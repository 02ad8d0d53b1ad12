use fault::Code;
use prost_types::FieldMask;
use proto::common::{AuthSource as WireSource, Role as WireRole};

use super::*;

fn update(paths: &[&str]) -> UpdateUserRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    UpdateUserRequest { update_mask: Some(FieldMask { paths }), ..UpdateUserRequest::default() }
}

/// The field that was refused.
fn refused(message: &UpdateUserRequest) -> String {
    let fault = changes(message).unwrap_err();
    assert_eq!(fault.reason().code(), Code::InvalidArgument);
    fault.fields().first().map(|field| format!("{field:?}")).unwrap_or_default()
}

#[test]
fn only_what_the_mask_names_changes() {
    let message = UpdateUserRequest {
        display_name: "Ada".to_owned(),
        email: "ada@example.com".to_owned(),
        role: WireRole::CompanyAdmin.into(),
        ..update(&["email"])
    };
    let read = changes(&message).unwrap();
    assert_eq!(read.email.as_ref().map(ToString::to_string).as_deref(), Some("ada@example.com"));
    assert!(read.display_name.is_none() && read.is_profile_only());
    // What is named and empty is emptied.
    assert_eq!(changes(&update(&["display_name"])).unwrap().display_name.unwrap().as_str(), "");
}

#[test]
fn empty_unknown_and_absent_values_never_mean_anything() {
    let external = WireSource::External.into();
    let local = WireSource::Local.into();
    let password = || "correct horse battery staple".to_owned();
    let subject = || "ada".to_owned();
    for (message, field) in [
        (UpdateUserRequest::default(), "update_mask"),
        (update(&[]), "update_mask"),
        (update(&["login"]), "update_mask"),
        (update(&["*"]), "update_mask"),
        (update(&["role"]), "role"),
        (UpdateUserRequest { role: 99, ..update(&["role"]) }, "role"),
        (update(&["auth_source"]), "auth_source"),
        (UpdateUserRequest { auth_source: external, ..update(&["auth_source"]) }, "external_subject"),
        (
            UpdateUserRequest { auth_source: external, password: password(), ..update(&["auth_source"]) },
            "password",
        ),
        (
            UpdateUserRequest { auth_source: local, external_subject: subject(), ..update(&["auth_source"]) },
            "external_subject",
        ),
        (UpdateUserRequest { password: password(), ..update(&["email"]) }, "password"),
        (UpdateUserRequest { external_subject: subject(), ..update(&["email"]) }, "external_subject"),
    ] {
        assert!(refused(&message).contains(field), "{field}: {}", refused(&message));
    }
}

#[test]
fn a_source_comes_with_what_belongs_to_it() {
    let to_external = UpdateUserRequest {
        auth_source: WireSource::External.into(),
        external_subject: "ada".to_owned(),
        ..update(&["auth_source"])
    };
    assert!(matches!(changes(&to_external).unwrap().source, Some(NewSource::External(_))));
    let invited = UpdateUserRequest { auth_source: WireSource::Local.into(), ..update(&["auth_source"]) };
    assert!(matches!(changes(&invited).unwrap().source, Some(NewSource::Local(None))));
    let with_password = UpdateUserRequest { password: "correct horse".to_owned(), ..invited };
    assert!(changes(&with_password).unwrap().password().is_some());
}
