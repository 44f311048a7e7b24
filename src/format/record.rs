//! Records of the access list: their kinds and layouts (SPEC R20 to R23).

use std::fmt;

use super::bytes::Cursor;
use crate::error::{Error, Result, WaysIn};

/// Bytes of a wrap: nonce and wrapped data key.
pub(crate) const WRAP_LEN: usize = 24 + 48;
/// R22.
pub(crate) const MAX_LABEL: usize = 64;
/// HPKE enc and sealed run key (R28).
pub(crate) const PAIR_PARAMETERS: usize = 1_120 + 48;
/// Argon2id salt and three costs (R29).
pub(crate) const PASSPHRASE_PARAMETERS: usize = 16 + 12;

/// A kind of record that this version implements (R21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RecordKind {
    /// Wrapped under a symmetric key.
    Symmetric,
    /// Wrapped for a public key.
    Pair,
    /// Wrapped under a passphrase.
    Passphrase,
}

impl RecordKind {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Symmetric => 1,
            Self::Pair => 2,
            Self::Passphrase => 3,
        }
    }

    /// Kinds 4 to 6 are laid out by R49 to R51; they are unknown ways in here, as all others are
    /// (R21).
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Symmetric),
            2 => Some(Self::Pair),
            3 => Some(Self::Passphrase),
            _ => None,
        }
    }

    pub(crate) const fn parameters_len(self) -> usize {
        match self {
            Self::Symmetric => 0,
            Self::Pair => PAIR_PARAMETERS,
            Self::Passphrase => PASSPHRASE_PARAMETERS,
        }
    }

    /// Returns what an opening with this kind says about the maker (R39).
    #[must_use]
    pub const fn provenance(self) -> Provenance {
        match self {
            Self::Symmetric | Self::Passphrase => Provenance::Holder,
            Self::Pair => Provenance::Anyone,
        }
    }

    /// Returns the word used in vectors, JSON and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Symmetric => "symmetric",
            Self::Pair => "pair",
            Self::Passphrase => "passphrase",
        }
    }
}

/// Who can have made an object, as far as the key that opened it can say: SPEC R39 calls it the
/// grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Provenance {
    /// Someone who held that key; the grade `held`.
    #[serde(rename = "held")]
    Holder,
    /// Anyone with the public key, the storage provider included; the grade `anyone`.
    #[serde(rename = "anyone")]
    Anyone,
}

impl Provenance {
    /// Returns the word of the grade in SPEC.md, vectors and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holder => "held",
            Self::Anyone => "anyone",
        }
    }
}

/// The random id of an object (SPEC R8). It stays the same for as long as the body lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId([u8; 16]);

impl ObjectId {
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 hex digits.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

impl serde::Serialize for ObjectId {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// First 16 bytes that name a key without giving it away (SPEC R40, R41). It links the objects of
/// one key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 16]);

impl KeyId {
    /// The id of anonymous and passphrase records.
    pub(crate) const ZERO: Self = Self([0; 16]);

    /// Makes an id of its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns whether it is the zero id, which names no key (R23).
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl std::str::FromStr for KeyId {
    type Err = Error;

    /// Reads 32 hex digits; anything else is USAGE.
    fn from_str(text: &str) -> Result<Self> {
        let bytes = text.as_bytes();
        let wrong = || Error::usage(format!("{text:?} is not a key id of 32 hex digits"));
        if bytes.len() != 32 || !bytes.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong());
        }
        let mut id = [0; 16];
        for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(id))
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl WaysIn {
    /// Adds a record of an implemented kind.
    pub(crate) fn add(&mut self, record: &Known<'_>) {
        match record.kind {
            RecordKind::Passphrase => self.has_passphrase = true,
            _ if record.key_id.is_anonymous() => self.anonymous += 1,
            _ => self.key_ids.push(record.key_id.0),
        }
    }

    /// Returns the ids of the keys that would open the object, in the order of its records.
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> {
        self.key_ids.iter().map(|id| KeyId(*id))
    }
}

/// One record of an accepted header.
#[derive(Clone, Copy)]
pub(crate) enum Record<'a> {
    Known(Known<'a>),
    /// A way in that this version does not know; kept byte for byte (R21).
    Unknown {
        code: u8,
        raw: &'a [u8],
    },
}

/// A record of an implemented kind, its payload cut at its fixed places.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) key_id: KeyId,
    pub(crate) parameters: &'a [u8],
    pub(crate) nonce: &'a [u8; 24],
    pub(crate) wrapped: &'a [u8; 48],
    pub(crate) label: &'a str,
    pub(crate) raw: &'a [u8],
}

impl<'a> Record<'a> {
    pub(crate) const fn raw(&self) -> &'a [u8] {
        match self {
            Self::Known(known) => known.raw,
            Self::Unknown { raw, .. } => raw,
        }
    }

    pub(crate) fn parse(cursor: &mut Cursor<'a>) -> Result<Self> {
        let start = cursor.rest();
        let code = cursor.u8()?;
        if code == 0 {
            return Err(Error::format("a record of kind 0"));
        }
        let len = usize::from(cursor.u16()?);
        let payload = cursor.take(len)?;
        let raw = &start[..3 + len];
        match RecordKind::from_code(code) {
            None => Ok(Self::Unknown { code, raw }),
            Some(kind) => Known::parse(kind, payload, raw).map(Self::Known),
        }
    }
}

impl<'a> Known<'a> {
    fn parse(kind: RecordKind, payload: &'a [u8], raw: &'a [u8]) -> Result<Self> {
        let fixed = 16 + kind.parameters_len() + WRAP_LEN;
        // R22: another length is refused before any cryptography.
        if !(fixed..=fixed + MAX_LABEL).contains(&payload.len()) {
            let what = format!("a {} record of {} bytes", kind.name(), payload.len());
            return Err(Error::format(what));
        }
        let mut cursor = Cursor::new(payload);
        let key_id = KeyId(*cursor.array()?);
        let parameters = cursor.take(kind.parameters_len())?;
        let nonce = cursor.array()?;
        let wrapped = cursor.array()?;
        if kind == RecordKind::Passphrase {
            if !key_id.is_anonymous() {
                return Err(Error::format("a passphrase record with a key id"));
            }
            Costs::parse(parameters)?.check_floor()?;
        }
        let label = std::str::from_utf8(cursor.rest())
            .map_err(|_| Error::format("a record label that is not valid UTF-8"))?;
        Ok(Self { kind, key_id, parameters, nonce, wrapped, label, raw })
    }
}

/// Writes one record (R22). `wrap` is nonce and wrapped data key.
pub(crate) fn encode(
    kind: RecordKind,
    key_id: KeyId,
    parameters: &[u8],
    wrap: (&[u8; 24], &[u8; 48]),
    label: &str,
    out: &mut Vec<u8>,
) -> Result<()> {
    let len = encoded_len(kind, label)?;
    out.push(kind.code());
    let payload = u16::try_from(len - 3).map_err(|_| Error::usage("a record label is too long"))?;
    out.extend_from_slice(&payload.to_be_bytes());
    out.extend_from_slice(key_id.as_bytes());
    out.extend_from_slice(parameters);
    out.extend_from_slice(wrap.0);
    out.extend_from_slice(wrap.1);
    out.extend_from_slice(label.as_bytes());
    Ok(())
}

/// Returns the length of a record with this label in bytes; a longer label than R22 allows is
/// USAGE.
pub(crate) fn encoded_len(kind: RecordKind, label: &str) -> Result<usize> {
    if label.len() > MAX_LABEL {
        return Err(Error::usage(format!("a record label takes at most {MAX_LABEL} bytes")));
    }
    Ok(3 + 16 + kind.parameters_len() + WRAP_LEN + label.len())
}

/// Argon2id salt and costs of a passphrase record (R29).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Costs {
    pub(crate) salt: [u8; 16],
    /// Memory in KiB.
    pub(crate) m: u32,
    /// Passes.
    pub(crate) t: u32,
    /// Lanes.
    pub(crate) p: u32,
}

impl Costs {
    const MIN_M: u32 = 19_456;
    const MIN_T: u32 = 2;

    pub(crate) fn parse(parameters: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(parameters);
        Ok(Self { salt: *cursor.array()?, m: cursor.u32()?, t: cursor.u32()?, p: cursor.u32()? })
    }

    pub(crate) fn encode(&self) -> [u8; PASSPHRASE_PARAMETERS] {
        let mut out = [0; PASSPHRASE_PARAMETERS];
        out[..16].copy_from_slice(&self.salt);
        out[16..20].copy_from_slice(&self.m.to_be_bytes());
        out[20..24].copy_from_slice(&self.t.to_be_bytes());
        out[24..].copy_from_slice(&self.p.to_be_bytes());
        out
    }

    /// Checks the costs (R29), in the order m, t, p: zero is outside Argon2's own domain, less than
    /// the floor a downgrade.
    pub(crate) fn check_floor(&self) -> Result<()> {
        for (cost, floor) in [(self.m, Self::MIN_M), (self.t, Self::MIN_T), (self.p, 1)] {
            if cost == 0 {
                return Err(Error::limit("an Argon2id cost of zero"));
            }
            if cost < floor {
                let what = "Argon2id costs below the floor of 19,456 KiB and 2 passes";
                return Err(Error::format(what));
            }
        }
        Ok(())
    }
}
