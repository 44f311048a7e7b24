//! Argon2id, RFC 9106, version 0x13: a key from a passphrase.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize as _;

use super::secret::Secret;
use crate::error::{Detail, Error, Result};

/// Hashes to 32 bytes with `m` KiB of memory, `t` passes and `p` lanes. The memory is taken
/// fallibly: LIMIT where there is none.
pub(crate) fn hash(
    passphrase: &[u8],
    salt: &[u8; 16],
    m: u32,
    t: u32,
    p: u32,
) -> Result<Secret<32>> {
    let refused = |_| Error::limit("Argon2id costs that RFC 9106 does not allow");
    let params = Params::new(m, t, p, Some(32)).map_err(refused)?;
    let mut memory = Vec::new();
    let blocks = params.block_count();
    memory.try_reserve_exact(blocks).map_err(|_| {
        let what = format!(
            "too little memory: a passphrase of this strength takes {} MiB (Argon2id)",
            m.div_ceil(1_024)
        );
        Error::limit(Detail::new(what).hint(
            "end other programs, or let this one have more memory (`ulimit -v`), and run it again",
        ))
    })?;
    memory.resize(blocks, Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut result = Ok(());
    let key = Secret::make(|out| {
        result = argon2.hash_password_into_with_memory(passphrase, salt, out, &mut memory);
    });
    memory.zeroize();
    result.map_err(refused)?;
    Ok(key)
}
