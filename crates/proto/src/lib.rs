//! The generated wire types, clients and servers, and the descriptor set. Nothing else.

/// Every file of the API as an encoded `google.protobuf.FileDescriptorSet`, for reflection and for tools.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));

macro_rules! package {
    ($($(#[$doc:meta])* $module:ident = $package:literal;)*) => {$(
        $(#[$doc])*
        pub mod $module {
            /// Version 1.
            pub mod v1 {
                tonic::include_proto!($package);
            }
        }
    )*};
}

/// The packages, named and nested as in protobuf.
pub mod countersign {
    package! {
        /// Words shared by all packages.
        common = "countersign.common.v1";
        /// The event log.
        events = "countersign.events.v1";
        /// Users, sign-ins and sessions.
        identity = "countersign.identity.v1";
        /// The keys that seal secrets.
        keys = "countersign.keys.v1";
        /// Policy, factors and verification.
        mfa = "countersign.mfa.v1";
        /// The tree of organisations.
        tenant = "countersign.tenant.v1";
    }
}

pub use countersign::common::v1 as common;
pub use countersign::events::v1 as events;
pub use countersign::identity::v1 as identity;
pub use countersign::keys::v1 as keys;
pub use countersign::mfa::v1 as mfa;
pub use countersign::tenant::v1 as tenant;
