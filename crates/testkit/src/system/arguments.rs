//! The arguments of command-line clients, and the settings of services that are processes of their own.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::PathBuf;

use types::ServiceName;

use super::{ISSUER, TRUST_DOMAIN, TestSystem, certificate};

impl TestSystem {
    /// The arguments by which a command-line client reaches the first replica's tenant and identity as the operator.
    #[must_use]
    pub fn operator_arguments(&self) -> Vec<String> {
        let files = certificate(self.directory.path(), "operator");
        let [tenant, identity, _] = self.replicas[0].addresses;
        let text = |path: std::path::PathBuf| path.display().to_string();
        [
            ("--tenant-addr", tenant.to_string()),
            ("--identity-addr", identity.to_string()),
            ("--ca", text(files.ca)),
            ("--cert", text(files.cert)),
            ("--key", text(files.key)),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }

    /// The variables by which a replica's identity is run as a process of its own, on that replica's port.
    #[must_use]
    pub fn identity_environment(&self, replica: usize) -> Vec<(&'static str, String)> {
        let peers = [("COUNTERSIGN_TENANT_ADDR", 0), ("COUNTERSIGN_MFA_ADDR", 2)];
        self.environment(ServiceName::Identity, self.address_of(replica, ServiceName::Identity), peers)
    }

    /// The variables by which a replica's mfa is run as a process of its own, on that replica's port.
    #[must_use]
    pub fn mfa_environment(&self, replica: usize) -> Vec<(&'static str, String)> {
        let peers = [("COUNTERSIGN_TENANT_ADDR", 0), ("COUNTERSIGN_IDENTITY_ADDR", 1)];
        self.environment(ServiceName::Mfa, self.address_of(replica, ServiceName::Mfa), peers)
    }

    /// A file for the log lines of a process, which is searched for secrets at the system's end, too.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn log_file(&self, name: &str) -> File {
        let path = self.directory.path().join(format!("{name}.log"));
        OpenOptions::new().create(true).append(true).open(path).expect("a file for log lines")
    }

    fn environment(
        &self,
        service: ServiceName,
        address: SocketAddr,
        peers: [(&'static str, usize); 2],
    ) -> Vec<(&'static str, String)> {
        let (files, database) =
            (certificate(self.directory.path(), service.as_str()), self.database_of(service));
        let text = |path: PathBuf| path.display().to_string();
        [
            ("COUNTERSIGN_LISTEN", address.to_string()),
            ("COUNTERSIGN_OPS_LISTEN", String::new()),
            ("COUNTERSIGN_DATABASE_URL", database.service_url()),
            ("COUNTERSIGN_SEQUENCER_DATABASE_URL", database.sequencer_url()),
            ("COUNTERSIGN_KEYRING_DIR", text(self.keyring_dir(service))),
            ("COUNTERSIGN_TLS_CA", text(files.ca)),
            ("COUNTERSIGN_TLS_CERT", text(files.cert)),
            ("COUNTERSIGN_TLS_KEY", text(files.key)),
            ("COUNTERSIGN_TRUST_DOMAIN", TRUST_DOMAIN.to_owned()),
            ("COUNTERSIGN_ISSUER", ISSUER.to_owned()),
        ]
        .into_iter()
        .chain(peers.map(|(name, peer)| (name, self.addresses(peer).join(","))))
        .collect()
    }

    /// The arguments by which a command-line client asks every replica of all services about its keys.
    #[must_use]
    pub fn key_arguments(&self) -> Vec<String> {
        let files = certificate(self.directory.path(), "operator");
        let mut arguments = Vec::new();
        for (index, service) in
            [ServiceName::Tenant, ServiceName::Identity, ServiceName::Mfa].iter().enumerate()
        {
            let addresses = self.addresses(index).into_iter().map(|address| format!("{service}={address}"));
            arguments.extend(addresses.flat_map(|named| ["--service".to_owned(), named]));
        }
        for (name, file) in [("--ca", files.ca), ("--cert", files.cert), ("--key", files.key)] {
            arguments.extend([name.to_owned(), file.display().to_string()]);
        }
        arguments
    }
}
