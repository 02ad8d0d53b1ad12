//! What a machine needs to run Countersign without anybody's help: a private PostgreSQL server and
//! throw-away certificates.
//!
//! Used by `countersign up` and by the tests. Knows nothing of our services, their tables or their
//! configuration, prints nothing, and is never part of a production deployment: there PostgreSQL and
//! the certificates come from the platform.

pub mod certificates;
pub mod postgres;
