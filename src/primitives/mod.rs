//! Cryptography by its own name, each file after its standard. Knows nothing of our format.
//!
//! One verb pair: seal and open. Two backends stand behind [`aead`], [`hkdf`] and [`sha256`]:
//! `ring` where it is
//! compiled in, otherwise `soft`.

pub(crate) mod aead;
pub(crate) mod argon2id;
pub(crate) mod hkdf;
pub(crate) mod hpke;
pub(crate) mod random;
#[cfg(feature = "ring")]
mod ring;
pub(crate) mod secret;
#[cfg(all(feature = "soft", any(test, not(feature = "ring"))))]
mod soft;
pub(crate) mod xaes;

#[cfg(feature = "ring")]
use self::ring as backend;
#[cfg(all(feature = "soft", not(feature = "ring")))]
use self::soft as backend;

#[cfg(not(any(feature = "ring", feature = "soft")))]
compile_error!("keystead needs a cryptographic backend: enable the feature `ring` or `soft`");

/// The standard's own answer to a failed open: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unauthentic;

/// Hashes joined parts with SHA-256, FIPS 180-4.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    backend::sha256(parts)
}

#[cfg(test)]
mod tests;
