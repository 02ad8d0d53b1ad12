//! mfa
pub mod domain;
