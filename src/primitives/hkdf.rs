//! HKDF, RFC 5869: Expand with SHA-512 for everything of ours, Extract and Expand with SHA-256
//! inside HPKE.

use super::backend;
use super::secret::Secret;

/// A 32-byte PRK for HKDF-Expand with SHA-512, ready for several derivations.
pub(crate) struct Prk(backend::Prk);

impl Prk {
    pub(crate) fn new(prk: &Secret<32>) -> Self {
        Self(backend::Prk::new(prk.expose()).expect("a PRK of 32 bytes"))
    }

    /// Fills `out`, at most 255 × 64 bytes.
    pub(crate) fn expand(&self, info: &[&[u8]], out: &mut [u8]) {
        self.0.expand(info, out).expect("an output of at most 16,320 bytes");
    }

    /// Expands to a new secret.
    pub(crate) fn expand_secret<const N: usize>(&self, info: &[&[u8]]) -> Secret<N> {
        Secret::make(|out| self.expand(info, out))
    }
}

/// Expands with SHA-256.
pub(crate) fn expand_sha256(prk: &Secret<32>, info: &[&[u8]], out: &mut [u8]) {
    backend::expand_sha256(prk.expose(), info, out).expect("an output of at most 8,160 bytes");
}

/// Extracts with SHA-256 from joined parts.
pub(crate) fn extract_sha256(salt: &[u8], ikm: &[&[u8]]) -> Secret<32> {
    Secret::make(|out| *out = backend::extract_sha256(salt, ikm))
}
