//! What a caller sends beside the message: trace context, deadline, bearer token, SPIFFE id, the frames of the body.
#![no_main]

use access::Peer;
use libfuzzer_sys::fuzz_target;
use telemetry::TraceId;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Some(id) = TraceId::from_traceparent(text) {
            assert!(id.bytes() != [0; 16] && text.contains(&id.to_string()), "{text:?}");
            assert_eq!(TraceId::from_traceparent(&id.to_traceparent()), Some(id));
        }
        for trust_domain in ["example.org", "example.org/ns/countersign"] {
            if let Some(peer) = Peer::parse_spiffe(text, trust_domain) {
                assert!(text.starts_with(&format!("spiffe://{trust_domain}/")), "{text:?}");
                assert!(text.ends_with(&format!("/sa/{peer}")) && !peer.as_str().contains('/'), "{text:?}");
            }
        }
    }
    if let Some(Some(Some(deadline))) = rpc::fuzzing::deadline(data) {
        assert!(deadline.as_secs() <= 99_999_999 * 3_600);
        assert!((2..=9).contains(&data.len()));
    }
    if let Some(token) = rpc::fuzzing::bearer(data) {
        assert!(!token.is_empty() && !token.starts_with(' '));
    }
    // However the network cuts a body, it is the same body.
    let Some((size, body)) = data.split_first() else { return };
    let whole = rpc::fuzzing::measure(64, &[body]);
    let pieces: Vec<&[u8]> = body.chunks(usize::from(*size).max(1)).collect();
    assert_eq!(whole, rpc::fuzzing::measure(64, &pieces));
});
