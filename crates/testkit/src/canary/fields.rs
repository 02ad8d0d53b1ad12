//! The fields of our messages that carry secrets, read from bytes on the wire by the descriptor set: whatever a test calls.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost::bytes::Buf as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;

use super::Secrets;

/// The fields that carry secrets, by name.
const SECRET: &[&str] = &[
    "access_token",
    "code",
    "current_password",
    "enrollment_ticket",
    "invitation",
    "new_password",
    "otpauth_uri",
    "password",
    "recovery_code",
    "recovery_codes",
    "refresh_token",
    "replay_key",
    "secret_base32",
    "sign_in_token",
];

/// What a field is.
#[derive(Debug, Clone)]
enum Field {
    Message(String),
    Secret(&'static str),
}

/// Fields by message and number, and the messages of every method: the request and the answer.
struct Schema {
    fields: HashMap<(String, u32), Field>,
    methods: HashMap<String, [String; 2]>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET).expect("our own descriptor set");
    let (mut fields, mut methods) = (HashMap::new(), HashMap::new());
    for file in &set.file {
        for message in &file.message_type {
            let name = format!(".{}.{}", file.package(), message.name());
            for field in &message.field {
                let number = u32::try_from(field.number()).expect("a field's number");
                let known = SECRET.iter().find(|secret| **secret == field.name());
                let what = match (field.r#type(), known) {
                    (Type::Message, _) => Field::Message(field.type_name().to_owned()),
                    (Type::String | Type::Bytes, Some(known)) => Field::Secret(known),
                    _ => continue,
                };
                fields.insert((name.clone(), number), what);
            }
        }
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                methods.insert(path, [method.input_type().to_owned(), method.output_type().to_owned()]);
            }
        }
    }
    Schema { fields, methods }
});

/// The messages of a method: the request and the answer; none for methods that are not ours.
pub(super) fn messages(path: &str) -> Option<&'static [String; 2]> {
    SCHEMA.methods.get(path)
}

/// Notes every secret in a message. What cannot be read is none of ours.
pub(super) fn read(message: &str, mut bytes: &[u8], secrets: &Secrets) {
    while bytes.has_remaining() {
        let Ok((number, wire_type)) = decode_key(&mut bytes) else { return };
        if wire_type != WireType::LengthDelimited {
            if skip_field(wire_type, number, &mut bytes, DecodeContext::default()).is_err() {
                return;
            }
            continue;
        }
        let Ok(length) = decode_varint(&mut bytes) else { return };
        let Some((value, rest)) =
            usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length))
        else {
            return;
        };
        bytes = rest;
        match SCHEMA.fields.get(&(message.to_owned(), number)) {
            Some(Field::Message(inner)) => read(inner, value, secrets),
            Some(Field::Secret(name)) => match std::str::from_utf8(value) {
                Ok(text) => secrets.saw(name, text),
                Err(_) => secrets.saw_bytes(name, value.to_vec()),
            },
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Fields that sound like secrets and are none.
    const OPEN: &[(&str, &str)] = &[
        ("page_token", "authenticated, and opens nothing"),
        ("next_page_token", "the same"),
        ("ticket_reference", "names a ticket of the help desk"),
        ("qr_png", "a picture of the provisioning URI"),
        ("qr_svg", "the same"),
        ("qr_text", "the same"),
        ("key_id", "names a key"),
        ("primary_key_id", "the same"),
        ("jwks_json", "public keys"),
    ];

    #[test]
    fn every_field_that_sounds_like_a_secret_is_one_or_is_said_to_be_none() {
        let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
        let sounds = [
            "password",
            "code",
            "token",
            "secret",
            "ticket",
            "invitation",
            "uri",
            "qr",
            "key",
            "seed",
            "jwk",
        ];
        let mut named = BTreeSet::new();
        for message in set.file.iter().flat_map(|file| &file.message_type) {
            for field in &message.field {
                let is_text = matches!(field.r#type(), Type::String | Type::Bytes);
                if is_text && sounds.iter().any(|sound| field.name().contains(sound)) {
                    named.insert(field.name().to_owned());
                }
            }
        }
        let known: BTreeSet<String> =
            SECRET.iter().copied().chain(OPEN.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
        assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(SECRET.iter().all(|secret| named.contains(*secret)), "none of them is forgotten in the API");
    }
}
