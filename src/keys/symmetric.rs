//! Symmetric master keys: a root of 32 bytes, used only as an HKDF-Expand PRK (SPEC R27, R40).

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::format::keytext;
use crate::format::labels;
use crate::format::record::KeyId;
use crate::primitives::hkdf::Prk;
use crate::primitives::random;
use crate::primitives::secret::Secret;
use crate::primitives::xaes::Xaes;

/// A symmetric master key with what is derived from it once.
pub(crate) struct SymmetricKey {
    root: Secret<32>,
    pub(crate) id: KeyId,
    pub(crate) wrapping: Xaes,
}

impl SymmetricKey {
    pub(crate) fn generate() -> Result<Self> {
        Self::new(random::secret()?)
    }

    pub(crate) fn new(root: Secret<32>) -> Result<Self> {
        check_not_constant(root.expose())?;
        let mut id = [0; 16];
        let prk = Prk::new(&root);
        prk.expand(&[labels::KEY_ID], &mut id);
        let id = KeyId::from_bytes(id);
        if id.is_anonymous() {
            return Err(Error::key_file("a symmetric key whose id is zero"));
        }
        let wrapping = Xaes::new(prk.expand_secret(&[labels::WRAP]).expose());
        Ok(Self { root, id, wrapping })
    }

    pub(crate) fn from_text(text: &str) -> Result<Self> {
        let root = keytext::decode::<32>(keytext::SYMMETRIC, text)?;
        Self::new(Secret::copy_of(&root))
    }

    pub(crate) fn to_text(&self) -> Result<Zeroizing<String>> {
        keytext::encode(keytext::SYMMETRIC, self.root.expose())
    }
}

/// Refuses 32 equal bytes, which are no key (R42).
pub(crate) fn check_not_constant(bytes: &[u8; 32]) -> Result<()> {
    if bytes.iter().fold(0, |seen, byte| seen | (byte ^ bytes[0])) == 0 {
        return Err(Error::key_file("a key of 32 equal bytes is not a key"));
    }
    Ok(())
}
