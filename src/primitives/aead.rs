//! AES-256-GCM, NIST SP 800-38D: 32-byte key, 12-byte nonce, 16-byte tag behind the ciphertext.

use super::{Unauthentic, backend};

/// One key, ready for use. The caller keeps every nonce unique under it.
pub(crate) struct AesGcm(backend::AesGcm);

impl AesGcm {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(backend::AesGcm::new(key))
    }

    /// Encrypts in place and returns the tag. Fails only above 2^36 - 32 bytes.
    pub(crate) fn seal(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; 16], Unauthentic> {
        self.0.seal(nonce, aad, in_out)
    }

    /// Decrypts in place if the tag is right. After a failure the buffer holds no plaintext.
    pub(crate) fn open(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Unauthentic> {
        self.0.open_to_front(nonce, aad, in_out, 0, tag)
    }

    /// Decrypts what begins at `from` to the front of the buffer. After a failure nothing of
    /// the plaintext is in it.
    pub(crate) fn open_to_front(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        from: usize,
        tag: &[u8; 16],
    ) -> Result<(), Unauthentic> {
        self.0.open_to_front(nonce, aad, in_out, from, tag)
    }
}
