//! Opening a header in steps that a slow or remote key fits between: parse, unwrap, open (SPEC
//! section 7).

use std::sync::Arc;

use zeroize::Zeroizing;

use super::payload::PayloadKey;
use super::seal::statement_hash;
use crate::error::{Detail, Error, Result, WaysIn};
use crate::format::context::{Context, Expected, Location, Metadata};
use crate::format::floor::Floor;
use crate::format::header::{Header, IDENTITY, PREAMBLE, header_len};
use crate::format::layout::BODY_PREFIX;
use crate::format::record::{KeyId, Known, ObjectId, Provenance, Record, RecordKind};
use crate::keys::{Binding, DataKey, Keys, MasterKey, Recipient};
use crate::primitives::aead::AesGcm;
use crate::primitives::secret::Secret;
use crate::primitives::sha256;
use crate::threads::Threads;
use crate::trace::event;

/// R36: pairs of an anonymous record and a key of its kind.
const MAX_TRIALS: usize = 1_024;

/// A parsed header whose claims nobody has verified: step *parse*.
///
/// Nothing secret comes out of it but through [`unwrap`](Self::unwrap).
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Context, Decryptor, Keys, MasterKey, Recipients, SealedHeader};
/// let key = MasterKey::generate()?;
/// let context = Context::from([("invoice", "42")]);
/// let object = keystead::encrypt(&Recipients::from(&key), b"meet at noon", &context)?;
///
/// let sealed = SealedHeader::parse(&object)?;                        // parse: no key
/// let header = sealed.unwrap(&Keys::from(key), &context)?;           // unwrap: a key, maybe far away
/// let body = &object[sealed.len()..];
/// let mut reader = Decryptor::from_header(&header, body)?;           // open: the body
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

    /// Returns the length of an object's header in bytes, as its first nine bytes state it: what to
    /// read before [`parse`](Self::parse). Over a network, ask for 4,096 bytes first: nearly every
    /// header, and the 56 bytes after it, are within them.
    ///
    /// # Errors
    /// `Format` or `Limit`, by SPEC R4 to R6.
    pub fn stated_len(preamble: &[u8; PREAMBLE]) -> Result<usize> {
        header_len(preamble)
    }

    /// Makes a header of bytes that are exactly one.
    pub(crate) fn from_vec(bytes: Vec<u8>) -> Result<Self> {
        Header::parse(&bytes)?;
        Ok(Self { bytes })
    }

    /// Returns the length of the header in bytes: where the body begins.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the bytes of the header.
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
        keys: &Keys,
        expected: impl Into<Expected<'e>>,
    ) -> Result<OpenedHeader> {
        unwrap(&self.header()?, keys, expected.into()).map(OpenedHeader::new)
    }

    /// Does the same with a data key that came from elsewhere, such as a key service: step *unwrap*
    /// done remotely.
    #[cfg(feature = "hazmat")]
    pub(crate) fn accept<'e>(
        &self,
        data_key: DataKey,
        record: usize,
        expected: impl Into<Expected<'e>>,
    ) -> Result<OpenedHeader> {
        let header = self.header()?;
        let Some(Record::Known(known)) = header.records().nth(record) else {
            return Err(no_key(&header));
        };
        let expected = expected.into();
        if expected.holder && known.kind.provenance() != Provenance::Holder {
            return Err(no_key(&header));
        }
        if !data_key.has_header_tag(&sha256(&[header.tagged()]), &header.tag()) {
            return Err(Error::Auth);
        }
        let way_in = WayIn { kind: known.kind, key_id: known.key_id, data_key };
        Verified::check(&header, way_in, statement_hash(header.statement()), expected)
            .map(OpenedHeader::new)
    }
}

/// Who opened an object, and what that says about its maker (SPEC R39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct OpenedBy {
    /// The kind of the record.
    pub kind: RecordKind,
    /// The id of the key; zero for a passphrase.
    pub key_id: KeyId,
    /// Who can have made the object.
    #[serde(rename = "grade")]
    pub provenance: Provenance,
}

/// A header that verified under the data key of one of its records. Only [`SealedHeader::unwrap`]
/// makes it. It opens its body as often as needed, so it can be kept: the object's next reader then
/// needs no key. A clone shares the one data key, which is wiped with the last of them. It is
/// `Send + Sync`: threads share it.
///
/// ```compile_fail
/// // There is no opened header without verifying one.
/// let header = keystead::OpenedHeader { };
/// ```
#[derive(Clone)]
pub struct OpenedHeader(Arc<Verified>);

/// What a header says that verified, and its data key.
pub(crate) struct Verified {
    pub(crate) data_key: DataKey,
    pub(crate) opened_by: OpenedBy,
    pub(crate) plaintext_len: Option<u64>,
    /// Bytes of the header.
    pub(crate) len: usize,
    pub(crate) statement_hash: [u8; 32],
    pub(crate) context: Context,
    pub(crate) object_id: ObjectId,
    public_statement: Vec<u8>,
    sealed_metadata: Option<Vec<u8>>,
    generation: u64,
    tag: [u8; 32],
    floor: Option<Floor>,
    pub(crate) threads: Threads,
}

impl OpenedHeader {
    fn new(verified: Verified) -> Self {
        Self(Arc::new(verified))
    }

    /// Returns which key opened it.
    #[must_use]
    pub fn opened_by(&self) -> OpenedBy {
        self.0.opened_by
    }

    /// Returns the context, which is authentic.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// Returns the random id of the object.
    #[must_use]
    pub fn object_id(&self) -> ObjectId {
        self.0.object_id
    }

    /// Returns how often the access list was changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// Returns the plaintext length, where the maker stated it.
    #[must_use]
    pub fn plaintext_len(&self) -> Option<u64> {
        self.0.plaintext_len
    }

    /// Returns the length of the header in bytes: where the body begins.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Returns the statement hash: with the data key, it is all that another implementation of
    /// c2sp.org/chunked-encryption needs.
    #[must_use]
    pub fn statement_hash(&self) -> &[u8; 32] {
        &self.0.statement_hash
    }

    pub(crate) fn verified(&self) -> &Verified {
        &self.0
    }
}

impl Verified {
    /// Compares what the caller expects with what the verified header says: location, then context
    /// (R35).
    fn check(
        header: &Header<'_>,
        way_in: WayIn,
        statement_hash: [u8; 32],
        expected: Expected<'_>,
    ) -> Result<Self> {
        let WayIn { kind, key_id, data_key } = way_in;
        if let Some(location) = expected.location
            && header.location != Some(&data_key.location(location))
        {
            let Location { store, path } = location;
            let what = format!("the object does not belong at {path:?} of {store:?}");
            return Err(Error::context(None, what));
        }
        let context = header.context()?;
        expected.check_context(&context)?;
        Ok(Self {
            data_key,
            opened_by: OpenedBy { kind, key_id, provenance: kind.provenance() },
            plaintext_len: header.plaintext_len,
            len: header.bytes().len(),
            statement_hash,
            context,
            object_id: ObjectId::from_bytes(*header.object_id),
            // Only the metadata is bound to it.
            public_statement: header
                .metadata
                .map_or_else(Vec::new, |_| header.public_statement().to_vec()),
            sealed_metadata: header.metadata.map(<[u8]>::to_vec),
            generation: header.generation,
            tag: header.tag(),
            floor: expected.floor,
            threads: expected.threads,
        })
    }

    /// Verifies the commitment before the body, then the caller's floor (R35, R38).
    #[inline]
    pub(crate) fn payload(&self, prefix: &[u8; BODY_PREFIX]) -> Result<(PayloadKey, Floor)> {
        let payload = PayloadKey::verify(&self.data_key, prefix, &self.statement_hash);
        if payload.is_err() {
            event!("commitment not verified", object_id = self.object_id, error = "AUTH");
        }
        let payload = payload?;
        let found =
            Floor { commitment: payload.commitment(), generation: self.generation, tag: self.tag };
        if let Some(floor) = self.floor {
            floor.check(&found)?;
        }
        Ok((payload, found))
    }

    /// Opens the metadata (R16): only after header tag and commitment, of which the payload key is
    /// the proof.
    pub(crate) fn metadata(&self, _verified: &PayloadKey) -> Result<Metadata> {
        let Some(sealed) = &self.sealed_metadata else { return Ok(Metadata::new()) };
        let (text, tag) = sealed.split_last_chunk::<16>().ok_or(Error::Auth)?;
        let mut text = Zeroizing::new(text.to_vec());
        let aead = AesGcm::new(self.data_key.metadata_key().expose());
        let aad = [&IDENTITY[..], &self.public_statement].concat();
        aead.open([0; 12], &aad, &mut text, tag).map_err(|_| Error::Auth)?;
        Metadata::decode(&text)
    }
}

impl std::fmt::Debug for OpenedHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedHeader").field("opened_by", &self.0.opened_by).finish_non_exhaustive()
    }
}

/// Finds the way in (R36), then checks the demands of R19 and R37.
pub(crate) fn unwrap(header: &Header<'_>, keys: &Keys, expected: Expected<'_>) -> Result<Verified> {
    let statement_hash = statement_hash(header.statement());
    let lock = Lock::new(header, &statement_hash, keys);
    let opened = lock.way_in(header, expected.holder);
    let opened =
        opened.and_then(|way_in| Verified::check(header, way_in, statement_hash, expected));
    trace(header, &opened);
    opened
}

/// Returns whether the record is for a key that it does not name (R23).
pub(super) fn is_anonymous(record: &Known<'_>) -> bool {
    record.kind != RecordKind::Passphrase && record.key_id.is_anonymous()
}

fn trace(header: &Header<'_>, opened: &Result<Verified>) {
    let id = ObjectId::from_bytes(*header.object_id);
    match opened {
        Ok(opened) => event!(
            "header opened",
            object_id = id,
            generation = opened.generation,
            kind = opened.opened_by.kind.name(),
            key_id = opened.opened_by.key_id,
        ),
        Err(error) => event!("header not opened", object_id = id, error = error.kind().name()),
    }
}

/// The record that a key opened.
struct WayIn {
    kind: RecordKind,
    key_id: KeyId,
    data_key: DataKey,
}

/// A header, and the keys that are tried on its records.
pub(super) struct Lock<'a> {
    keys: &'a Keys,
    pub(super) binding: Binding<'a>,
    header_hash: [u8; 32],
    tag: [u8; 32],
}

impl<'a> Lock<'a> {
    pub(super) fn new(header: &Header<'a>, statement_hash: &'a [u8; 32], keys: &'a Keys) -> Self {
        Self {
            keys,
            binding: Binding { object_id: header.object_id, statement_hash },
            header_hash: sha256(&[header.tagged()]),
            tag: header.tag(),
        }
    }

    /// Finds the record that one of the keys opens. Of those that only a holder can have made,
    /// where that is demanded.
    fn way_in(&self, header: &Header<'_>, holder: bool) -> Result<WayIn> {
        let is_demanded =
            |known: &Known<'_>| !holder || known.kind.provenance() == Provenance::Holder;
        let records = || {
            header.records().filter_map(|record| match record {
                Record::Known(known) if is_demanded(&known) => Some(known),
                _ => None,
            })
        };
        let found = |key: &MasterKey, data_key: DataKey| {
            Ok(WayIn { kind: key.kind(), key_id: key.id(), data_key })
        };

        // Step 1: the first record whose key is held decides; nothing else is tried.
        for record in records().filter(|record| !record.key_id.is_anonymous()) {
            if let Some(key) = self.keys.holder(record.kind, record.key_id) {
                return found(key, self.attempt(key, &record)?.ok_or(Error::Auth)?);
            }
        }
        // Step 2: anonymous records, each with every key of its kind.
        let trials = self.trials(records());
        if trials > MAX_TRIALS {
            let what = format!(
                "{trials} trials of a key on an anonymous record; at most {MAX_TRIALS} are made"
            );
            return Err(Error::limit(Detail::new(what).hint("give only the keys that may fit")));
        }
        for record in records().filter(is_anonymous) {
            for key in self.keys.of_kind(record.kind) {
                if let Some(data_key) = self.attempt(key, &record)? {
                    return found(key, data_key);
                }
            }
        }
        // Step 3: each passphrase once.
        if let Some(record) = records().find(|record| record.kind == RecordKind::Passphrase) {
            for key in self.keys.of_kind(RecordKind::Passphrase) {
                if let Some(data_key) = self.attempt(key, &record)? {
                    return found(key, data_key);
                }
            }
        }
        Err(no_key(header))
    }

    /// Returns for each record the key at hand that opens it (R54). It tries no more than an opening
    /// does: what would cost more stays unopened.
    pub(super) fn openers(&self, header: &Header<'_>) -> Vec<Option<&'a MasterKey>> {
        let are_too_many = self.are_too_many(header);
        let opener = |record: Record<'_>| {
            let Record::Known(record) = record else { return None };
            if is_anonymous(&record) && are_too_many {
                return None;
            }
            let fits = |key: &&MasterKey| record.key_id.is_anonymous() || key.id() == record.key_id;
            let mut keys = self.keys.of_kind(record.kind).filter(fits);
            keys.find(|key| matches!(self.attempt(key, &record), Ok(Some(_))))
        };
        header.records().map(opener).collect()
    }

    /// Returns whether the secret of a recipient opens this record.
    pub(super) fn opens(&self, recipient: &Recipient, record: &Known<'_>) -> Result<bool> {
        let unwrapped = recipient.unwrap(&self.binding, record, &self.keys.limits());
        self.check_tag(unwrapped).map(|data_key| data_key.is_some())
    }

    /// Returns whether a key at hand has the id of this record: then it opens it, or nobody does by
    /// that id.
    pub(super) fn holds(&self, record: &Known<'_>) -> bool {
        self.keys.holder(record.kind, record.key_id).is_some()
    }

    /// Returns whether one of the keys at hand has this id.
    pub(super) fn has_key(&self, id: KeyId) -> bool {
        self.keys.iter().any(|key| key.id() == id)
    }

    /// Returns whether anonymous records would take more trials than an opening makes.
    pub(super) fn are_too_many(&self, header: &Header<'_>) -> bool {
        let known = header.records().filter_map(|record| match record {
            Record::Known(known) => Some(known),
            Record::Unknown { .. } => None,
        });
        self.trials(known) > MAX_TRIALS
    }

    /// Returns how many pairs there are of an anonymous record and a key of its kind.
    fn trials<'r>(&self, records: impl Iterator<Item = Known<'r>>) -> usize {
        let count = |record: &Known<'_>| self.keys.of_kind(record.kind).count();
        records.filter(is_anonymous).map(|record| count(&record)).sum()
    }

    /// Returns the data key of a record, where its wrap opens and the header tag is right under it.
    /// A wrap that fails costs a header tag all the same (R36).
    fn attempt(&self, key: &MasterKey, record: &Known<'_>) -> Result<Option<DataKey>> {
        self.check_tag(self.keys.unwrap(key, &self.binding, record))
    }

    fn check_tag(&self, unwrapped: Result<Secret<32>>) -> Result<Option<DataKey>> {
        let (data_key, opened) = match unwrapped {
            Ok(data_key) => (data_key, true),
            Err(Error::Auth) => (Secret::make(|_| ()), false),
            Err(other) => return Err(other),
        };
        let data_key = DataKey::new(data_key);
        let right = data_key.has_header_tag(&self.header_hash, &self.tag);
        Ok((opened & right).then_some(data_key))
    }
}

fn no_key(header: &Header<'_>) -> Error {
    let mut ways_in = WaysIn::default();
    for record in header.records() {
        if let Record::Known(known) = record {
            ways_in.add(&known);
        }
    }
    Error::NoKey(Box::new(ways_in))
}
