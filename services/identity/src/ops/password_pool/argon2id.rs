//! The hash itself: Argon2id and its stored form.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use fault::{Fault, Outcome, Reason};
use subtle::ConstantTimeEq;
use types::random_bytes;

use super::{Verdict, internal};
use crate::domain::password::StoredHash;

/// Memory in KiB, passes and lanes (OWASP's first choice for Argon2id).
const PARAMETERS: (u32, u32, u32) = (19_456, 2, 1);
const OUTPUT: usize = 32;

fn parameters() -> Outcome<Params> {
    let (memory, passes, lanes) = PARAMETERS;
    Params::new(memory, passes, lanes, Some(OUTPUT)).map_err(internal)
}

pub(super) fn hash(password: &[u8], memory: &mut Vec<Block>) -> Outcome<StoredHash> {
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

pub(super) fn verify(stored: &StoredHash, password: &[u8], memory: &mut Vec<Block>) -> Outcome<Verdict> {
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

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::new(Reason::Corrupt).with_cause(error)
}
