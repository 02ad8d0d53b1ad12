//! Clients made anew, each with connections of its own, and where the files lie that they and the services use.

use std::net::SocketAddr;
use std::path::PathBuf;

use rpc::{ConnectError, PeerChannel, TlsFiles};
use types::ServiceName;

use super::{TestSystem, certificate};
use crate::canary::{Secrets, Witnessed};
use crate::console::Console;

/// Makes consoles, for as long as the system runs; clones are the same.
#[derive(Clone)]
pub struct Consoles {
    tls: TlsFiles,
    /// Of all replicas: tenant's, identity's, mfa's.
    addresses: [Vec<String>; 3],
    secrets: Secrets,
}

impl Consoles {
    /// Of a system that runs elsewhere: with these files, at these addresses of tenant, identity and mfa.
    #[must_use]
    pub fn of(tls: TlsFiles, addresses: [Vec<String>; 3]) -> Self {
        Self { tls, addresses, secrets: Secrets::default() }
    }

    /// The console's view of all replicas, as a platform service has it: calls are spread over them. No connection of an earlier one
    /// is used.
    ///
    /// # Errors
    /// The console's certificate and key do not fit: somebody is replacing them.
    pub fn fresh(&self) -> Result<Console, ConnectError> {
        let [tenant, identity, mfa] = &self.addresses;
        let channel = |name: &str, addresses: &Vec<String>| -> Result<Witnessed, ConnectError> {
            let channel = PeerChannel::connect_lazily(addresses.clone(), &self.tls, name)?;
            Ok(Witnessed::new(channel, self.secrets.clone()))
        };
        Ok(Console::new([channel("tenant", tenant)?, channel("identity", identity)?, channel("mfa", mfa)?]))
    }
}

impl TestSystem {
    /// Makes the console's views of all replicas.
    #[must_use]
    pub fn consoles(&self) -> Consoles {
        Consoles {
            tls: certificate(self.directory.path(), "console"),
            addresses: [0, 1, 2].map(|service| self.addresses(service)),
            secrets: self.secrets.clone(),
        }
    }

    /// The console's view of all replicas ([`Consoles::fresh`]).
    #[must_use]
    pub fn console_of_all(&self) -> Console {
        self.consoles().fresh().expect("a console")
    }

    /// Where a replica of a service listens.
    #[must_use]
    pub fn address_of(&self, replica: usize, service: ServiceName) -> SocketAddr {
        let index = ServiceName::ALL.iter().position(|one| *one == service).expect("there are three");
        self.replicas[replica].addresses[index]
    }

    /// The directory of `ca.crt`, `ca.key`, and `NAME.crt` and `NAME.key` of every peer, which services and clients read.
    #[must_use]
    pub fn certificates_dir(&self) -> PathBuf {
        self.directory.path().join("certificates")
    }
}
