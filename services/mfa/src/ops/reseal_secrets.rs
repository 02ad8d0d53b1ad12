//! Sealing anew under the keyring's primary key, after a rotation: each secret for the very place and state it was sealed for,
//! so that nothing opens afterwards that did not open before.

use async_trait::async_trait;
use clock::Timestamp;
use fault::Outcome;
use host::{InUse, Resealed, Resealing, SealedTable, Secrets};
use keyring::{KeyId, Keyring};
use store::{Store, Unit};
use types::OrganizationPath;

use super::recovery_key;
use super::secrets::{Holder, seal_anew};
use crate::domain::Factor;
use crate::store::organization;
use crate::store::sealed::{self, PendingPlace, RecoveryPlace, SealedRow};

const RESEALED: &str = "mfa.secret.resealed";

/// Everything that mfa has sealed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealedSecrets;

#[async_trait]
impl Secrets for SealedSecrets {
    async fn in_use(&self, store: &Store, now: Timestamp) -> Outcome<InUse> {
        sealed::in_use(store, now).await
    }

    async fn reseal(&self, work: &Resealing<'_>) -> Outcome<u64> {
        let factors = work.table(Factors).await?;
        let recovery = work.table(Recovery).await?;
        let pending = work.table(Pending).await?;
        Ok(factors + recovery + pending + work.table(PendingRecovery).await?)
    }

    async fn provider(&self, store: &Store) -> Outcome<Option<OrganizationPath>> {
        Ok(organization::provider(store).await?)
    }
}

/// The secrets of factors.
#[derive(Debug, Clone, Copy)]
struct Factors;

#[async_trait]
impl SealedTable for Factors {
    type Row = SealedRow<Factor>;

    fn name(&self) -> &'static str {
        "factor"
    }

    fn event_type(&self) -> &'static str {
        RESEALED
    }

    async fn read(
        &self,
        store: &Store,
        key: &KeyId,
        after: Option<&Self::Row>,
        limit: i64,
    ) -> Outcome<Vec<Self::Row>> {
        Ok(sealed::factors_under(store, key.as_str(), after, limit).await?)
    }

    fn seal_anew(&self, keyring: &Keyring, row: &Self::Row) -> Outcome<Vec<u8>> {
        seal_anew(keyring, Holder::of_factor(&row.place), row.user.user_id, &row.sealed)
    }

    async fn replace(&self, unit: &Unit<'_>, rows: &[Resealed<Self::Row>]) -> Outcome<u64> {
        Ok(sealed::replace_factors(unit, rows).await?)
    }
}

/// The keys of recovery codes.
#[derive(Debug, Clone, Copy)]
struct Recovery;

#[async_trait]
impl SealedTable for Recovery {
    type Row = SealedRow<RecoveryPlace>;

    fn name(&self) -> &'static str {
        "recovery_codes"
    }

    fn event_type(&self) -> &'static str {
        RESEALED
    }

    async fn read(
        &self,
        store: &Store,
        key: &KeyId,
        after: Option<&Self::Row>,
        limit: i64,
    ) -> Outcome<Vec<Self::Row>> {
        Ok(sealed::recovery_under(store, key.as_str(), after, limit).await?)
    }

    fn seal_anew(&self, keyring: &Keyring, row: &Self::Row) -> Outcome<Vec<u8>> {
        recovery_key::seal_set_anew(keyring, row.user.user_id, row.place, &row.sealed)
    }

    async fn replace(&self, unit: &Unit<'_>, rows: &[Resealed<Self::Row>]) -> Outcome<u64> {
        Ok(sealed::replace_recovery(unit, rows).await?)
    }
}

/// The secrets of enrolments under way.
#[derive(Debug, Clone, Copy)]
struct Pending;

#[async_trait]
impl SealedTable for Pending {
    type Row = SealedRow<PendingPlace>;

    fn name(&self) -> &'static str {
        "pending_enrollment"
    }

    fn event_type(&self) -> &'static str {
        RESEALED
    }

    async fn read(
        &self,
        store: &Store,
        key: &KeyId,
        after: Option<&Self::Row>,
        limit: i64,
    ) -> Outcome<Vec<Self::Row>> {
        Ok(sealed::pending_under(store, key.as_str(), after, limit).await?)
    }

    fn seal_anew(&self, keyring: &Keyring, row: &Self::Row) -> Outcome<Vec<u8>> {
        seal_anew(keyring, Holder::Pending(row.place.enrollment), row.user.user_id, &row.sealed)
    }

    async fn replace(&self, unit: &Unit<'_>, rows: &[Resealed<Self::Row>]) -> Outcome<u64> {
        Ok(sealed::replace_pending(unit, rows).await?)
    }
}

/// The keys of recovery codes that were shown and are not good yet.
#[derive(Debug, Clone, Copy)]
struct PendingRecovery;

#[async_trait]
impl SealedTable for PendingRecovery {
    type Row = SealedRow<PendingPlace>;

    fn name(&self) -> &'static str {
        "pending_enrollment"
    }

    fn event_type(&self) -> &'static str {
        RESEALED
    }

    async fn read(
        &self,
        store: &Store,
        key: &KeyId,
        after: Option<&Self::Row>,
        limit: i64,
    ) -> Outcome<Vec<Self::Row>> {
        Ok(sealed::pending_recovery_under(store, key.as_str(), after, limit).await?)
    }

    fn seal_anew(&self, keyring: &Keyring, row: &Self::Row) -> Outcome<Vec<u8>> {
        recovery_key::seal_pending_anew(keyring, row.user.user_id, row.place.enrollment, &row.sealed)
    }

    async fn replace(&self, unit: &Unit<'_>, rows: &[Resealed<Self::Row>]) -> Outcome<u64> {
        Ok(sealed::replace_pending_recovery(unit, rows).await?)
    }
}
