//! The key of one body. Only a sealed or a verified header makes one (SPEC R30, R34, R36).

use crate::error::{Error, Result};
use crate::format::layout::BODY_PREFIX;
use crate::keys::DataKey;
use crate::primitives::aead::AesGcm;
use crate::primitives::secret::{equal, wipe};

/// AES-256-GCM key and base nonce of a body, with the bytes that stand in front of its chunks.
pub(crate) struct PayloadKey {
    /// Large, and moved often: in one place it stays.
    aead: Box<AesGcm>,
    base_nonce: [u8; 12],
    prefix: [u8; BODY_PREFIX],
}

impl PayloadKey {
    /// Derives the key of a new body (R30).
    #[inline]
    pub(crate) fn derive(data_key: &DataKey, salt: [u8; 24], statement_hash: &[u8]) -> Self {
        let keys = data_key.body(&salt, statement_hash);
        let keys = keys.expose();
        let (mut key, mut base_nonce) = ([0; 32], [0; 12]);
        key.copy_from_slice(&keys[..32]);
        base_nonce.copy_from_slice(&keys[32..44]);
        let mut prefix = [0; BODY_PREFIX];
        prefix[..24].copy_from_slice(&salt);
        prefix[24..].copy_from_slice(&keys[44..]);
        let aead = Box::new(AesGcm::new(&key));
        wipe(&mut key);
        Self { aead, base_nonce, prefix }
    }

    /// Derives the key of an existing body (R35); another commitment is AUTH, before any chunk is
    /// read.
    #[inline]
    pub(crate) fn verify(
        data_key: &DataKey,
        prefix: &[u8; BODY_PREFIX],
        statement_hash: &[u8],
    ) -> Result<Self> {
        let mut salt = [0; 24];
        salt.copy_from_slice(&prefix[..24]);
        let payload = Self::derive(data_key, salt, statement_hash);
        if equal(&payload.prefix, prefix) { Ok(payload) } else { Err(Error::Auth) }
    }

    /// Returns salt and commitment.
    pub(crate) const fn prefix(&self) -> &[u8; BODY_PREFIX] {
        &self.prefix
    }

    pub(crate) fn commitment(&self) -> [u8; 32] {
        let mut commitment = [0; 32];
        commitment.copy_from_slice(&self.prefix[24..]);
        commitment
    }

    /// Seals chunk `index` in place and returns its tag. The caller seals each index once (R34).
    pub(crate) fn seal_chunk(&self, index: u64, chunk: &mut [u8]) -> Result<[u8; 16]> {
        self.aead.seal(self.nonce(index), &[], chunk).map_err(|_| Error::Auth)
    }

    /// Opens chunk `index`, whose ciphertext begins at `from`, to the front of the buffer if its tag
    /// is right.
    pub(crate) fn open_chunk(
        &self,
        index: u64,
        in_out: &mut [u8],
        from: usize,
        tag: &[u8; 16],
    ) -> Result<()> {
        let nonce = self.nonce(index);
        self.aead.open_to_front(nonce, &[], in_out, from, tag).map_err(|_| Error::Auth)
    }

    /// Returns the base nonce XOR the chunk number as a big-endian integer of 12 bytes.
    fn nonce(&self, index: u64) -> [u8; 12] {
        let mut nonce = self.base_nonce;
        nonce[4..].iter_mut().zip(index.to_be_bytes()).for_each(|(n, i)| *n ^= i);
        nonce
    }
}
