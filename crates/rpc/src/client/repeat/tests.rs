//! The table against the API's description, and the look into a message.

use prost::Message as _;
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;
use proto::identity::{RefreshSessionRequest, VerifyMfaRequest};
use proto::mfa::VerifyCodeRequest;

use super::*;

/// Calls that carry an id and do not need it to be repeated.
const NEEDLESS_ID: &[&str] = &["/countersign.mfa.v1.FactorService/AcknowledgeEnrollment"];
/// How the calls that change nothing begin.
const READS: &[&str] = &["Get", "List", "Resolve", "Evaluate", "Introspect", "Preview", "Await"];
/// Calls that change something, carry no id, and are the same the second time.
const THE_SAME_AGAIN: &[&str] = &[
    "/countersign.identity.v1.SessionService/RevokeSession",
    "/countersign.identity.v1.SessionService/RotateSigningKey",
    "/countersign.mfa.v1.VerificationService/AcknowledgeSignInEnrollment",
];

/// Every RPC, what it must be by its description, and that nothing else stands in the table.
#[test]
fn the_table_is_what_the_api_says() {
    let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
    let mut seen = 0;
    for file in set.file.iter().filter(|file| file.package().starts_with("countersign.")) {
        for (service, method) in
            file.service.iter().flat_map(|service| service.method.iter().map(move |one| (service, one)))
        {
            let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
            assert!(
                !method.client_streaming(),
                "{path}: a body that is not ready at once cannot be repeated"
            );
            let input = method.input_type().rsplit('.').next().unwrap();
            let input = file.message_type.iter().find(|message| message.name() == input).unwrap();
            let id = input.field.iter().find(|field| {
                matches!(field.name(), "request_id" | "attempt_id") && field.r#type() == Type::String
            });
            let expected = match id {
                _ if method.server_streaming() => Opening,
                _ if READS.iter().any(|read| method.name().starts_with(read)) => Always,
                Some(_) if NEEDLESS_ID.contains(&path.as_str()) => Always,
                Some(id) => WithId(id.number().try_into().unwrap()),
                None if THE_SAME_AGAIN.contains(&path.as_str()) => Always,
                None => Never,
            };
            assert_eq!(of(&path), Some(expected), "{path}");
            seen += 1;
        }
    }
    assert_eq!(seen, TABLE.len(), "the table has rows of calls that do not exist");
    assert_eq!(of("/grpc.health.v1.Health/Check"), None);
}

#[test]
fn an_id_is_found_where_there_is_one() {
    let frame = |message: Vec<u8>| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0][..], &length, &message].concat()
    };
    let verify = |request_id: &str| {
        let (sign_in_token, code) = ("t".repeat(300), "123456".to_owned());
        frame(VerifyMfaRequest { sign_in_token, code, request_id: request_id.to_owned() }.encode_to_vec())
    };
    assert!(WithId(3).allows(&verify("a")));
    assert!(!WithId(3).allows(&verify("")));
    assert!(!Never.allows(&verify("a")));
    assert!(Always.allows(&verify("")));
    let refresh = RefreshSessionRequest {
        refresh_token: "t".to_owned(),
        request_id: "r".to_owned(),
        ..RefreshSessionRequest::default()
    };
    assert!(WithId(2).allows(&frame(refresh.encode_to_vec())));
    // Numbers and messages stand between.
    let attempt = VerifyCodeRequest { attempt_id: "a".to_owned(), generation: 1 << 40, ..Default::default() };
    assert!(WithId(3).allows(&frame(attempt.encode_to_vec())));
    assert!(!WithId(3).allows(&frame(VerifyCodeRequest::default().encode_to_vec())));
    // What cannot be read is not repeated.
    for broken in
        [&[][..], &[0], &[1, 0, 0, 0, 1, 26, 1, 97], &[0, 0, 0, 0, 3, 10, 200, 1], &[0, 0, 0, 0, 1, 255]]
    {
        assert!(!WithId(3).allows(broken), "{broken:?}");
    }
}
