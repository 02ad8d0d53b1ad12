//! Sealing anew under the keyring's primary key, after a rotation.

use async_trait::async_trait;
use fault::Outcome;
use host::{InUse, Resealed, Resealing, SealedTable, Secrets};
use keyring::{KeyId, Keyring};
use store::{Store, Unit};
use types::OrganizationPath;

use super::access_tokens::seal_anew;
use crate::domain::Timestamp;
use crate::store::organizations;
use crate::store::sealed::{self, SealedKey};

/// Everything that identity has sealed: the keys that sign access tokens, and answers that die within minutes.
#[derive(Debug, Clone, Copy)]
pub struct SealedSecrets;

#[async_trait]
impl Secrets for SealedSecrets {
    async fn in_use(&self, store: &Store, now: Timestamp) -> Outcome<InUse> {
        sealed::in_use(store, now).await
    }

    async fn reseal(&self, work: &Resealing<'_>) -> Outcome<u64> {
        work.table(SigningKeys).await
    }

    async fn provider(&self, store: &Store) -> Outcome<Option<OrganizationPath>> {
        Ok(organizations::provider(store).await?)
    }
}

#[derive(Debug, Clone, Copy)]
struct SigningKeys;

#[async_trait]
impl SealedTable for SigningKeys {
    type Row = SealedKey;

    fn name(&self) -> &'static str {
        "signing_key"
    }

    fn event_type(&self) -> &'static str {
        "identity.secret.resealed"
    }

    async fn read(
        &self,
        store: &Store,
        key: &KeyId,
        after: Option<&SealedKey>,
        limit: i64,
    ) -> Outcome<Vec<SealedKey>> {
        Ok(sealed::signing_keys_under(store, key.as_str(), after, limit).await?)
    }

    fn seal_anew(&self, keyring: &Keyring, row: &SealedKey) -> Outcome<Vec<u8>> {
        seal_anew(keyring, &row.key_id, &row.sealed)
    }

    async fn replace(&self, unit: &Unit<'_>, rows: &[Resealed<SealedKey>]) -> Outcome<u64> {
        Ok(sealed::replace_signing_keys(unit, rows).await?)
    }
}
