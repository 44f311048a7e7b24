//! Opening a header in steps that a slow or remote key fits between: parse, unwrap, open (SPEC
//! section 7).

use zeroize::Zeroizing;

use super::payload::PayloadKey;
use super::seal::statement_hash;
use crate::error::{Detail, Error, Result};
use crate::format::context::{Context, Expected, Metadata};
use crate::format::floor::Floor;
use crate::format::header::{Header, IDENTITY, PREAMBLE, header_len};
use crate::format::layout::BODY_PREFIX;
use crate::format::record::{Grade, KeyId, Kind, Known, Record};
use crate::keys::{Binding, DataKey, Keyring, MasterKey};
use crate::primitives::aead::AesGcm;
use crate::primitives::secret::Secret;
use crate::primitives::sha256;

/// R36: pairs of an anonymous record and a key of its kind.
const MAX_TRIALS: usize = 1_024;

/// A parsed header whose claims nobody has verified: step *parse*.
///
/// Nothing secret comes out of it but through [`unwrap`](Self::unwrap).
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Context, Decryptor, Keyring, MasterKey, SealedHeader};
/// let keys = Keyring::new(MasterKey::generate()?);
/// let context = Context::from([("invoice", "42")]);
/// let object = keystead::encrypt(&keys, b"meet at noon", &context)?;
///
/// let sealed = SealedHeader::parse(&object)?;                        // parse: no key
/// let header = sealed.unwrap(&keys, &context)?;                      // unwrap: a key, maybe far away
/// let body = &object[sealed.len()..];
/// let mut reader = Decryptor::from_header(header, body)?;            // open: the body
/// let mut text = String::new();
/// std::io::Read::read_to_string(&mut reader, &mut text)?;
/// assert_eq!(text, "meet at noon");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SealedHeader {
    bytes: Vec<u8>,
}

impl SealedHeader {
    /// Parses the header that `object` begins with; bytes behind it are not looked at.
    ///
    /// # Errors
    /// `Format` or `Limit`, by SPEC sections 2 to 4.
    pub fn parse(object: &[u8]) -> Result<Self> {
        let header = Header::parse(object)?;
        Ok(Self { bytes: header.bytes().to_vec() })
    }

    /// The length of the header of an object, in bytes, as its first nine bytes state it: what to
    /// read before [`parse`](Self::parse).
    ///
    /// # Errors
    /// `Format` or `Limit`, by SPEC R4 to R6.
    pub fn stated_len(preamble: &[u8; PREAMBLE]) -> Result<usize> {
        header_len(preamble)
    }

    /// Takes bytes that are exactly one header.
    pub(crate) fn from_vec(bytes: Vec<u8>) -> Result<Self> {
        Header::parse(&bytes)?;
        Ok(Self { bytes })
    }

    /// Bytes of the header: where the body begins.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The header as it stands.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn header(&self) -> Result<Header<'_>> {
        Header::parse(&self.bytes)
    }

    /// Finds the record that one of `keys` opens, verifies the header under its data key, and
    /// compares what is expected: step *unwrap*.
    ///
    /// # Errors
    /// `NoKey`, `Auth`, `Limit` by SPEC R36; `Context` by R19 and R37. No byte of the body is
    /// needed.
    pub fn unwrap<'e>(
        &self,
        keys: &Keyring,
        expected: impl Into<Expected<'e>>,
    ) -> Result<OpenedHeader> {
        unwrap(&self.header()?, keys, expected.into())
    }

    /// The same with a data key that came from elsewhere, such as a key service: step *unwrap* done
    /// remotely.
    #[cfg(feature = "hazmat")]
    pub(crate) fn accept<'e>(
        &self,
        data_key: DataKey,
        record: usize,
        expected: impl Into<Expected<'e>>,
    ) -> Result<OpenedHeader> {
        let header = self.header()?;
        let Some(Record::Known(known)) = header.records().nth(record) else {
            return Err(Error::NoKey);
        };
        let expected = expected.into();
        if expected.held && known.kind.grade() != Grade::Held {
            return Err(Error::NoKey);
        }
        if !data_key.has_header_tag(&sha256(&[header.tagged()]), &header.tag()) {
            return Err(Error::Auth);
        }
        let by = (known.key_id, data_key);
        let hash = statement_hash(header.statement());
        OpenedHeader::check(&header, &known, by, hash, expected)
    }
}

/// Who opened an object, and what that says about its maker (SPEC R39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct OpenedBy {
    /// The kind of the record.
    pub kind: Kind,
    /// The id of the key; zero for a passphrase.
    pub key_id: KeyId,
    /// Who can have made the object.
    pub grade: Grade,
}

/// A header that verified under the data key of one of its records. Only [`SealedHeader::unwrap`]
/// makes it.
///
/// ```compile_fail
/// // A payload key, or an opened header, cannot be had without verifying a header.
/// let header = keystead::OpenedHeader { };
/// ```
pub struct OpenedHeader {
    pub(crate) data_key: DataKey,
    pub(crate) opened_by: OpenedBy,
    pub(crate) plaintext_len: Option<u64>,
    /// Bytes of the header: where the body begins.
    pub(crate) len: usize,
    statement_hash: [u8; 32],
    context: Context,
    object_id: [u8; 16],
    public_statement: Vec<u8>,
    sealed_metadata: Option<Vec<u8>>,
    generation: u64,
    tag: [u8; 32],
    floor: Option<Floor>,
}

impl OpenedHeader {
    /// Who opened it.
    #[must_use]
    pub const fn opened_by(&self) -> OpenedBy {
        self.opened_by
    }

    /// The context, authentic.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The random id of the object.
    #[must_use]
    pub const fn object_id(&self) -> &[u8; 16] {
        &self.object_id
    }

    /// How often the access list was changed.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The plaintext length, where the maker stated it.
    #[must_use]
    pub const fn plaintext_len(&self) -> Option<u64> {
        self.plaintext_len
    }

    /// Compares what the caller expects with what the verified header says: location, then context
    /// (R35).
    fn check(
        header: &Header<'_>,
        known: &Known<'_>,
        (key_id, data_key): (KeyId, DataKey),
        statement_hash: [u8; 32],
        expected: Expected<'_>,
    ) -> Result<Self> {
        if let Some((store, path)) = expected.location
            && header.location != Some(&data_key.location(store, path))
        {
            return Err(Error::context(format!(
                "the object does not belong at {path:?} of {store:?}"
            )));
        }
        let context = header.context()?;
        expected.check_context(&context)?;
        let kind = known.kind;
        Ok(Self {
            data_key,
            opened_by: OpenedBy { kind, key_id, grade: kind.grade() },
            plaintext_len: header.plaintext_len,
            len: header.bytes().len(),
            statement_hash,
            context,
            object_id: *header.object_id,
            // Only the metadata is bound to it.
            public_statement: header
                .metadata
                .map_or_else(Vec::new, |_| header.public_statement().to_vec()),
            sealed_metadata: header.metadata.map(<[u8]>::to_vec),
            generation: header.generation,
            tag: header.tag(),
            floor: expected.floor,
        })
    }

    /// Verifies the commitment in front of the body, then the caller's floor (R35, R38).
    #[inline]
    pub(crate) fn payload(&self, prefix: &[u8; BODY_PREFIX]) -> Result<(PayloadKey, Floor)> {
        let payload = PayloadKey::verify(&self.data_key, prefix, &self.statement_hash)?;
        let found =
            Floor { commitment: payload.commitment(), generation: self.generation, tag: self.tag };
        if let Some(floor) = self.floor {
            floor.check(&found)?;
        }
        Ok((payload, found))
    }

    /// R16: only behind header tag and commitment, which the payload key stands for.
    pub(crate) fn metadata(&self, _verified: &PayloadKey) -> Result<Metadata> {
        let Some(sealed) = &self.sealed_metadata else { return Ok(Metadata::new()) };
        let (text, tag) = sealed.split_last_chunk::<16>().ok_or(Error::Auth)?;
        let mut text = Zeroizing::new(text.to_vec());
        let aead = AesGcm::new(self.data_key.metadata_key().expose());
        let aad = [&IDENTITY[..], &self.public_statement].concat();
        aead.open([0; 12], &aad, &mut text, tag).map_err(|_| Error::Auth)?;
        Metadata::decode(&text)
    }

    /// The statement hash: with the data key, all that another implementation of
    /// c2sp.org/chunked-encryption needs.
    #[must_use]
    pub const fn statement_hash(&self) -> &[u8; 32] {
        &self.statement_hash
    }
}

impl std::fmt::Debug for OpenedHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedHeader").field("opened_by", &self.opened_by).finish_non_exhaustive()
    }
}

/// R36, with the demands of R19 and R37 behind it.
pub(crate) fn unwrap(
    header: &Header<'_>,
    keys: &Keyring,
    expected: Expected<'_>,
) -> Result<OpenedHeader> {
    let statement_hash = statement_hash(header.statement());
    let (record, by) = way_in(header, &statement_hash, keys, expected.held)?;
    OpenedHeader::check(header, &record, by, statement_hash, expected)
}

/// Returns the record that one of the keys opens, the key's id and the data key.
fn way_in<'h>(
    header: &Header<'h>,
    statement_hash: &[u8; 32],
    keys: &Keyring,
    held: bool,
) -> Result<(Known<'h>, (KeyId, DataKey))> {
    let header_hash = sha256(&[header.tagged()]);
    let binding = Binding { object_id: header.object_id, statement_hash };
    let demanded = |known: &Known<'_>| !held || known.kind.grade() == Grade::Held;
    let records = || {
        header.records().filter_map(|record| match record {
            Record::Known(known) if demanded(&known) => Some(known),
            _ => None,
        })
    };
    let attempt = |key: &MasterKey, record: &Known<'_>| {
        try_record((header, &header_hash), &binding, key, record)
    };

    // Step 1: the first record whose key is held decides; nothing else is tried.
    for record in records().filter(|record| !record.key_id.is_anonymous()) {
        if let Some(key) = keys.holder(record.kind, record.key_id) {
            let data_key = attempt(key, &record)?.ok_or(Error::Auth)?;
            return Ok((record, (key.id(), data_key)));
        }
    }
    // Step 2: anonymous records, each with every key of its kind.
    let anonymous = || records().filter(|r| r.kind != Kind::Passphrase && r.key_id.is_anonymous());
    let trials: usize = anonymous().map(|record| keys.openers(record.kind).count()).sum();
    if trials > MAX_TRIALS {
        let what = format!(
            "{trials} trials of a key on an anonymous record; at most {MAX_TRIALS} are made"
        );
        return Err(Error::limit(Detail::new(what).hint("give only the keys that may fit")));
    }
    for record in anonymous() {
        for key in keys.openers(record.kind) {
            if let Some(data_key) = attempt(key, &record)? {
                return Ok((record, (key.id(), data_key)));
            }
        }
    }
    // Step 3: one passphrase, so at most one Argon2id for each opening.
    let passphrase = keys.openers(Kind::Passphrase).next();
    let record = records().find(|record| record.kind == Kind::Passphrase);
    if let (Some(key), Some(record)) = (passphrase, record)
        && let Some(data_key) = attempt(key, &record)?
    {
        return Ok((record, (key.id(), data_key)));
    }
    Err(Error::NoKey)
}

/// The data key of a record, where its wrap opens and the header tag is right under it. A wrap that
/// fails costs a header tag all the same (R36).
fn try_record(
    (header, hash): (&Header<'_>, &[u8; 32]),
    binding: &Binding<'_>,
    key: &MasterKey,
    record: &Known<'_>,
) -> Result<Option<DataKey>> {
    let (data_key, opened) = match key.unwrap(binding, record) {
        Ok(data_key) => (data_key, true),
        Err(Error::Auth) => (Secret::make(|_| ()), false),
        Err(other) => return Err(other),
    };
    let data_key = DataKey::new(data_key);
    let right = data_key.has_header_tag(hash, &header.tag());
    Ok((opened & right).then_some(data_key))
}
