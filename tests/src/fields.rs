//! The fields of requests that name objects, as the descriptor set has them: so that no new one is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use access::{TABLE, UserRule};
use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

/// One field of one RPC's request: the method, and the path of names from the request to the field.
pub type Field = (&'static str, String);

/// Every field named `id`, `…_id` or `…_ids` in a request of an RPC that is called for a user.
#[must_use]
pub fn of_requests_for_users() -> BTreeSet<Field> {
    let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET).expect("our own descriptor set");
    let messages: BTreeMap<String, &DescriptorProto> = set
        .file
        .iter()
        .flat_map(|file| {
            file.message_type
                .iter()
                .map(move |message| (format!(".{}.{}", file.package(), message.name()), message))
        })
        .collect();
    let mut requests: BTreeMap<String, &str> = BTreeMap::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                requests.insert(path, method.input_type());
            }
        }
    }
    let mut found = BTreeSet::new();
    for rule in TABLE.iter().filter(|rule| rule.user != UserRule::Nobody) {
        let request = requests[rule.method];
        let mut paths = Vec::new();
        walk(&messages, request, "", &mut paths);
        found.extend(paths.into_iter().map(|path| (rule.method, path)));
    }
    found
}

fn walk(messages: &BTreeMap<String, &DescriptorProto>, name: &str, above: &str, found: &mut Vec<String>) {
    // Messages of others, such as timestamps, name nothing of ours.
    let Some(message) = messages.get(name) else { return };
    for field in &message.field {
        let path =
            if above.is_empty() { field.name().to_owned() } else { format!("{above}.{}", field.name()) };
        match field.r#type() {
            Type::Message => walk(messages, field.type_name(), &path, found),
            _ if names_an_object(field.name()) => found.push(path),
            _ => {}
        }
    }
}

fn names_an_object(field: &str) -> bool {
    field == "id" || field.ends_with("_id") || field.ends_with("_ids")
}

/// Every field of every request that takes a token, a ticket, a cursor or an invitation, with its number on the wire.
#[must_use]
pub fn that_take_tokens() -> Vec<(&'static str, String, u32)> {
    let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET).expect("our own descriptor set");
    let mut found = Vec::new();
    for rule in TABLE {
        let Some(request) = request_of(&set, rule.method) else { continue };
        for field in &request.field {
            if field.r#type() == Type::String && takes_a_token(field.name()) {
                let number = u32::try_from(field.number()).expect("a field's number");
                found.push((rule.method, field.name().to_owned(), number));
            }
        }
    }
    found
}

fn takes_a_token(field: &str) -> bool {
    ["_token", "_ticket", "cursor", "invitation"].iter().any(|end| field.ends_with(end))
}

/// The message a method takes; none for methods that are not ours.
fn request_of<'a>(set: &'a FileDescriptorSet, path: &str) -> Option<&'a DescriptorProto> {
    let (service, method) = path.trim_start_matches('/').split_once('/')?;
    let file = set.file.iter().find(|file| {
        file.service.iter().any(|candidate| format!("{}.{}", file.package(), candidate.name()) == service)
    })?;
    let methods = file.service.iter().flat_map(|candidate| &candidate.method);
    let input = methods.into_iter().find(|candidate| candidate.name() == method)?.input_type();
    let messages =
        set.file.iter().flat_map(|file| file.message_type.iter().map(move |message| (file, message)));
    messages
        .into_iter()
        .find(|(file, message)| format!(".{}.{}", file.package(), message.name()) == input)
        .map(|(_, message)| message)
}
