//! Sealing and opening secrets, and authenticating what goes out and comes back (cursors, page tokens).
//!
//! A secret is sealed under a data key of its own; the data key is wrapped by a key-encryption key (KEK) that has an id.
//! New writes use the primary key; every key of the ring still opens. Keys come from files, behind [`KeyEncryption`],
//! the seam for a KMS; a [`Keyring`] follows its files, and [`KeyDirectory`] changes them.
//!
//! Nothing here decides what a failure means: a secret that does not open is an alarm and a refusal for the caller to
//! raise, and **must not** read as "there is none". No database, no network, no time of day.

mod binding;
mod caller_key;
mod directory;
mod encryption;
mod files;
mod keyring;
mod ring;
mod seal;
mod tag;
mod token;

pub mod digest;

pub use binding::Binding;
pub use caller_key::CallerKey;
pub use directory::{KeyDirectory, next as next_key};
pub use encryption::{KeyEncryption, WrappedKey};
pub use files::KeyringError;
pub use keyring::{Keyring, Offer, Taken};
pub use ring::{CheckValue, KeyId};
pub use seal::{OpenError, SealError};
pub use tag::Tag;
pub use token::InvalidToken;
