//! Server reflection, v1 and v1alpha, so that every `grpcurl` works.

use std::str::FromStr;

use tonic::service::Routes;
use tonic_reflection::server::Builder;

use super::ServeError;

/// What every server serves besides its own.
const ALWAYS: &[&str] = &[
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Who may ask for the API's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReflectionMode {
    /// Nobody: it is not served.
    Off,
    /// The peer `operator`.
    #[default]
    Operators,
    /// Every peer with a certificate.
    On,
}

impl FromStr for ReflectionMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "operators" => Ok(Self::Operators),
            "on" => Ok(Self::On),
            _ => Err("must be off, operators or on"),
        }
    }
}

/// Whether a path belongs to reflection.
pub(super) fn is_reflection(method: &str) -> bool {
    method.starts_with("/grpc.reflection.")
}

pub(super) fn add(
    routes: Routes,
    mode: ReflectionMode,
    names: &'static [&'static str],
) -> Result<Routes, ServeError> {
    if mode == ReflectionMode::Off {
        return Ok(routes);
    }
    let builder = || {
        let mut builder = Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            // The details of errors, so that tools print them readably.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
        for name in names.iter().chain(ALWAYS) {
            builder = builder.with_service_name(*name);
        }
        builder
    };
    let unusable = |error: tonic_reflection::server::Error| ServeError::Reflection(format!("{error:?}"));
    let v1 = builder().build_v1().map_err(unusable)?;
    let v1alpha = builder().build_v1alpha().map_err(unusable)?;
    Ok(routes.add_service(v1).add_service(v1alpha))
}
