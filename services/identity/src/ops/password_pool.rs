//! Hashing passwords: Argon2id on a bounded pool.
//!
//! Each hash takes 19 MiB and a core for some 20 ms, so that guessing is dear; therefore at most `permits` run at once,
//! with memory that is used again, and at most `queue` wait. Every verification costs one hash, whoever it is for.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use fault::{Fault, Outcome, Reason};
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use types::{Password, random_bytes};

use crate::domain::password::StoredHash;

/// Memory in KiB, passes and lanes (OWASP's first choice for Argon2id).
const PARAMETERS: (u32, u32, u32) = (19_456, 2, 1);
const OUTPUT: usize = 32;

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the password is the hash's.
    pub matches: bool,
    /// Whether the hash was made with lower parameters than today's: hash the password again.
    pub outdated: bool,
}

/// How much hashing may go on at once.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// Hashes at once.
    pub permits: usize,
    /// Callers that may wait.
    pub queue: usize,
}

impl Default for PoolSize {
    /// As many hashes as cores; 64 callers may wait for each.
    fn default() -> Self {
        let permits = available_parallelism().map_or(2, usize::from);
        Self { permits, queue: permits * 64 }
    }
}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct PasswordPool {
    /// Who runs or waits.
    places: Arc<Semaphore>,
    /// Who runs.
    permits: Arc<Semaphore>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
    /// Verified against where there is no hash, so that nobody is faster for not existing.
    dummy: StoredHash,
}

impl PasswordPool {
    /// A pool; makes the hash that stands in for users that have none.
    ///
    /// # Errors
    /// INTERNAL when the operating system gives no randomness.
    pub fn new(size: PoolSize) -> Outcome<Self> {
        let secret = random_bytes::<32>().map_err(internal)?;
        let dummy = hash(secret.as_slice(), &mut Vec::new())?;
        Ok(Self {
            places: Arc::new(Semaphore::new(size.permits + size.queue)),
            permits: Arc::new(Semaphore::new(size.permits)),
            memory: Arc::default(),
            dummy,
        })
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// OVERLOADED when too many wait; INTERNAL.
    pub async fn hash(&self, password: Password) -> Outcome<StoredHash> {
        self.run(move |memory| hash(password.expose().as_bytes(), memory)).await
    }

    /// Whether a password is a hash's. Without a hash it costs the same and never matches.
    ///
    /// # Errors
    /// OVERLOADED when too many wait; CORRUPT when the hash cannot be read.
    pub async fn verify(&self, stored: Option<StoredHash>, password: Password) -> Outcome<Verdict> {
        let dummy = self.dummy.clone();
        self.run(move |memory| match stored {
            Some(stored) => verify(&stored, password.expose().as_bytes(), memory),
            None => {
                verify(&dummy, password.expose().as_bytes(), memory)?;
                Ok(Verdict { matches: false, outdated: false })
            }
        })
        .await
    }

    /// Runs one hash in its turn. A caller that goes away while waiting frees its place; a hash that runs, runs to its end.
    async fn run<T, F>(&self, work: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Vec<Block>) -> Outcome<T> + Send + 'static,
    {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Reason::Overloaded)?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(internal)?;
        let pool = Arc::clone(&self.memory);
        tokio::task::spawn_blocking(move || {
            let _held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, permit);
            let mut memory = pool.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let outcome = work(&mut memory);
            pool.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            outcome
        })
        .await
        .map_err(internal)?
    }
}

impl std::fmt::Debug for PasswordPool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PasswordPool").finish_non_exhaustive()
    }
}

fn parameters() -> Outcome<Params> {
    let (memory, passes, lanes) = PARAMETERS;
    Params::new(memory, passes, lanes, Some(OUTPUT)).map_err(internal)
}

fn hash(password: &[u8], memory: &mut Vec<Block>) -> Outcome<StoredHash> {
    let parameters = parameters()?;
    let salt = random_bytes::<16>().map_err(internal)?;
    let output = compute(&parameters, Version::V0x13, password, salt.as_slice(), memory)?;
    let phc = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&parameters).map_err(internal)?,
        salt: Some(Salt::new(salt.as_slice()).map_err(internal)?),
        hash: Some(Output::new(&output).map_err(internal)?),
    };
    Ok(StoredHash::new(phc.to_string()))
}

fn verify(stored: &StoredHash, password: &[u8], memory: &mut Vec<Block>) -> Outcome<Verdict> {
    let phc = PasswordHash::new(stored.expose()).map_err(corrupt)?;
    let (Some(salt), Some(expected)) = (phc.salt, phc.hash) else {
        return Err(corrupt("a password hash lacks its salt or its output"));
    };
    if phc.algorithm != ARGON2ID_IDENT {
        return Err(corrupt("a password hash is of another algorithm"));
    }
    let version = phc.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(corrupt)?;
    let parameters = Params::try_from(&phc).map_err(corrupt)?;
    let output = compute(&parameters, version, password, salt.as_ref(), memory)?;
    let present = (parameters.m_cost(), parameters.t_cost(), parameters.p_cost());
    Ok(Verdict {
        matches: output.as_slice().ct_eq(expected.as_bytes()).into(),
        outdated: present.0 < PARAMETERS.0 || present.1 < PARAMETERS.1,
    })
}

fn compute(
    parameters: &Params,
    version: Version,
    password: &[u8],
    salt: &[u8],
    memory: &mut Vec<Block>,
) -> Outcome<Vec<u8>> {
    let blocks = parameters.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let mut output = vec![0; parameters.output_len().unwrap_or(OUTPUT)];
    Argon2::new(Algorithm::Argon2id, version, parameters.clone())
        .hash_password_into_with_memory(password, salt, &mut output, memory.as_mut_slice())
        .map_err(internal)?;
    Ok(output)
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::new(Reason::Internal).with_cause(error)
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::new(Reason::Corrupt).with_cause(error)
}

#[cfg(test)]
mod tests;
