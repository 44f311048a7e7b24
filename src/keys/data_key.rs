//! The data key: 32 random bytes for one object, and everything derived from them (SPEC R16, R19,
//! R24, R30).

use crate::format::labels;
use crate::primitives::hkdf;
use crate::primitives::secret::{Secret, equal};

/// The key of one object. Only derivations of it leave this crate; the feature `hazmat` has the
/// exception.
pub(crate) struct DataKey(Secret<32>);

impl DataKey {
    pub(crate) const fn new(secret: Secret<32>) -> Self {
        Self(secret)
    }

    pub(crate) const fn secret(&self) -> &Secret<32> {
        &self.0
    }

    /// R24.
    pub(crate) fn header_tag(&self, tagged: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        hkdf::expand(&self.0, &[labels::HEADER, tagged], &mut tag);
        tag
    }

    /// R24, compared in constant time.
    pub(crate) fn has_header_tag(&self, tagged: &[u8], tag: &[u8; 32]) -> bool {
        equal(&self.header_tag(tagged), tag)
    }

    /// R16.
    pub(crate) fn metadata_key(&self) -> Secret<32> {
        hkdf::expand_secret(&self.0, &[labels::METADATA])
    }

    /// R19.
    pub(crate) fn location(&self, store: &str, path: &str) -> [u8; 32] {
        let mut location = [0; 32];
        let info = [labels::LOCATION, store.as_bytes(), b"\0", path.as_bytes()];
        hkdf::expand(&self.0, &info, &mut location);
        location
    }

    /// R30: key, base nonce and commitment of the body.
    pub(crate) fn body(&self, salt: &[u8; 24], statement_hash: &[u8]) -> Secret<76> {
        hkdf::expand_secret(&self.0, &[labels::BODY, salt, statement_hash])
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
