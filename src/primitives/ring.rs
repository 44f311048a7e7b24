//! The fast backend: AES-256-GCM, HKDF and SHA-256 by `ring`.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::{digest, hkdf};

use super::Unauthentic;

pub(crate) struct AesGcm(LessSafeKey);

impl AesGcm {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        // The length is the algorithm's own.
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of 32 bytes")))
    }

    pub(crate) fn seal(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; 16], Unauthentic> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), in_out);
        let tag = tag.map_err(|_| Unauthentic)?;
        tag.as_ref().try_into().map_err(|_| Unauthentic)
    }

    pub(crate) fn open_to_front(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        from: usize,
        tag: &[u8; 16],
    ) -> Result<(), Unauthentic> {
        let (nonce, tag) = (Nonce::assume_unique_for_key(nonce), Tag::from(*tag));
        let opened = self.0.open_in_place_separate_tag(nonce, Aad::from(aad), tag, in_out, from..);
        opened.map(|_| ()).map_err(|_| Unauthentic)
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn fill(prk: &hkdf::Prk, info: &[&[u8]], out: &mut [u8]) -> Result<(), Unauthentic> {
    let okm = prk.expand(info, Length(out.len())).map_err(|_| Unauthentic)?;
    okm.fill(out).map_err(|_| Unauthentic)
}

/// A PRK for SHA-512: the two compressions that HMAC's key takes are done once.
pub(crate) struct Prk(hkdf::Prk);

impl Prk {
    pub(crate) fn new(prk: &[u8]) -> Result<Self, Unauthentic> {
        Ok(Self(hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, prk)))
    }

    pub(crate) fn expand(&self, info: &[&[u8]], out: &mut [u8]) -> Result<(), Unauthentic> {
        fill(&self.0, info, out)
    }
}

pub(crate) fn expand_sha256(
    prk: &[u8; 32],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), Unauthentic> {
    fill(&hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, prk), info, out)
}

/// HKDF-Extract is HMAC keyed by the salt (RFC 5869 section 2.2); ring keeps its Prk closed, so
/// HMAC is called by its name.
pub(crate) fn extract_sha256(salt: &[u8], ikm: &[&[u8]]) -> [u8; 32] {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, salt);
    let mut context = ring::hmac::Context::with_key(&key);
    ikm.iter().for_each(|part| context.update(part));
    let mut prk = [0; 32];
    prk.copy_from_slice(context.sign().as_ref());
    prk
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
