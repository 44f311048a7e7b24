//! What is before the first chunk: header, salt and commitment. Opening verifies all of it, and only
//! then makes an opener of the chunks (SPEC R35).

use std::io::Read;

use super::chunks::Opener;
use super::io::read_full;
use crate::envelope::{OpenedBy, OpenedHeader, Sealed, SealedHeader, Verified, unwrap};
use crate::error::{Error, Result};
use crate::format::context::{Context, Expected, Metadata};
use crate::format::floor::Floor;
use crate::format::header::{Header, PREAMBLE, header_len};
use crate::format::layout::{BODY_PREFIX, Chunks};
use crate::format::record::ObjectId;
use crate::keys::Keys;

/// What opening an object tells: all of it is authentic.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Which key opened, and what that says about the maker.
    pub opened_by: OpenedBy,
    /// The public context.
    pub context: Context,
    /// The private metadata.
    pub metadata: Metadata,
    /// The random id of the object.
    pub object_id: ObjectId,
    /// The plaintext length, where the maker stated it.
    pub plaintext_len: Option<u64>,
    /// What the caller may demand from now on, so that nobody puts an older header back.
    pub floor: Floor,
}

impl SealedHeader {
    /// Reads exactly one header from `input`: at most 65,536 bytes, and beyond the first nine only
    /// when their claim of its length was checked. The body comes next.
    ///
    /// # Errors
    /// `Format` or `Limit`, by SPEC sections 2 to 4; `Io` where reading fails.
    pub fn read_from(input: &mut impl Read) -> Result<Self> {
        let mut preamble = [0; PREAMBLE];
        let read = read_full(input, &mut preamble)?;
        let len = header_len(&preamble[..read])?;
        let mut bytes = vec![0; len.max(PREAMBLE)];
        bytes[..PREAMBLE].copy_from_slice(&preamble);
        let read = PREAMBLE + read_full(input, &mut bytes[PREAMBLE..])?;
        bytes.truncate(read);
        Self::from_vec(bytes)
    }
}

/// Verifies commitment, floor and metadata.
#[inline]
pub(super) fn open_prefix(
    header: &Verified,
    prefix: &[u8; BODY_PREFIX],
) -> Result<(Opener, ObjectInfo)> {
    let (payload, floor) = header.payload(prefix)?;
    let metadata = header.metadata(&payload)?;
    let plaintext_len = header.plaintext_len;
    let info = ObjectInfo {
        opened_by: header.opened_by,
        context: header.context.clone(),
        metadata,
        object_id: header.object_id,
        plaintext_len,
        floor,
    };
    let chunks = plaintext_len.map(Chunks::of_plaintext).transpose()?;
    Ok((Opener::new(payload, chunks), info))
}

/// Reads salt and commitment, and verifies them.
pub(super) fn read_prefix(
    header: &OpenedHeader,
    body: &mut impl Read,
) -> Result<(Opener, ObjectInfo)> {
    let mut prefix = [0; BODY_PREFIX];
    if read_full(body, &mut prefix)? < BODY_PREFIX {
        return Err(Error::Auth);
    }
    open_prefix(header.verified(), &prefix)
}

/// An object in memory of which everything before the first chunk has verified.
pub(super) struct Front<'o> {
    pub(super) opener: Opener,
    pub(super) info: ObjectInfo,
    /// The sealed chunks.
    pub(super) sealed: &'o [u8],
    /// Bytes of the plaintext.
    pub(super) len: usize,
}

impl<'o> Front<'o> {
    pub(super) fn open(keys: &Keys, object: &'o [u8], expected: Expected<'_>) -> Result<Self> {
        let header = Header::parse(object)?;
        let opened = unwrap(&header, keys, expected)?;
        let body = &object[header.bytes().len()..];
        let (prefix, sealed) = body.split_first_chunk().ok_or(Error::Auth)?;
        let (opener, info) = open_prefix(&opened, prefix)?;
        let chunks = Chunks::of_body(len_u64(body.len())?)?;
        check_stated(&info, chunks)?;
        let len = usize::try_from(chunks.plaintext_len());
        let len = len.map_err(|_| Error::limit("the plaintext is longer than memory can be"))?;
        Ok(Self { opener, info, sealed, len })
    }
}

/// Checks that a stated length and that of the object agree (R32).
pub(super) fn check_stated(info: &ObjectInfo, chunks: Chunks) -> Result<()> {
    let agrees = info.plaintext_len.is_none_or(|stated| stated == chunks.plaintext_len());
    if agrees { Ok(()) } else { Err(Error::Auth) }
}

/// Returns the length in bytes of an object with these lengths of header and plaintext.
pub(super) fn object_len(header: usize, plaintext: usize) -> Result<usize> {
    let body = Chunks::of_plaintext(len_u64(plaintext)?)?.body_len();
    let body = usize::try_from(body).ok().and_then(|body| body.checked_add(header));
    body.ok_or_else(|| Error::limit("the object is longer than memory can be"))
}

/// Writes header, salt and commitment; returns the rest of `out`.
pub(super) fn write_front<'o>(sealed: &Sealed, out: &'o mut [u8]) -> &'o mut [u8] {
    let (header, body) = out.split_at_mut(sealed.header.len());
    header.copy_from_slice(&sealed.header);
    let (prefix, chunks) = body.split_at_mut(BODY_PREFIX);
    prefix.copy_from_slice(sealed.payload.prefix());
    chunks
}

pub(super) fn len_u64(len: usize) -> Result<u64> {
    u64::try_from(len).map_err(|_| Error::limit("more bytes than an object holds"))
}
