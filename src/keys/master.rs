//! Master keys: one type for every secret that a customer holds (SPEC section 8).

use std::sync::Arc;

use zeroize::Zeroizing;

use super::pair::{PrivateKey, PublicKey};
use super::passphrase::{Limits, Passphrase};
use super::symmetric::SymmetricKey;
use super::wrap::{Binding, Parameters};
use crate::error::{Detail, Error, Result};
use crate::format::keytext::{self, KeyText};
use crate::format::record::{KeyId, Known, RecordKind};
use crate::primitives::secret::Secret;

/// A secret that the customer holds: a symmetric key, a key pair, or a passphrase.
///
/// It has no `Clone` and no `Serialize`, shows only its id, and wipes its bytes when it is dropped
/// with all that were made from it. [`Recipients`](crate::Recipients) and [`Keys`](crate::Keys)
/// are made from it.
///
/// ```compile_fail
/// let key = keystead::MasterKey::generate().unwrap();
/// let copy = key.clone();                       // secrets are not copied
/// ```
pub struct MasterKey(Material);

pub(crate) enum Material {
    Symmetric(Arc<SymmetricKey>),
    Private(Arc<PrivateKey>),
    Passphrase(Arc<Passphrase>),
}

impl MasterKey {
    /// Generates a symmetric key: 32 bytes from the operating system.
    ///
    /// # Errors
    /// `Io` where the system's generator fails.
    pub fn generate() -> Result<Self> {
        SymmetricKey::generate().map(Self::symmetric)
    }

    /// Generates a key pair, MLKEM768-X25519. Hosts that only write get its
    /// [`public`](Self::public) key.
    ///
    /// # Errors
    /// `Io` where the system's generator fails.
    pub fn generate_pair() -> Result<Self> {
        PrivateKey::generate().map(Self::pair)
    }

    /// Makes a symmetric key of 32 uniformly random bytes that came from elsewhere.
    ///
    /// # Errors
    /// `KeyFile` where all bytes are equal (SPEC R42).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self> {
        SymmetricKey::new(Secret::copy_of(bytes)).map(Self::symmetric)
    }

    /// Makes a key of a passphrase of 1 to 4,096 bytes, used as given: no normalisation.
    ///
    /// # Errors
    /// `Usage` for another length.
    pub fn passphrase(passphrase: impl AsRef<[u8]>) -> Result<Self> {
        Passphrase::new(passphrase.as_ref()).map(|p| Self(Material::Passphrase(Arc::new(p))))
    }

    /// Reads the text of a symmetric or private key (SPEC R43); that of a public key is read by
    /// [`PublicKey::from_text`].
    ///
    /// # Errors
    /// `KeyFile` for anything else.
    pub fn from_text(text: &str) -> Result<Self> {
        match keytext::kind(text) {
            Some(KeyText::Symmetric) => SymmetricKey::from_text(text).map(Self::symmetric),
            Some(KeyText::Private) => PrivateKey::from_text(text).map(Self::pair),
            Some(KeyText::Public) => {
                let detail = Detail::new("a public key, which opens nothing");
                Err(Error::key_file(detail.hint("give the secret key that belongs to it")))
            }
            None => Err(Error::key_file(keytext::not_a_key(text))),
        }
    }

    /// Returns the text of the secret (SPEC R43): anyone who reads it can open everything that this
    /// key opens.
    ///
    /// # Errors
    /// `Usage` for a passphrase, which has no text form.
    pub fn expose_secret_text(&self) -> Result<Zeroizing<String>> {
        match &self.0 {
            Material::Symmetric(key) => key.to_text(),
            Material::Private(key) => key.to_text(),
            Material::Passphrase(_) => Err(Error::usage("a passphrase has no text form")),
        }
    }

    /// Returns the public key of a key pair.
    #[must_use]
    pub fn public(&self) -> Option<&PublicKey> {
        match &self.0 {
            Material::Private(key) => Some(key.public()),
            Material::Symmetric(_) | Material::Passphrase(_) => None,
        }
    }

    /// Returns the kind of the records that it opens.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match &self.0 {
            Material::Symmetric(_) => RecordKind::Symmetric,
            Material::Private(_) => RecordKind::Pair,
            Material::Passphrase(_) => RecordKind::Passphrase,
        }
    }

    /// Returns its id; that of a passphrase is zero, for it has none.
    #[must_use]
    pub fn id(&self) -> KeyId {
        match &self.0 {
            Material::Symmetric(key) => key.id,
            Material::Private(key) => key.public().id(),
            Material::Passphrase(_) => KeyId::ZERO,
        }
    }

    fn symmetric(key: SymmetricKey) -> Self {
        Self(Material::Symmetric(Arc::new(key)))
    }

    fn pair(key: PrivateKey) -> Self {
        Self(Material::Private(Arc::new(key)))
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.0
    }

    /// Returns the same key once more; its bytes are not copied.
    pub(crate) fn share(&self) -> Self {
        Self(match &self.0 {
            Material::Symmetric(key) => Material::Symmetric(Arc::clone(key)),
            Material::Private(key) => Material::Private(Arc::clone(key)),
            Material::Passphrase(passphrase) => Material::Passphrase(Arc::clone(passphrase)),
        })
    }

    /// Unwraps the bytes of the data key in a record of this key's kind; a passphrase spends no
    /// more than `limits`.
    pub(crate) fn unwrap(
        &self,
        binding: &Binding<'_>,
        record: &Known<'_>,
        limits: &Limits<'_>,
    ) -> Result<Secret<32>> {
        match &self.0 {
            Material::Symmetric(key) => binding.unwrap(&key.wrapping, record, &Parameters::NONE),
            Material::Private(key) => key.with_run(record.parameters, |parameters, wrapping| {
                binding.unwrap(wrapping, record, &parameters)
            }),
            Material::Passphrase(passphrase) => passphrase.unwrap(binding, record, limits),
        }
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({} {})", self.kind().name(), self.id())
    }
}
