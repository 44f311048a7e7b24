//! What a header says to everybody: the provider's claims, unverified (SPEC R35).

use std::collections::BTreeMap;
use std::fmt;

use super::open::{SealedHeader, is_anonymous};
use crate::error::Result;
use crate::format::layout::Chunks;
use crate::format::record::{Costs, KeyId, ObjectId, Record, RecordKind};
use crate::keys::PassphraseCosts;

/// Everything that anyone can read of an object without a key. None of it is authentic.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// Format version.
    pub version: u8,
    /// Suite.
    pub suite: u8,
    /// Bytes of the header.
    pub header_len: usize,
    /// Bytes of the header that records, statement and tag take; the rest is room.
    pub header_used: usize,
    /// Random id of the object.
    pub object_id: ObjectId,
    /// Plaintext length as the maker stated it.
    pub stated_plaintext_len: Option<u64>,
    /// Plaintext length as the object's length gives it; absent where the length is not known or of
    /// no object.
    pub plaintext_len: Option<u64>,
    /// The public context.
    pub context: BTreeMap<String, String>,
    /// Bytes of the sealed private metadata.
    pub metadata_len: Option<usize>,
    /// Returns how often the access list was changed.
    pub generation: u64,
    /// Whether the object is bound to a place.
    pub has_location: bool,
    /// The ways in.
    pub records: Vec<RecordInspection>,
}

/// One way in.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct RecordInspection {
    /// `symmetric`, `pair`, `passphrase`, or `unknown`.
    pub kind: &'static str,
    /// Number of the kind in the format.
    pub code: u8,
    /// The key it is for. Absent for passphrase and unknown records, and for anonymous ones of which
    /// nobody knows whose they are.
    pub key_id: Option<KeyId>,
    /// Whether it names no key, though there is one.
    pub anonymous: bool,
    /// What is known of the key.
    pub evidence: Evidence,
    /// Public text of the writer.
    pub label: Option<String>,
    /// Bytes of the record.
    pub len: usize,
    /// What trying a passphrase costs.
    pub argon2id: Option<PassphraseCosts>,
}

impl RecordInspection {
    /// Says what was found out about its key.
    pub(super) fn known(self, evidence: Evidence, id: KeyId) -> Self {
        Self { key_id: Some(id).filter(|id| !id.is_anonymous()), evidence, ..self }
    }
}

/// How it is known whose key a record is for (SPEC R54).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub enum Evidence {
    /// This call made the record.
    #[serde(rename = "made now")]
    MadeNow,
    /// A key at hand opened it.
    #[serde(rename = "opened here")]
    OpenedHere,
    /// Only the record says so, which whoever made the header wrote: anyone who ever held the
    /// object's data key can write any key id and label.
    #[serde(rename = "claimed")]
    Claimed,
}

/// The words of SPEC.md and JSON.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MadeNow => "made now",
            Self::OpenedHere => "opened here",
            Self::Claimed => "claimed",
        })
    }
}

/// Reads the header that `object` begins with. `object_len` is the length of the whole object in
/// bytes, where it is known.
///
/// # Errors
/// `Format` or `Limit`, by SPEC sections 2 to 4.
pub fn inspect(object: &[u8], object_len: Option<u64>) -> Result<Inspection> {
    let sealed = SealedHeader::parse(object)?;
    let header = sealed.header()?;
    let header_len = u64::try_from(sealed.len()).unwrap_or(u64::MAX);
    let body = object_len.and_then(|len| len.checked_sub(header_len));
    let records: Vec<_> = header.records().map(|record| describe(&record)).collect();
    let record_bytes = records.iter().map(|record| record.len).sum();
    Ok(Inspection {
        version: 1,
        suite: 1,
        header_len: sealed.len(),
        header_used: crate::format::header::exact_len(
            header.statement().len(),
            header.location.is_some(),
            record_bytes,
        ),
        object_id: ObjectId::from_bytes(*header.object_id),
        stated_plaintext_len: header.plaintext_len,
        plaintext_len: body.and_then(|len| Chunks::of_body(len).ok()).map(Chunks::plaintext_len),
        context: header.context()?.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        metadata_len: header.metadata.map(<[u8]>::len),
        generation: header.generation,
        has_location: header.location.is_some(),
        records,
    })
}

pub(super) fn describe(record: &Record<'_>) -> RecordInspection {
    match record {
        Record::Unknown { code, raw } => RecordInspection {
            kind: "unknown",
            code: *code,
            key_id: None,
            anonymous: false,
            evidence: Evidence::Claimed,
            label: None,
            len: raw.len(),
            argon2id: None,
        },
        Record::Known(known) => RecordInspection {
            kind: known.kind.name(),
            code: known.kind.code(),
            key_id: Some(known.key_id).filter(|id| !id.is_anonymous()),
            anonymous: is_anonymous(known),
            evidence: Evidence::Claimed,
            label: Some(known.label.to_owned()).filter(|label| !label.is_empty()),
            len: known.raw.len(),
            argon2id: (known.kind == RecordKind::Passphrase)
                .then(|| Costs::parse(known.parameters).ok())
                .flatten()
                .map(|Costs { m, t, p, .. }| PassphraseCosts {
                    memory_kib: m,
                    passes: t,
                    lanes: p,
                }),
        },
    }
}
