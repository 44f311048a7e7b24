//! Section 6 of SPEC.md and the rest of R35: from an unwrapped header to the plaintext, for a reader
//! that streams and for one that knows the object's length.

use std::ops::Range;

use keystead::ErrorKind::Auth;
use keystead::{Floor, Provenance, RecordKind};

use super::Result;
use super::header::{self, Header, PairList};
use super::primitives::gcm_open;
use super::unwrap::{Demand, check_floor, unwrap};
use crate::crypto::{GcmKey, expand};
use crate::keys::Key;

pub const CHUNK: usize = 16_384;
pub const SEALED_CHUNK: usize = CHUNK + 16;
pub const PREFIX: usize = 56;

/// An object as far as its first chunk: header, commitment, floor and metadata are right.
#[derive(Debug, Clone)]
pub struct Opened {
    pub header: Header,
    pub told: Told,
    /// The plaintext that a stream may release, and how it ends (R32, R35).
    pub released: Vec<u8>,
    pub stream: Result<()>,
    /// How opening all of an object of known length ends; then `released` is its plaintext.
    pub whole: Result<()>,
    /// Each chunk of an object of known length; absent where the length cannot be (R32).
    pub known: Option<Known>,
}

/// What opening tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub kind: RecordKind,
    pub key_id: [u8; 16],
    pub grade: Provenance,
    pub context: PairList,
    pub metadata: PairList,
    pub object_id: [u8; 16],
    pub plaintext_len: Option<u64>,
    pub floor: Floor,
}

/// The chunks of an object whose length is known and agrees with a stated one.
#[derive(Debug, Clone)]
pub struct Known {
    pub plaintext_len: usize,
    /// The plaintext of each chunk that opens.
    pub chunks: Vec<Option<Vec<u8>>>,
    pub stated: bool,
}

impl Known {
    pub fn last_opens(&self) -> bool {
        self.chunks.last().is_some_and(Option::is_some)
    }

    /// The plaintext of a range that lies within the claimed length, where its chunks open.
    pub fn text(&self, range: Range<usize>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for (index, chunk) in self.chunks.iter().enumerate() {
            let (from, to) = (index * CHUNK, (index + 1) * CHUNK);
            if !range.is_empty() && range.start < to && range.end > from {
                let chunk = chunk.as_ref()?;
                let (start, end) = (range.start.max(from) - from, range.end.min(to) - from);
                out.extend_from_slice(&chunk[start..end]);
            }
        }
        Some(out)
    }
}

/// R35. An error is that of every way of opening.
pub fn open(object: &[u8], held: &[Key], demand: &Demand) -> Result<Opened> {
    let header = Header::parse(object)?;
    let unwrapped = unwrap(&header, held, demand)?;
    let body = &object[header.bytes.len()..];
    let (key, floor) = commitment(&header, &unwrapped.data_key, body, demand)?;
    let metadata = metadata(&header, &unwrapped.data_key)?;
    let told = Told {
        kind: unwrapped.kind,
        key_id: unwrapped.key_id,
        grade: if unwrapped.kind == RecordKind::Pair {
            Provenance::Anyone
        } else {
            Provenance::Holder
        },
        context: header.context.clone(),
        metadata,
        object_id: header.object_id,
        plaintext_len: header.plaintext_len,
        floor,
    };
    let sealed = &body[PREFIX..];
    let chunks = Chunks::open(&key, sealed);
    let (released, stream) = chunks.stream(header.plaintext_len);
    let known = chunks.known(header.plaintext_len);
    let whole = match &known {
        Some(known) if known.chunks.iter().all(Option::is_some) => Ok(()),
        _ => Err(Auth),
    };
    Ok(Opened { header, told, released, stream, whole, known })
}

/// R30 and R38: salt and commitment, then the floor.
pub fn commitment(
    header: &Header,
    data_key: &[u8; 32],
    body: &[u8],
    demand: &Demand,
) -> Result<(GcmKey, Floor)> {
    let prefix = body.get(..PREFIX).ok_or(Auth)?;
    let label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
    let keys: [u8; 76] = expand(data_key, &[label, &prefix[..24], &header.statement_hash()]);
    if keys[44..] != prefix[24..] {
        return Err(Auth);
    }
    let key = (*keys.first_chunk().unwrap(), keys[32..44].try_into().unwrap());
    let commitment = *keys.last_chunk().unwrap();
    let found = Floor { commitment, generation: header.generation, tag: header.tag() };
    if let Some(floor) = &demand.floor {
        check_floor(floor, &found)?;
    }
    Ok((key, found))
}

/// R16.
fn metadata(header: &Header, data_key: &[u8; 32]) -> Result<PairList> {
    let Some(sealed) = &header.metadata else { return Ok(PairList::new()) };
    let key = expand(data_key, &[b"keystead/v1/metadata\0"]);
    let aad = [b"\x8bKST\n\x01\x01", &header.public_statement[..]].concat();
    let pairs = gcm_open(&(key, [0; 12]), &aad, sealed).ok_or(Auth)?;
    header::pairs(&pairs, false)
}

/// Every piece of a body, opened as the chunk of its place.
struct Chunks {
    /// Sealed length, and the plaintext where it opens.
    pieces: Vec<(usize, Option<Vec<u8>>)>,
}

impl Chunks {
    fn open((key, base): &GcmKey, sealed: &[u8]) -> Self {
        let mut pieces = Vec::new();
        for (index, piece) in (0_u64..).zip(sealed.chunks(SEALED_CHUNK)) {
            let mut nonce = *base;
            nonce[4..].iter_mut().zip(index.to_be_bytes()).for_each(|(n, i)| *n ^= i);
            let text = (piece.len() >= 16).then(|| gcm_open(&(*key, nonce), b"", piece));
            pieces.push((piece.len(), text.flatten()));
        }
        // R31: the last chunk is shorter, so a body that ends with a full one has lost it.
        if sealed.len().is_multiple_of(SEALED_CHUNK) {
            pieces.push((0, None));
        }
        Self { pieces }
    }

    /// R32 for a reader that meets the end when it comes.
    fn stream(&self, stated: Option<u64>) -> (Vec<u8>, Result<()>) {
        let mut released = Vec::new();
        for (index, (len, text)) in self.pieces.iter().enumerate() {
            if let Some(stated) = stated {
                let stated = usize::try_from(stated).unwrap();
                let (last, last_len) = (stated / CHUNK, stated % CHUNK + 16);
                let right = if index < last { SEALED_CHUNK } else { last_len };
                if index > last || *len != right {
                    return (released, Err(Auth));
                }
            }
            let Some(text) = text else { return (released, Err(Auth)) };
            released.extend_from_slice(text);
        }
        (released, Ok(()))
    }

    /// R32 for a reader that knows the length.
    fn known(&self, stated: Option<u64>) -> Option<Known> {
        let (last_len, _) = self.pieces.last()?;
        let plaintext_len = (self.pieces.len() - 1) * CHUNK + last_len.checked_sub(16)?;
        if stated.is_some_and(|stated| stated != u64::try_from(plaintext_len).unwrap()) {
            return None;
        }
        let chunks = self.pieces.iter().map(|(_, text)| text.clone()).collect();
        Some(Known { plaintext_len, chunks, stated: stated.is_some() })
    }
}
