//! The header: preamble, statement, access list, padding, tag (SPEC sections 2 to 4). A view over
//! bytes that the parser has
//! accepted; what it says is the provider's claim until the tag has verified.

use super::bytes::{Cursor, too_short};
use super::context::Context;
use super::layout::MAX_PLAINTEXT;
use super::pairs::{self, MAX_PAIRS_LEN, Values};
use super::record::{Record, RecordKind};
use crate::error::{Detail, Error, Result};

/// R4: a byte that is not ASCII, the name, a line feed.
pub(crate) const MAGIC: [u8; 5] = *b"\x8bKST\n";
/// Magic, version 1, suite 1: what R16 and R17 begin with.
pub(crate) const IDENTITY: [u8; 7] = *b"\x8bKST\n\x01\x01";
/// Magic, version, suite, header length.
pub(crate) const PREAMBLE: usize = 9;
/// The header tag.
pub(crate) const HEADER_TAG: usize = 32;
/// R6.
pub(crate) const MAX_HEADER: usize = 65_536;
/// R20.
const MAX_RECORDS: usize = 20;
/// R14: the shortest pair and its tag.
const MIN_METADATA: usize = 20;

// R9: flags of the statement. Then R19: flags of the access list.
const LENGTH: u8 = 0x01;
const CONTEXT: u8 = 0x02;
const METADATA: u8 = 0x04;
const LOCATION: u8 = 0x01;

/// A parsed header, borrowed from its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Header<'a> {
    bytes: &'a [u8],
    statement: &'a [u8],
    pub(crate) object_id: &'a [u8; 16],
    pub(crate) plaintext_len: Option<u64>,
    context: &'a [u8],
    pub(crate) metadata: Option<&'a [u8]>,
    pub(crate) generation: u64,
    pub(crate) location: Option<&'a [u8; 32]>,
    records: &'a [u8],
    count: usize,
}

/// Returns the length of the whole header, from its first nine bytes (R4 to R6).
pub(crate) fn header_len(preamble: &[u8]) -> Result<usize> {
    let mut cursor = Cursor::new(preamble);
    let seen = preamble.len().min(MAGIC.len());
    if seen == 0 || preamble[..seen] != MAGIC[..seen] {
        return Err(Error::format(not_ours(preamble)));
    }
    cursor.take(MAGIC.len())?;
    let (version, suite) = (cursor.u8()?, cursor.u8()?);
    if version != 1 || suite != 1 {
        let what = format!("version {version}, suite {suite}: made by a newer keystead");
        return Err(Error::format(Detail::new(what).hint("upgrade keystead to open it")));
    }
    let len = usize::from(cursor.u16()?) * 8;
    if len > MAX_HEADER {
        return Err(Error::limit(format!(
            "a header of {len} bytes; at most {MAX_HEADER} are read"
        )));
    }
    Ok(len)
}

fn not_ours(start: &[u8]) -> Detail {
    let detail = Detail::new("not a keystead object");
    if start.is_empty() {
        detail.hint("the input is empty")
    } else if start.starts_with(b"\x8bKST\r\n") || start.starts_with(b"\xef\xbf\xbdKST") {
        detail.hint("it was damaged by a transfer in text mode; fetch it again in binary mode")
    } else if start.starts_with(b"-----BEGI") || start.starts_with(b"i0tTVAo") {
        detail
            .hint("it looks like text; armored objects begin with -----BEGIN KEYSTEAD OBJECT-----")
    } else if start.starts_with(b"age-encry") {
        detail.hint("it is an age file: `age --decrypt` opens it")
    } else {
        detail
    }
}

impl<'a> Header<'a> {
    /// Parses the header at the start of `input`, in the order of R53; bytes behind it are not
    /// looked at.
    pub(crate) fn parse(input: &'a [u8]) -> Result<Self> {
        let len = header_len(input)?;
        let bytes = input.get(..len).ok_or_else(too_short)?;
        let inner = len.checked_sub(HEADER_TAG).and_then(|end| bytes.get(PREAMBLE..end));
        let inner = inner.ok_or_else(too_short)?;
        let mut cursor = Cursor::new(inner);

        let object_id = cursor.array()?;
        let flags = cursor.u8()?;
        if flags & !(LENGTH | CONTEXT | METADATA) != 0 {
            return Err(Error::format("statement flags that this version does not know"));
        }
        let plaintext_len = if flags & LENGTH == 0 { None } else { Some(cursor.u64()?) };
        if plaintext_len.is_some_and(|len| len > MAX_PLAINTEXT) {
            return Err(Error::limit("a stated plaintext length above 4 PiB - 1"));
        }
        let context = if flags & CONTEXT == 0 { &[] } else { context(&mut cursor)? };
        let metadata = if flags & METADATA == 0 { None } else { Some(metadata(&mut cursor)?) };
        let statement = &inner[..inner.len() - cursor.rest().len()];

        let generation = cursor.u64()?;
        let flags = cursor.u8()?;
        if flags & !LOCATION != 0 {
            return Err(Error::format("access list flags that this version does not know"));
        }
        let location = if flags & LOCATION == 0 { None } else { Some(cursor.array()?) };
        let count = usize::from(cursor.u8()?);
        if count == 0 {
            return Err(Error::format("an access list without records"));
        }
        if count > MAX_RECORDS {
            return Err(Error::limit(format!("{count} records; at most {MAX_RECORDS} are read")));
        }
        let records = cursor.rest();
        for _ in 0..count {
            Record::parse(&mut cursor)?;
        }
        let padding = cursor.rest();
        let records = &records[..records.len() - padding.len()];
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Error::format("padding that is not zero"));
        }
        let header = Self {
            bytes,
            statement,
            object_id,
            plaintext_len,
            context,
            metadata,
            generation,
            location,
            records,
            count,
        };
        header.check_records()?;
        Ok(header)
    }

    /// Refuses records that may occur only once (R23).
    fn check_records(&self) -> Result<()> {
        for (index, record) in self.records().enumerate() {
            for earlier in self.records().take(index) {
                let twice = match (&record, &earlier) {
                    (Record::Known(a), Record::Known(b)) if a.kind == b.kind => {
                        a.kind == RecordKind::Passphrase
                            || (a.key_id == b.key_id && !a.key_id.is_anonymous())
                    }
                    _ => false,
                };
                if twice || record.raw() == earlier.raw() {
                    return Err(Error::format("a duplicate record"));
                }
            }
        }
        Ok(())
    }

    /// Returns the whole header.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns everything that the header tag covers (R24).
    pub(crate) fn tagged(&self) -> &'a [u8] {
        &self.bytes[..self.bytes.len() - HEADER_TAG]
    }

    pub(crate) fn tag(&self) -> [u8; HEADER_TAG] {
        let mut tag = [0; HEADER_TAG];
        tag.copy_from_slice(&self.bytes[self.bytes.len() - HEADER_TAG..]);
        tag
    }

    /// Returns the bytes of the statement, for its hash and for copying (R17).
    pub(crate) const fn statement(&self) -> &'a [u8] {
        self.statement
    }

    /// Returns the statement without its metadata field (R15).
    pub(crate) fn public_statement(&self) -> &'a [u8] {
        let field = self.metadata.map_or(0, |sealed| 2 + sealed.len());
        &self.statement[..self.statement.len() - field]
    }

    pub(crate) fn context(&self) -> Result<Context> {
        Context::decode(self.context)
    }

    /// Returns the records in the writer's order.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'a>> {
        let mut cursor = Cursor::new(self.records);
        // The parser has read each of them once.
        (0..self.count).map_while(move |_| Record::parse(&mut cursor).ok())
    }
}

fn context<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8]> {
    let len = usize::from(cursor.u16()?);
    if len > MAX_PAIRS_LEN {
        return Err(Error::limit(format!("a context of {len} bytes")));
    }
    let bytes = cursor.take(len)?;
    pairs::parse(bytes, Values::Text, |_, _| ())?;
    Ok(bytes)
}

fn metadata<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8]> {
    let len = usize::from(cursor.u16()?);
    if len < MIN_METADATA {
        return Err(Error::format("sealed metadata of less than 20 bytes"));
    }
    if len > MAX_PAIRS_LEN {
        return Err(Error::limit(format!("sealed metadata of {len} bytes")));
    }
    cursor.take(len)
}

/// Appends the public statement of a new object (R15); the metadata field follows by
/// [`push_metadata`].
pub(crate) fn push_statement(
    object_id: &[u8; 16],
    plaintext_len: Option<u64>,
    context: &Context,
    has_metadata: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.extend_from_slice(object_id);
    let mut flags = 0;
    if plaintext_len.is_some() {
        flags |= LENGTH;
    }
    if !context.is_empty() {
        flags |= CONTEXT;
    }
    if has_metadata {
        flags |= METADATA;
    }
    out.push(flags);
    if let Some(len) = plaintext_len {
        out.extend_from_slice(&len.to_be_bytes());
    }
    if !context.is_empty() {
        let pairs = context.encode()?;
        push_field(&pairs, "the context", out)?;
    }
    Ok(())
}

/// Appends the sealed metadata to a statement (R14).
pub(crate) fn push_metadata(sealed: &[u8], statement: &mut Vec<u8>) -> Result<()> {
    push_field(sealed, "the metadata", statement)
}

fn push_field(bytes: &[u8], what: &str, out: &mut Vec<u8>) -> Result<()> {
    let too_long =
        || Error::limit(format!("{what} takes {} bytes; at most {MAX_PAIRS_LEN} fit", bytes.len()));
    let len = u16::try_from(bytes.len()).map_err(|_| too_long())?;
    if bytes.len() > MAX_PAIRS_LEN {
        return Err(too_long());
    }
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Returns the least length of a header in bytes, a multiple of 8.
pub(crate) fn exact_len(statement: usize, has_location: bool, records: usize) -> usize {
    let location = if has_location { 32 } else { 0 };
    (PREAMBLE + statement + 8 + 1 + location + 1 + records + HEADER_TAG).next_multiple_of(8)
}

/// Checks that `len` bytes are a header's length (R6) and that what it holds fits; `exact` is what
/// [`exact_len`] says.
pub(crate) fn check_len(exact: usize, len: usize) -> Result<()> {
    if !len.is_multiple_of(8) {
        return Err(Error::usage("a header length is a multiple of 8"));
    }
    if exact > len || len > MAX_HEADER {
        let what = format!("the header takes {exact} bytes; it was given {len} of {MAX_HEADER}");
        return Err(Error::limit(Detail::new(what).hint("take fewer keys, or less context")));
    }
    Ok(())
}

/// Begins a header with its preamble (R4 to R6), of a length that [`check_len`] accepted.
pub(crate) fn begin(len: usize) -> Result<Vec<u8>> {
    let units = u16::try_from(len / 8).map_err(|_| too_short())?;
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(&IDENTITY);
    out.extend_from_slice(&units.to_be_bytes());
    Ok(out)
}

/// Checks that an object has at least one record, and not too many (R20).
pub(crate) fn check_count(count: usize) -> Result<()> {
    if count == 0 {
        let detail = Detail::new("an object needs at least one key that opens it");
        return Err(Error::usage(detail.hint("add a recipient")));
    }
    if count > MAX_RECORDS {
        let what = format!("{count} keys; an object has room for {MAX_RECORDS}");
        let hint = "encrypt for one key that more people hold";
        return Err(Error::limit(Detail::new(what).hint(hint)));
    }
    Ok(())
}

/// Appends the access list as far as its records (R18).
pub(crate) fn push_access(
    generation: u64,
    location: Option<&[u8; 32]>,
    count: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.extend_from_slice(&generation.to_be_bytes());
    out.push(if location.is_some() { LOCATION } else { 0 });
    out.extend_from_slice(location.map_or(&[][..], |location| location));
    out.push(u8::try_from(count).map_err(|_| too_short())?);
    Ok(())
}

/// Fills up to where the tag begins (R7).
pub(crate) fn pad(out: &mut Vec<u8>) -> Result<()> {
    let len = header_len(out)?;
    if out.len() + HEADER_TAG > len {
        return Err(too_short());
    }
    out.resize(len - HEADER_TAG, 0);
    Ok(())
}
