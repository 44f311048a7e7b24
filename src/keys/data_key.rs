//! The data key: 32 random bytes for one object, and everything derived from them (SPEC R16, R19,
//! R24, R30).

use crate::format::context::Location;
use crate::format::labels;
use crate::primitives::hkdf::Prk;
use crate::primitives::secret::{Secret, equal};

/// The key of one object. Only derivations of it leave this crate; the feature `hazmat` has the
/// exception.
pub(crate) struct DataKey {
    secret: Secret<32>,
    prk: Prk,
}

impl DataKey {
    pub(crate) fn new(secret: Secret<32>) -> Self {
        Self { prk: Prk::new(&secret), secret }
    }

    pub(crate) const fn secret(&self) -> &Secret<32> {
        &self.secret
    }

    /// Returns the header tag (R24) for the SHA-256 of what is tagged.
    pub(crate) fn header_tag(&self, hash: &[u8; 32]) -> [u8; 32] {
        let mut tag = [0; 32];
        self.prk.expand(&[labels::HEADER, hash], &mut tag);
        tag
    }

    /// Compares the header tag (R24) in constant time.
    pub(crate) fn has_header_tag(&self, hash: &[u8; 32], tag: &[u8; 32]) -> bool {
        equal(&self.header_tag(hash), tag)
    }

    /// Derives the key of the metadata (R16).
    pub(crate) fn metadata_key(&self) -> Secret<32> {
        self.prk.expand_secret(&[labels::METADATA])
    }

    /// Returns the location of a place (R19).
    pub(crate) fn location(&self, Location { store, path }: &Location) -> [u8; 32] {
        let mut location = [0; 32];
        let info = [labels::LOCATION, store.as_bytes(), b"\0", path.as_bytes()];
        self.prk.expand(&info, &mut location);
        location
    }

    /// Derives key, base nonce and commitment of the body (R30).
    pub(crate) fn body(&self, salt: &[u8; 24], statement_hash: &[u8]) -> Secret<76> {
        self.prk.expand_secret(&[labels::BODY, salt, statement_hash])
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_byte() {
        let secret = Secret::copy_of(&[0xa5; 32]);
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(..) Secret(..)");
        let key = DataKey::new(secret);
        assert_eq!(format!("{key:?} {key:#?}"), "DataKey(..) DataKey(..)");
    }
}
