//! What every kind of record shares: the binding, and the XAES-256-GCM wrap of the data key (SPEC
//! R25, R26).

use crate::error::{Error, Result};
use crate::format::header::IDENTITY;
use crate::format::labels;
use crate::format::record::{self, KeyId, Known, RecordKind};
use crate::keys::DataKey;
use crate::primitives::random::Randomness;
use crate::primitives::secret::Secret;
use crate::primitives::sha256;
use crate::primitives::xaes::Xaes;

/// Parameters of a record, and their SHA-256, which stays the same for all objects of a run (R26).
pub(crate) struct Parameters<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) hash: [u8; 32],
}

impl<'a> Parameters<'a> {
    /// A symmetric key has none.
    pub(crate) const NONE: Self = Self { bytes: &[], hash: HASH_OF_NOTHING };

    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, hash: sha256(&[bytes]) }
    }
}

/// FIPS 180-4 of no bytes.
const HASH_OF_NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// What a new record holds beside the wrap.
pub(crate) struct Fields<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) key_id: KeyId,
    pub(crate) parameters: Parameters<'a>,
    pub(crate) label: &'a str,
}

/// What a wrap belongs to: one object and its statement.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    pub(crate) object_id: &'a [u8; 16],
    pub(crate) statement_hash: &'a [u8; 32],
}

impl Binding<'_> {
    /// Returns the fixed 32 bytes that are the AAD of a wrap (R26).
    fn of(&self, kind: RecordKind, key_id: KeyId, parameters: &Parameters<'_>) -> [u8; 32] {
        sha256(&[
            labels::BINDING,
            &IDENTITY[5..],
            self.object_id,
            self.statement_hash,
            &[kind.code()],
            key_id.as_bytes(),
            &parameters.hash,
        ])
    }

    /// Wraps the data key and appends the whole record (R25).
    pub(crate) fn wrap(
        &self,
        wrapping: &Xaes,
        fields: &Fields<'_>,
        data_key: &DataKey,
        randomness: &mut Randomness,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Fields { kind, key_id, parameters, label } = fields;
        let nonce: [u8; 24] = randomness.take()?;
        let mut wrapped = [0; 48];
        wrapped[..32].copy_from_slice(data_key.secret().expose());
        let (text, tag) = wrapped.split_at_mut(32);
        let aad = self.of(*kind, *key_id, parameters);
        tag.copy_from_slice(&wrapping.seal(&nonce, &aad, text).map_err(|_| Error::Auth)?);
        record::encode(*kind, *key_id, parameters.bytes, (&nonce, &wrapped), label, out)
    }

    /// Unwraps the bytes of the data key in a record; they are accepted only once the header tag
    /// and the commitment have verified under them.
    pub(crate) fn unwrap(
        &self,
        wrapping: &Xaes,
        record: &Known<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<Secret<32>> {
        let aad = self.of(record.kind, record.key_id, parameters);
        let (text, tag) = record.wrapped.split_last_chunk::<16>().ok_or(Error::Auth)?;
        let mut opened = Ok(());
        let data_key = Secret::make(|out| {
            out.copy_from_slice(text);
            opened = wrapping.open(record.nonce, &aad, out, tag);
        });
        opened.map(|()| data_key).map_err(|_| Error::Auth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_the_hash_of_nothing() {
        assert_eq!(Parameters::NONE.hash, sha256(&[]));
    }
}
