//! The replicas a person named, and asking them.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use proto::keys::key_service_client::KeyServiceClient;
use proto::keys::{GetKeyStatusRequest, GetKeyStatusResponse};
use rpc::{PeerChannel, TlsFiles};
use tokio::time::{Instant, sleep};
use types::ServiceName;

use super::report::Report;
use crate::cli::ReplicaOptions;
use crate::failure::{During as _, Failure, Outcome};
use crate::platform::{channel, refused};

/// How often they are asked while something is waited for.
const AGAIN: Duration = Duration::from_millis(500);

/// One replica of a service.
#[derive(Debug, Clone)]
pub(super) struct Replica {
    service: ServiceName,
    address: SocketAddr,
    client: KeyServiceClient<PeerChannel>,
}

impl fmt::Display for Replica {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.service, self.address)
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Replicas(Vec<Replica>);

impl Replicas {
    /// The replicas that were named; a host name stands for all its addresses.
    pub(super) async fn named(options: ReplicaOptions) -> Outcome<Self> {
        let ReplicaOptions { service, ca, cert, key } = options;
        let (Some(ca), Some(cert), Some(key)) = (ca, cert, key) else { return Ok(Self(Vec::new())) };
        let tls = TlsFiles { ca, cert, key };
        let mut replicas = Vec::new();
        for named in &service {
            let (service, host) = parse(named)?;
            for address in tokio::net::lookup_host(host).await.during(format!("find {host}"))? {
                let channel = channel(&[address.to_string()], &tls, service.as_str())?;
                replicas.push(Replica { service, address, client: KeyServiceClient::new(channel) });
            }
        }
        Ok(Self(replicas))
    }

    /// Whether none was named.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What every one of them says. One that does not answer is a failure: nothing is known about its keys.
    pub(super) async fn ask(&self) -> Outcome<Report> {
        let answers = self.0.iter().map(async |replica| Ok((replica.to_string(), ask(replica).await?)));
        let answers: Outcome<Vec<_>> = futures::future::join_all(answers).await.into_iter().collect();
        Ok(Report::of(answers?))
    }

    /// Asks until `holds` says what was waited for; says what it waits for whenever that changes. A replica that does not answer is
    /// waited for, too.
    pub(super) async fn until<T>(
        &self,
        patience: Duration,
        holds: impl Fn(&Report) -> Result<T, String>,
    ) -> Outcome<T> {
        let deadline = Instant::now() + patience;
        let mut told = String::new();
        loop {
            let lacking = match self
                .ask()
                .await
                .map_err(|failure| failure.to_string())
                .and_then(|report| holds(&report))
            {
                Ok(found) => return Ok(found),
                Err(lacking) => lacking,
            };
            if Instant::now() >= deadline {
                return Err(Failure::new(format!("still {lacking}; give the same command again to go on")));
            }
            if told != lacking {
                println!("waiting: {lacking}");
                told = lacking;
            }
            sleep(AGAIN).await;
        }
    }
}

async fn ask(replica: &Replica) -> Outcome<GetKeyStatusResponse> {
    let answer = replica.client.clone().get_key_status(GetKeyStatusRequest {}).await;
    answer.map(tonic::Response::into_inner).map_err(|status| refused(format!("ask {replica}"), &status))
}

fn parse(named: &str) -> Outcome<(ServiceName, &str)> {
    let unreadable = || Failure::new(format!("{named:?} is not NAME=HOST:PORT, such as mfa=10.0.0.7:7403"));
    let (service, host) = named.split_once('=').ok_or_else(unreadable)?;
    Ok((service.trim().parse().map_err(|_| unreadable())?, host.trim()))
}
