//! The peer: which program holds the connection, as its certificate says.

use std::fmt;

/// The longest namespace or name in a SPIFFE id of ours (a Kubernetes name).
const NAME_LIMIT: usize = 253;

/// The name of a program that may call, from its certificate's SPIFFE id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer(String);

impl Peer {
    /// The service that owns the tree.
    pub const TENANT: &'static str = "tenant";
    /// The service that owns users and sessions.
    pub const IDENTITY: &'static str = "identity";
    /// The service that owns policy and factors.
    pub const MFA: &'static str = "mfa";
    /// The console's back end.
    pub const CONSOLE: &'static str = "console";
    /// An identity broker, by its customary name: identity takes the word of those that its settings name.
    pub const BROKER: &'static str = "broker";
    /// An operator with `grpcurl` or our own binary.
    pub const OPERATOR: &'static str = "operator";

    /// Reads `spiffe://<trust-domain>/ns/<namespace>/sa/<name>` (SPIFFE-ID §2); `None` for anything else.
    ///
    /// `trust_domain` may go on with `/ns/<namespace>`: then only that namespace's names are ours, which is what an
    /// installation wants whose cluster lets others create service accounts in the same trust domain.
    #[must_use]
    pub fn parse_spiffe(uri: &str, trust_domain: &str) -> Option<Self> {
        let rest = uri.strip_prefix("spiffe://")?.strip_prefix(trust_domain)?.strip_prefix('/')?;
        let parts: Vec<&str> = rest.split('/').collect();
        let name = match (parts.as_slice(), trust_domain.contains('/')) {
            (["ns", namespace, "sa", name], false) if is_name(namespace) => name,
            (["sa", name], true) => name,
            _ => return None,
        };
        is_name(name).then(|| Self((*name).to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    (1..=NAME_LIMIT).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_form_in_our_own_trust_domain_names_a_peer() {
        let read = |uri| Peer::parse_spiffe(uri, "countersign.local").map(|peer| peer.to_string());
        assert_eq!(read("spiffe://countersign.local/ns/default/sa/mfa").as_deref(), Some("mfa"));
        for uri in [
            "",
            "mfa",
            "https://countersign.local/ns/default/sa/mfa",
            "spiffe://countersign.local.evil/ns/default/sa/mfa",
            "spiffe://evil/countersign.local/ns/default/sa/mfa",
            "spiffe://countersign.local/ns/default/sa/",
            "spiffe://countersign.local/ns/default/sa/mfa/",
            "spiffe://countersign.local/ns//sa/mfa",
            "spiffe://countersign.local/ns/a/b/sa/mfa",
            "spiffe://countersign.local/sa/mfa",
            "spiffe://countersign.local/ns/default/sa/mf%61",
            "spiffe://countersign.local/ns/default/sa/..",
            "SPIFFE://countersign.local/ns/default/sa/mfa",
        ] {
            assert_eq!(read(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_trust_domain_with_a_namespace_accepts_only_that_namespace() {
        let read = |uri| Peer::parse_spiffe(uri, "example.org/ns/countersign").is_some();
        assert!(read("spiffe://example.org/ns/countersign/sa/mfa"));
        assert!(!read("spiffe://example.org/ns/other/sa/mfa"));
        assert!(!read("spiffe://example.org/ns/countersign2/sa/mfa"));
    }
}
