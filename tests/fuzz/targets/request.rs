//! Requests of the three services and filters of the event log, as their handlers read them: any bytes are read or refused for
//! what they are, and never as a fault of ours.
#![no_main]

use fault::{Code, Reason};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [service, request, bytes @ ..] = data else { return };
    let read = match service % 4 {
        0 => mfa::fuzzing::read_request(*request, bytes),
        1 => tenant::rpc::fuzzing::read_request(*request, bytes),
        2 => identity::rpc::fuzzing::read_request(*request, bytes),
        _ => match eventlog::fuzzing::read_filter(bytes) {
            Some(read) => read.map(|is_the_same| assert!(is_the_same, "the order of types matters")),
            None => return,
        },
    };
    if let Err(reason) = read {
        let is_a_form_error = reason.code() == Code::InvalidArgument;
        // Two are answered like what is well formed and unknown, or weak.
        let is_ours = matches!(reason, Reason::EnrollmentTicketRefused | Reason::PasswordNotAcceptable);
        assert!(is_a_form_error || is_ours, "{reason:?}");
    }
});
