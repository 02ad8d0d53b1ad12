//! What the tests of access share: a tree with every role in it, calls by method and bytes, a request for every RPC, and the
//! reference model of who may what. The tests are in `tests/tests`, the black-box runs in `tests/black_box`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test helper fails its test by panicking"
)]

pub mod cells;
pub mod evidence;
pub mod fields;
pub mod landscape;
pub mod model;
pub mod ops;
mod people;
pub mod place;
pub mod probes;
pub mod raw;
pub mod requests;

pub use people::{Person, persistently};
