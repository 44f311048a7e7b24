//! The portable backend: AES-256-GCM, HKDF and SHA-256 by the RustCrypto crates.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::Unauthentic;
use super::secret::wipe;

pub(crate) struct AesGcm(Aes256Gcm);

impl AesGcm {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    pub(crate) fn seal(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; 16], Unauthentic> {
        let sealed = self.0.encrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(in_out));
        sealed.map(Into::into).map_err(|_| Unauthentic)
    }

    pub(crate) fn open_to_front(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        from: usize,
        tag: &[u8; 16],
    ) -> Result<(), Unauthentic> {
        let text = InOutBuf::from(in_out.get_mut(from..).ok_or(Unauthentic)?);
        let opened = self.0.decrypt_inout_detached(&nonce.into(), aad, text, tag.into());
        in_out.copy_within(from.., 0);
        let text = in_out.len() - from;
        wipe(&mut in_out[text..]);
        opened.map_err(|_| Unauthentic)
    }
}

/// A PRK for SHA-512, ready for use.
pub(crate) struct Prk(Hkdf<Sha512>);

impl Prk {
    /// A PRK shorter than the hash is refused by the crate; HMAC pads a key with zeros itself (RFC
    /// 2104 section 2), so the padded one gives the same.
    pub(crate) fn new(prk: &[u8]) -> Result<Self, Unauthentic> {
        let mut padded = Zeroizing::new([0; 64]);
        padded.get_mut(..prk.len()).ok_or(Unauthentic)?.copy_from_slice(prk);
        Hkdf::from_prk(&*padded).map(Self).map_err(|_| Unauthentic)
    }

    pub(crate) fn expand(&self, info: &[&[u8]], out: &mut [u8]) -> Result<(), Unauthentic> {
        self.0.expand_multi_info(info, out).map_err(|_| Unauthentic)
    }
}

pub(crate) fn expand_sha256(
    prk: &[u8; 32],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), Unauthentic> {
    let hkdf = Hkdf::<Sha256>::from_prk(prk).map_err(|_| Unauthentic)?;
    hkdf.expand_multi_info(info, out).map_err(|_| Unauthentic)
}

pub(crate) fn extract_sha256(salt: &[u8], ikm: &[&[u8]]) -> [u8; 32] {
    let mut extract = hkdf::HkdfExtract::<Sha256>::new(Some(salt));
    ikm.iter().for_each(|part| extract.input_ikm(part));
    let (prk, _) = extract.finalize();
    prk.into()
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}
