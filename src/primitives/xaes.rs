//! XAES-256-GCM, c2sp.org/XAES-256-GCM: AES-256-GCM with a 24-byte nonce that may be random.

use aes::Aes256;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};

use super::Unauthentic;
use super::aead::AesGcm;
use super::secret::wipe;

/// One key: the AES schedule and K1, both good for every message.
pub(crate) struct Xaes {
    aes: Aes256,
    k1: [u8; 16],
}

impl Xaes {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let aes = Aes256::new(key.into());
        let mut l = Block::<Aes256>::default();
        aes.encrypt_block(&mut l);
        let k1 = double(u128::from_be_bytes(l.into()));
        Self { aes, k1 }
    }

    /// Encrypts in place and returns the tag.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; 24],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; 16], Unauthentic> {
        let (aead, nonce) = self.derive(nonce);
        aead.seal(nonce, aad, in_out)
    }

    /// Decrypts in place if the tag is right.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 24],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Unauthentic> {
        let (aead, nonce) = self.derive(nonce);
        aead.open(nonce, aad, in_out, tag)
    }

    /// Derives the key and nonce of one message (steps 3 to 6).
    fn derive(&self, nonce: &[u8; 24]) -> (AesGcm, [u8; 12]) {
        let mut key = [0; 32];
        for (counter, half) in (1..).zip(key.chunks_exact_mut(16)) {
            let mut m = Block::<Aes256>::default();
            m[1] = counter;
            m[2] = b'X';
            m[4..].copy_from_slice(&nonce[..12]);
            m.iter_mut().zip(self.k1).for_each(|(m, k)| *m ^= k);
            self.aes.encrypt_block(&mut m);
            half.copy_from_slice(&m);
            wipe(&mut m);
        }
        let aead = AesGcm::new(&key);
        wipe(&mut key);
        let mut rest = [0; 12];
        rest.copy_from_slice(&nonce[12..]);
        (aead, rest)
    }
}

impl Drop for Xaes {
    fn drop(&mut self) {
        // The schedule wipes itself (feature `zeroize` of `aes`).
        wipe(&mut self.k1);
    }
}

/// Doubles L (step 2) without a branch on the secret: L << 1, and the polynomial where a bit fell
/// out.
fn double(l: u128) -> [u8; 16] {
    ((l << 1) ^ ((l >> 127) * 0b1000_0111)).to_be_bytes()
}
