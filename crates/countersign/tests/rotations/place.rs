//! A running system as who operates it sees it: where its servers are, and its files.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use keyring::Keyring;
use testkit::TestSystem;
use tokio::process::Command;
use types::ServiceName;

use crate::certificates::{Authority, admits, shows};
use crate::load::Load;
use crate::running::Running;

/// How many there are of each service.
pub(crate) const REPLICAS: usize = 2;

/// What the exchange of certificates and keys needs to know.
pub(crate) struct Place {
    certificates: PathBuf,
    /// By service, in their order.
    keyrings: [PathBuf; 3],
    /// By service, then by replica.
    pub(crate) servers: [[SocketAddr; REPLICAS]; 3],
}

impl Place {
    pub(crate) fn of_system(system: &TestSystem) -> Self {
        let services = [ServiceName::Tenant, ServiceName::Identity, ServiceName::Mfa];
        Self {
            certificates: system.certificates_dir(),
            keyrings: services.map(|service| system.keyring_dir(service)),
            servers: services.map(|service| [0, 1].map(|replica| system.address_of(replica, service))),
        }
    }

    pub(crate) fn of_processes(running: &Running) -> Self {
        let services = ["TENANT", "IDENTITY", "MFA"];
        // The second replica is ten ports further.
        let servers = |service: &str| {
            let first: SocketAddr = running.get(&format!("{service}_ADDR")).parse().unwrap();
            [0, 10].map(|offset| SocketAddr::new(first.ip(), first.port() + offset))
        };
        Self {
            certificates: Path::new(running.get("CA_CERT")).parent().unwrap().to_owned(),
            keyrings: services.map(|service| running.get(&format!("{service}_KEYRING_DIR")).into()),
            servers: services.map(servers),
        }
    }

    /// Every server with the name that its certificate has.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = (ServiceName, SocketAddr)> {
        let of = |(service, servers): (&'static ServiceName, [SocketAddr; REPLICAS])| {
            servers.map(|server| (*service, server))
        };
        ServiceName::ALL.iter().zip(self.servers).flat_map(of)
    }

    /// New certificates from the same authority: all servers show them, with nothing started anew.
    pub(crate) async fn renew_certificates(&self, load: &Load) {
        Authority::of(&self.certificates).put_into(&self.certificates);
        self.show_what_lies_there().await;
        load.flows().await;
    }

    /// Another authority, in the three steps of `docs/operating.md`: trust both, take the new one's certificates, trust it alone.
    pub(crate) async fn change_authority(&self, load: &Load) {
        let (old, new) = (Authority::of(&self.certificates), Authority::new());
        let trusted = self.certificates.join("ca.crt");
        let of_new = fs::read(new.certificate()).unwrap();
        let both = [fs::read(&trusted).unwrap(), of_new.clone()].concat();

        fs::write(&trusted, both).unwrap();
        for (service, server) in self.everyone() {
            admits(server, service.as_str(), &new.operator(&trusted), true).await;
            admits(server, service.as_str(), &old.operator(&old.certificate()), true).await;
        }
        load.flows().await;

        new.put_into(&self.certificates);
        self.show_what_lies_there().await;
        load.flows().await;

        fs::write(&trusted, of_new).unwrap();
        for (service, server) in self.everyone() {
            admits(server, service.as_str(), &old.operator(&new.certificate()), false).await;
            admits(server, service.as_str(), &new.operator(&new.certificate()), true).await;
        }
        load.flows().await;
    }

    pub(crate) async fn show_what_lies_there(&self) {
        for (service, server) in self.everyone() {
            shows(server, &self.certificates.join(format!("{service}.crt"))).await;
        }
    }

    /// Every service gets a fresh key, under which all its secrets are sealed. What of that takes longer than `patience` - kept
    /// answers are not sealed anew but waited for, ten minutes of the services' clock - is not waited for, where one is given.
    pub(crate) async fn rotate_keyrings(&self, load: &Load, patience: Option<&str>) {
        let replicas: Vec<_> =
            self.everyone().map(|(service, server)| format!("{service}={server}")).collect();
        let replicas = replicas.join(",");
        for directory in &self.keyrings {
            let directory = directory.to_str().unwrap();
            let mut arguments = vec!["rotate", "--dir", directory, "--service", &replicas];
            arguments.extend(patience.into_iter().flat_map(|seconds| ["--patience", seconds]));
            let (succeeded, told) = self.keys(&arguments).await;
            assert!(told.contains("k2 is primary"), "{told}");
            assert!(succeeded || patience.is_some(), "{told}");
            assert_eq!(Keyring::load(directory.as_ref()).unwrap().primary().as_str(), "k2");
            load.flows().await;
        }
    }

    /// The next signing key is published, beside the one that signs; what the command says.
    pub(crate) async fn publish_signing_key(&self, load: &Load) -> String {
        load.until("one key is published", 30, |seen| seen.published.len() == 1).await;
        let [_, [identity, _], _] = self.servers;
        let (succeeded, told) =
            self.keys(&["rotate-signing-key", "--identity-addr", &identity.to_string()]).await;
        assert!(succeeded, "{told}");
        load.until("both keys are published", 60, |seen| seen.published.len() == 2).await;
        told
    }

    /// Whether `countersign keys …` succeeds for the operator, and what it says.
    async fn keys(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("keys").args(arguments);
        for (flag, name) in [("--ca", "ca.crt"), ("--cert", "operator.crt"), ("--key", "operator.key")] {
            command.arg(flag).arg(self.certificates.join(name));
        }
        let output = command.output().await.unwrap();
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }
}
