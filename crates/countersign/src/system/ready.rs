//! Waiting until every service says that it serves.

use std::time::Duration;

use rpc::PeerChannel;
use tokio::time::Instant;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::failure::{Failure, Outcome};
use crate::layout::Layout;
use crate::platform::{Access, channel};

/// How long the services may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until every replica of every service is ready.
pub(crate) async fn wait(access: &Access, layout: &Layout) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    for (service, addresses) in
        [("tenant", &access.tenant), ("identity", &access.identity), ("mfa", &access.mfa)]
    {
        for address in addresses {
            let channel = channel(std::slice::from_ref(address), &access.tls, service)?;
            let mut health = HealthClient::new(channel);
            while !serves(&mut health).await {
                if Instant::now() > deadline {
                    return Err(Failure::new(format!(
                        "{service} at {address} is not ready after {} s; see {}",
                        PATIENCE.as_secs(),
                        layout.log(service).display()
                    )));
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        }
    }
    Ok(())
}

async fn serves(health: &mut HealthClient<PeerChannel>) -> bool {
    let answer = health.check(HealthCheckRequest { service: String::new() }).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}
