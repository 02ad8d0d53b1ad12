//! A whole system on this machine: database, certificates, keys, the services as child processes, the demo tree.
//!
//! Started by `up` and by `tour`. Everything that dies is started again; everything ends with this process.

mod child;
mod database;
mod ready;

use std::fs::File;
use std::path::PathBuf;

use keyring::Keyring;
use local::certificates::DevCa;
use types::ServiceName;

use self::child::{Child, ChildPlan};
use self::database::Database;
use crate::demo::Demo;
use crate::env_file::EnvFile;
use crate::failure::{During as _, Failure, Outcome};
use crate::layout::{Layout, write_private};
use crate::platform::{Access, Platform};

/// The trust domain of the development certificates.
const TRUST_DOMAIN: &str = "countersign.local";

/// How to run it.
#[derive(Debug, Clone)]
pub(crate) struct SystemOptions {
    pub(crate) data_dir: PathBuf,
    /// Whether the data directory goes with the system.
    pub(crate) ephemeral: bool,
    pub(crate) port_base: u16,
    pub(crate) replicas: u16,
    pub(crate) database_url: Option<String>,
}

/// A running system.
pub(crate) struct System {
    layout: Layout,
    options: SystemOptions,
    database: Database,
    children: Vec<Child>,
    demo: Demo,
    /// Held for as long as this runs: two systems never share a data directory.
    _lock: File,
}

impl System {
    /// Starts everything and waits until it can be used.
    pub(crate) async fn start(options: SystemOptions) -> Outcome<Self> {
        let root = std::path::absolute(&options.data_dir).during("find the data directory")?;
        let layout = Layout::new(root);
        std::fs::create_dir_all(layout.run()).during(format!("create {}", layout.run().display()))?;
        let lock = lock(&layout)?;

        // Before the databases: whether there is anything yet that the keys must fit can only be told now.
        keys(&layout)?;
        let database = Database::start(&layout, &options).await?;
        certificates(&layout)?;
        std::fs::write(layout.descriptor_set(), proto::DESCRIPTOR_SET).during("write the descriptor set")?;

        let mut children = Vec::new();
        for replica in 0..options.replicas {
            for service in ServiceName::ALL {
                children.push(Child::start(plan(&layout, &options, &database, *service, replica)?)?);
            }
        }
        let demo = Demo::load(layout.demo())?;
        let mut system = Self { layout, options, database, children, demo, _lock: lock };
        match system.make_usable().await {
            Ok(()) => Ok(system),
            Err(failure) => {
                system.stop().await?;
                Err(failure)
            }
        }
    }

    async fn make_usable(&mut self) -> Outcome<()> {
        ready::wait(&self.access("operator"), &self.layout).await?;
        let operator = Platform::connect(&self.access("operator"))?;
        let console = Platform::connect(&self.access("console"))?;
        self.demo.complete(&operator, &console).await?;
        self.env_file().write(&self.layout.env_file())
    }

    /// Access as a peer whose certificate lies in the data directory.
    pub(crate) fn access(&self, peer: &str) -> Access {
        Access::in_layout(&self.layout, peer, addresses(&self.options))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn demo(&self) -> &Demo {
        &self.demo
    }

    /// Stops the services, then the database; bounded.
    pub(crate) async fn stop(mut self) -> Outcome<()> {
        futures::future::join_all(self.children.drain(..).map(Child::stop)).await;
        self.database.stop().await?;
        if self.options.ephemeral {
            std::fs::remove_dir_all(self.layout.root()).during("remove the temporary data directory")?;
        }
        Ok(())
    }

    fn env_file(&self) -> EnvFile {
        let mut env = EnvFile::default();
        for (service, addresses) in ServiceName::ALL.iter().zip(addresses(&self.options)) {
            let key = service.as_str().to_uppercase();
            env.set(format!("{key}_ADDR"), addresses.first().cloned().unwrap_or_default());
        }
        for service in ServiceName::ALL {
            let key = service.as_str().to_uppercase();
            env.set(format!("{key}_OPS"), format!("127.0.0.1:{}", ops_port(&self.options, *service, 0)));
        }
        env.set("DESCRIPTOR_SET", self.layout.descriptor_set().display());
        for service in ServiceName::ALL {
            let key = service.as_str().to_uppercase();
            env.set(format!("DATABASE_URL_{key}"), self.database.owner_url(*service));
        }
        for service in ServiceName::ALL {
            let key = service.as_str().to_uppercase();
            env.set(format!("{key}_KEYRING_DIR"), self.layout.keyring(*service).display());
        }
        env.set("KEY_REPLICAS", key_replicas(addresses(&self.options)));
        env.set("CA_CERT", self.layout.ca_certificate().display());
        for (key, peer) in [("CONSOLE", "console"), ("OPERATOR", "operator"), ("BROKER", "broker")] {
            env.set(format!("{key}_CERT"), self.layout.certificate(peer).display());
            env.set(format!("{key}_KEY"), self.layout.key(peer).display());
        }
        self.demo.describe(&mut env);
        env
    }
}

fn lock(layout: &Layout) -> Outcome<File> {
    let path = layout.run().join("lock");
    let file = File::create(&path).during(format!("create {}", path.display()))?;
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => Failure::new(format!(
            "a system is running on {} already; choose another --data-dir (and --port-base), or stop it",
            layout.root().display()
        )),
        std::fs::TryLockError::Error(error) => {
            Failure::new(format!("could not lock {}: {error}", path.display()))
        }
    })?;
    Ok(file)
}

fn certificates(layout: &Layout) -> Outcome<()> {
    let ca = DevCa::load_or_create(&layout.certificates()).during("make the development CA")?;
    for peer in ["tenant", "identity", "mfa", "console", "operator", "broker"] {
        ca.issue(peer).during(format!("issue the certificate of {peer}"))?;
    }
    Ok(())
}

/// Opens every service's keys, or makes them where there is nothing yet that others were made for.
fn keys(layout: &Layout) -> Outcome<()> {
    let has_data = layout.database_passwords().exists();
    for service in ServiceName::ALL {
        let directory = layout.keyring(*service);
        if directory.exists() || has_data {
            Keyring::load(&directory).during(format!("open the keys of {service}"))?;
        } else {
            Keyring::create(&directory).during(format!("make the keys of {service}"))?;
        }
    }
    Ok(())
}

/// The addresses of all replicas, by service in the order of [`ServiceName::ALL`].
fn addresses(options: &SystemOptions) -> [Vec<String>; 3] {
    [ServiceName::Tenant, ServiceName::Identity, ServiceName::Mfa].map(|service| {
        (0..options.replicas)
            .map(|replica| format!("127.0.0.1:{}", port(options, service, replica)))
            .collect()
    })
}

/// All replicas as `keys --service` takes them.
fn key_replicas(addresses: [Vec<String>; 3]) -> String {
    let [tenant, identity, mfa] = addresses;
    let of = |service: ServiceName, addresses: Vec<String>| {
        addresses.into_iter().map(move |address| format!("{service}={address}"))
    };
    let all = of(ServiceName::Tenant, tenant)
        .chain(of(ServiceName::Identity, identity))
        .chain(of(ServiceName::Mfa, mfa));
    all.collect::<Vec<_>>().join(",")
}

fn port(options: &SystemOptions, service: ServiceName, replica: u16) -> u16 {
    let offset = match service {
        ServiceName::Tenant => 1,
        ServiceName::Identity => 2,
        ServiceName::Mfa => 3,
    };
    options.port_base.saturating_add(offset).saturating_add(replica.saturating_mul(10))
}

/// Beside the three services' own.
fn ops_port(options: &SystemOptions, service: ServiceName, replica: u16) -> u16 {
    port(options, service, replica).saturating_add(3)
}

/// What a service's process is told. Secrets go through the environment, which other users cannot read.
fn plan(
    layout: &Layout,
    options: &SystemOptions,
    database: &Database,
    service: ServiceName,
    replica: u16,
) -> Outcome<ChildPlan> {
    let name = if replica == 0 { service.to_string() } else { format!("{service}-{replica}") };
    let [tenant, identity, mfa] = addresses(options).map(|addresses| addresses.join(","));
    let text = |path: PathBuf| path.display().to_string();
    let mut environment = vec![
        ("COUNTERSIGN_LISTEN", format!("127.0.0.1:{}", port(options, service, replica))),
        ("COUNTERSIGN_OPS_LISTEN", format!("127.0.0.1:{}", ops_port(options, service, replica))),
        // Less than a child is given to end.
        ("COUNTERSIGN_DRAIN_SECONDS", "5".to_owned()),
        ("COUNTERSIGN_DATABASE_URL", database.service_url(service)),
        ("COUNTERSIGN_SEQUENCER_DATABASE_URL", database.sequencer_url(service)),
        ("COUNTERSIGN_KEYRING_DIR", text(layout.keyring(service))),
        ("COUNTERSIGN_TLS_CA", text(layout.ca_certificate())),
        ("COUNTERSIGN_TLS_CERT", text(layout.certificate(service.as_str()))),
        ("COUNTERSIGN_TLS_KEY", text(layout.key(service.as_str()))),
        ("COUNTERSIGN_TRUST_DOMAIN", TRUST_DOMAIN.to_owned()),
        ("COUNTERSIGN_REFLECTION", "on".to_owned()),
    ];
    if service == ServiceName::Identity {
        environment.push(("COUNTERSIGN_BROKER_PEERS", "broker".to_owned()));
    }
    for (peer, variable, addresses) in [
        (ServiceName::Tenant, "COUNTERSIGN_TENANT_ADDR", tenant),
        (ServiceName::Identity, "COUNTERSIGN_IDENTITY_ADDR", identity),
        (ServiceName::Mfa, "COUNTERSIGN_MFA_ADDR", mfa),
    ] {
        if peer != service {
            environment.push((variable, addresses));
        }
    }
    Ok(ChildPlan {
        program: std::env::current_exe().during("find this binary")?,
        arguments: vec!["serve".to_owned(), "--until-stdin-closes".to_owned(), service.to_string()],
        environment,
        pid_file: layout.pid_file(&name),
        log: layout.log(&name),
        name,
    })
}

/// Writes a process id where scripts look for it.
fn write_pid(path: &std::path::Path, pid: u32) {
    if let Err(error) = write_private(path, format!("{pid}\n").as_bytes()) {
        tracing::warn!(%error, path = %path.display(), "could not write the process id");
    }
}
