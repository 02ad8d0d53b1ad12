//! Server reflection, v1 and v1alpha, so that every `grpcurl` works.

use std::str::FromStr;

use tonic::service::Routes;
use tonic_reflection::server::Builder;

use super::ServeError;

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
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        for name in names {
            builder = builder.with_service_name(*name);
        }
        builder.with_service_name("grpc.health.v1.Health")
    };
    let unusable = |error: tonic_reflection::server::Error| ServeError::Reflection(format!("{error:?}"));
    let v1 = builder().with_service_name("grpc.reflection.v1.ServerReflection").build_v1();
    let v1alpha = builder().with_service_name("grpc.reflection.v1alpha.ServerReflection").build_v1alpha();
    Ok(routes.add_service(v1.map_err(unusable)?).add_service(v1alpha.map_err(unusable)?))
}
