//! Who is calling and what they may call: peers, signed-in users, access tokens, and the one access table.
//!
//! No tonic, no SQL, no network: `crates/rpc` asks this crate, the services implement [`Authenticator`]. What a caller
//! may do to a *target* beyond its branch of the tree ([`within_reach`]) is the services' domain's to decide.

mod authenticator;
mod caller;
mod markdown;
mod peer;
mod reach;
mod rule;
mod table;
mod token;
mod verifier;

pub use authenticator::Authenticator;
pub use caller::{Caller, FRESH_MFA, SignedIn, within_reach};
pub use markdown::markdown;
pub use peer::Peer;
pub use reach::{Denial, Rank, Reach, TargetKind};
pub use rule::{ANY_PEER, MfaRule, Rule, UserRule, rule};
pub use table::TABLE;
pub use token::{AUDIENCE, Claims, TokenSigner, UnusableKey, jwks_json};
pub use verifier::{TokenVerifier, UnusableKeys, Unverified};
