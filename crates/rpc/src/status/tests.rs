use std::time::Duration;

use super::*;

#[test]
fn every_reason_has_error_info_and_reads_back() {
    for reason in Reason::ALL {
        let status = into_status(Fault::new(*reason));
        assert_eq!(reason_of(&status), Some(*reason));
        assert_eq!(status.message(), reason.message());
    }
}

#[test]
fn public_details_go_out_and_the_cause_does_not() {
    let fault = Fault::field("target.company_id", "is not a UUID")
        .with_metadata("limit", "3")
        .with_retry_after(Duration::from_secs(2))
        .with_cause("select secret from vault at 10.0.0.1");
    let status = into_status(fault);
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["limit"], "3");
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "target.company_id");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
    assert!(!format!("{status:?} {:?}", String::from_utf8_lossy(status.details())).contains("vault"));
    let state = into_status(Reason::MfaEnforcedByParent.into());
    assert!(state.get_error_details().has_precondition_failure_violations());
}

#[test]
fn a_peers_reason_is_kept_only_where_it_means_something_to_our_caller() {
    for (given, passed) in [
        (Reason::NotFound, Reason::NotFound),
        (Reason::NotYetInForce, Reason::NotYetInForce),
        (Reason::CodeRefused, Reason::CodeRefused),
        (Reason::NotReady, Reason::DependencyUnavailable),
        (Reason::DeadlineExceeded, Reason::DependencyUnavailable),
        (Reason::PeerNotAllowed, Reason::Internal),
        (Reason::MethodUnknown, Reason::Internal),
        (Reason::Internal, Reason::Internal),
    ] {
        assert_eq!(fault_from_status(into_status(given.into())).reason(), passed, "{given}");
    }
    for (given, passed) in [
        (Status::unavailable("tcp connect error"), Reason::DependencyUnavailable),
        (Status::deadline_exceeded("x"), Reason::DependencyUnavailable),
        (Status::cancelled("x"), Reason::DependencyUnavailable),
        (Status::not_found("x"), Reason::Internal),
        (Status::permission_denied("x"), Reason::Internal),
    ] {
        assert_eq!(fault_from_status(given).reason(), passed);
    }
}

#[test]
fn a_peers_text_is_not_passed_on_but_its_details_are() {
    let theirs = Fault::field("code", "must be exactly six digits")
        .with_message("postgres://10.0.0.1 said no")
        .with_metadata("deciding_level", "company")
        .with_metadata("host", "10.0.0.1");
    let ours = fault_from_status(into_status(theirs));
    assert_eq!(ours.message(), Reason::InvalidArgument.message());
    assert_eq!(ours.fields()[0].field, "code");
    assert_eq!(ours.metadata(), [("deciding_level", "company".to_owned())]);
}

#[test]
fn a_foreign_status_never_leaves_as_it_is() {
    for (given, stage, reason) in [
        (Status::internal("failed to decode Protobuf message"), Stage::Headers, Reason::MalformedRequest),
        (Status::internal("encode"), Stage::Trailers, Reason::Internal),
        (Status::out_of_range("decoded message length too large"), Stage::Headers, Reason::TooLarge),
        (Status::unimplemented(""), Stage::Headers, Reason::MethodUnknown),
        (Status::unknown("h2"), Stage::Trailers, Reason::Internal),
        (Status::permission_denied("x"), Stage::Headers, Reason::Internal),
    ] {
        let left = rewritten(given, stage);
        assert_eq!(reason_of(&left), Some(reason));
        assert_eq!(left.message(), reason.message());
    }
    // A reason under a code that is not its own is not ours.
    let forged = Status::with_error_details(
        tonic::Code::Ok,
        "",
        ErrorDetails::with_error_info("NOT_FOUND", ERROR_DOMAIN, HashMap::<String, String>::new()),
    );
    assert_eq!(reason_of(&forged), None);
}

#[test]
fn that_a_refusal_was_only_counted_is_known_to_services_and_to_nobody_else() {
    let counted = || only_counted(Fault::new(Reason::CodeRefused));
    assert!(is_only_counted(&counted()) && !is_only_counted(&Fault::new(Reason::CodeRefused)));
    let Err(told) = respond_to_service::<()>(Err(counted())) else { panic!("a refusal") };
    let received = fault_from_status(told);
    assert!(is_only_counted(&received));
    // Passed on to somebody outside it is like any other.
    let (outside, wrong) = (into_status(received), into_status(Reason::CodeRefused.into()));
    assert_eq!((outside.message(), outside.details()), (wrong.message(), wrong.details()));
    assert!(!is_only_counted(&fault_from_status(outside)));
    assert!(respond::<()>(Err(counted())).is_err_and(|status| !is_only_counted(&fault_from_status(status))));
}
