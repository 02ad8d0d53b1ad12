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
