//! `countersign.keys.v1.KeyService`.

use data_encoding::HEXLOWER;
use eventlog::Followed;
use fault::Outcome;
use proto::keys::key_service_server::{KeyService, KeyServiceServer};
use proto::keys::{FollowedCursor, GetKeyStatusRequest, GetKeyStatusResponse, KeyUsage};
use rpc::respond;
use tonic::{Request, Response, Status};

use super::Keys;

/// The service over a service's keys.
pub(crate) fn key_service(keys: Keys) -> KeyServiceServer<KeyRpc> {
    KeyServiceServer::new(KeyRpc { keys })
}

/// See [`key_service`].
pub(crate) struct KeyRpc {
    keys: Keys,
}

impl KeyRpc {
    async fn status(&self) -> Outcome<GetKeyStatusResponse> {
        let Keys { service, store, keyring, .. } = &self.keys;
        let mut in_use = self.keys.in_use().await?;
        let held = keyring.check_values().into_iter().map(|(id, value)| KeyUsage {
            is_held: true,
            sealed_secrets: in_use.remove(id.as_str()).unwrap_or(0),
            check_value: HEXLOWER.encode(&value),
            key_id: id.to_string(),
        });
        let mut keys: Vec<KeyUsage> = held.collect();
        keys.extend(in_use.into_iter().map(|(key_id, sealed_secrets)| KeyUsage {
            key_id,
            sealed_secrets,
            ..KeyUsage::default()
        }));
        let cursors = Followed::new(store.clone()).cursor_keys().await?;
        let cursor = |(service, key_id): (String, keyring::KeyId)| FollowedCursor {
            service,
            key_id: key_id.to_string(),
        };
        Ok(GetKeyStatusResponse {
            service: service.to_string(),
            primary_key_id: keyring.primary().to_string(),
            keys,
            followed_cursors: cursors.into_iter().map(cursor).collect(),
        })
    }
}

#[tonic::async_trait]
impl KeyService for KeyRpc {
    async fn get_key_status(
        &self,
        _: Request<GetKeyStatusRequest>,
    ) -> Result<Response<GetKeyStatusResponse>, Status> {
        respond(self.status().await)
    }
}
