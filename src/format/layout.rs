//! Arithmetic of the body: where chunks and plaintext bytes lie (SPEC R31 to R33).

use std::ops::Range;

use crate::error::{Error, Result};

/// Plaintext bytes of a full chunk (R31).
pub(crate) const CHUNK: usize = 16_384;
/// Bytes of a GCM tag.
pub(crate) const TAG: usize = 16;
/// A full chunk with its tag.
pub(crate) const SEALED_CHUNK: usize = CHUNK + TAG;
/// Salt and commitment, in front of the chunks (R30).
pub(crate) const BODY_PREFIX: usize = 24 + 32;
/// R31: the highest chunk number, always a short chunk's.
pub(crate) const MAX_INDEX: u64 = (1 << 38) - 1;
/// R31: 4 PiB - 1.
pub(crate) const MAX_PLAINTEXT: u64 = (1 << 52) - 1;

/// [`CHUNK`] for arithmetic on positions.
pub(crate) const CHUNK_64: u64 = 16_384;
/// [`SEALED_CHUNK`] for arithmetic on positions.
pub(crate) const SEALED_CHUNK_64: u64 = 16_400;
const TAG_64: u64 = 16;
const BODY_PREFIX_64: u64 = 56;

/// The chunks of one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunks {
    /// Number of the last chunk, which is always shorter than the others (R31).
    pub(crate) last: u64,
    /// Plaintext bytes of the last chunk, below [`CHUNK`].
    pub(crate) last_len: usize,
}

impl Chunks {
    /// Makes the layout of a plaintext length; LIMIT above R31.
    pub(crate) fn of_plaintext(len: u64) -> Result<Self> {
        if len > MAX_PLAINTEXT {
            return Err(Error::limit(format!("{len} bytes; an object holds at most 4 PiB - 1")));
        }
        let last_len = below_chunk(len % CHUNK_64);
        Ok(Self { last: len / CHUNK_64, last_len })
    }

    /// Makes the layout of a body length; one that no plaintext has is a cut object, AUTH (R32).
    pub(crate) fn of_body(len: u64) -> Result<Self> {
        let sealed = len.checked_sub(BODY_PREFIX_64).ok_or(Error::Auth)?;
        let last_len = (sealed % SEALED_CHUNK_64).checked_sub(TAG_64).ok_or(Error::Auth)?;
        let chunks = Self { last: sealed / SEALED_CHUNK_64, last_len: below_chunk(last_len) };
        if chunks.plaintext_len() > MAX_PLAINTEXT {
            return Err(Error::limit("the body is longer than 4 PiB"));
        }
        Ok(chunks)
    }

    pub(crate) fn plaintext_len(self) -> u64 {
        self.last * CHUNK_64 + u64::try_from(self.last_len).unwrap_or(0)
    }

    /// Returns the length of the body: prefix, full chunks, the last one.
    pub(crate) fn body_len(self) -> u64 {
        BODY_PREFIX_64
            + self.last * SEALED_CHUNK_64
            + u64::try_from(self.last_len).unwrap_or(0)
            + TAG_64
    }

    /// Returns the sealed length of chunk `index`, at most the last, in bytes.
    pub(crate) fn sealed_len(self, index: u64) -> usize {
        if index == self.last { self.last_len + TAG } else { SEALED_CHUNK }
    }
}

/// Where the plaintext of an object is in the object: arithmetic, nothing that is verified (SPEC
/// R32, R33).
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::Layout;
/// let layout = Layout::of_plaintext(4_096, 100_000)?;        // a header of 4,096 bytes
/// assert_eq!(layout.object_len(), 104_264);
/// assert_eq!(layout.sealed(50_000..50_010), 53_352..69_752); // what to ask a store for
/// assert_eq!(Layout::of_object(4_096, 104_264)?.plaintext_len(), 100_000);
/// # Ok(()) }
/// ```
///
/// A store is asked for whole chunks in any case. So to read ahead, or to keep what was read, round
/// the range of the plaintext to chunks: its start down to a multiple of [`Layout::CHUNK`], its end
/// up to one, or to the end of the plaintext. The same bytes are fetched, nothing that was verified
/// is thrown away, and windows side by side never fetch a chunk twice:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use keystead::Layout;
/// # let layout = Layout::of_plaintext(4_096, 100_000)?;
/// let chunk = u64::try_from(Layout::CHUNK)?;                 // 16,384 bytes
/// let asked = 50_000_u64..50_010;
/// let end = asked.end.next_multiple_of(chunk).min(layout.plaintext_len());
/// let window = asked.start / chunk * chunk..end;
/// assert_eq!(window, 49_152..65_536);
/// assert_eq!(layout.sealed(window), layout.sealed(asked));
/// # Ok(()) }
/// ```
///
/// Only a window that reaches the end of the plaintext needs a verified end:
/// [`RangeOpener::confirm_end`](crate::RangeOpener::confirm_end).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    header: u64,
    pub(crate) chunks: Chunks,
}

impl Layout {
    /// Bytes between the header and the first chunk: salt and commitment (R30).
    pub const PREFIX: usize = BODY_PREFIX;
    /// Plaintext bytes of every chunk but the last, which is shorter (R31).
    pub const CHUNK: usize = CHUNK;
    /// Bytes that a chunk is longer than its plaintext.
    pub const TAG: usize = TAG;

    /// Makes the layout of an object of `object_len` bytes with a header of `header_len` bytes, as
    /// [`SealedHeader::len`](crate::SealedHeader::len) returns it.
    ///
    /// # Errors
    /// `Auth` where no object has this length, for then it was cut; `Limit` above 4 PiB.
    pub fn of_object(header_len: usize, object_len: u64) -> Result<Self> {
        let header = header_64(header_len)?;
        let chunks = Chunks::of_body(object_len.saturating_sub(header))?;
        Ok(Self { header, chunks })
    }

    /// Makes the layout of an object whose plaintext has `plaintext_len` bytes.
    ///
    /// # Errors
    /// `Limit` above 4 PiB - 1.
    pub fn of_plaintext(header_len: usize, plaintext_len: u64) -> Result<Self> {
        let chunks = Chunks::of_plaintext(plaintext_len)?;
        Ok(Self { header: header_64(header_len)?, chunks })
    }

    /// Returns the length of the plaintext in bytes.
    #[must_use]
    pub fn plaintext_len(&self) -> u64 {
        self.chunks.plaintext_len()
    }

    /// Returns the length of the object in bytes.
    #[must_use]
    pub fn object_len(&self) -> u64 {
        self.header + self.chunks.body_len()
    }

    /// Returns the bytes of the object between the header and the first chunk.
    #[must_use]
    pub const fn prefix(&self) -> Range<u64> {
        self.header..self.header + BODY_PREFIX_64
    }

    /// Returns the bytes of the object that hold the last chunk.
    #[must_use]
    pub fn last_chunk(&self) -> Range<u64> {
        self.chunk(self.chunks.last)
    }

    /// Returns the bytes of the object that hold chunk `index`, at most the last.
    pub(crate) fn chunk(&self, index: u64) -> Range<u64> {
        let start = self.header + chunk_offset(index);
        start..start + u64::try_from(self.chunks.sealed_len(index)).unwrap_or(0)
    }

    /// Returns the number of the last chunk.
    pub(crate) const fn last_index(&self) -> u64 {
        self.chunks.last
    }

    /// Returns the bytes of the object that hold the chunks of a range of the plaintext: whole
    /// chunks, the first that the range touches to the last. An empty range needs none, and what is
    /// beyond the end is left out.
    #[must_use]
    pub fn sealed(&self, range: Range<u64>) -> Range<u64> {
        let end = range.end.min(self.plaintext_len());
        if range.start >= end {
            return self.object_len()..self.object_len();
        }
        let (first, last) = (range.start / CHUNK_64, (end - 1) / CHUNK_64);
        self.chunk(first).start..self.chunk(last).end
    }
}

fn header_64(len: usize) -> Result<u64> {
    u64::try_from(len).map_err(|_| Error::limit("a header longer than 65,536 bytes"))
}

/// Returns where chunk `index` begins, from the start of the body (R33).
pub(crate) const fn chunk_offset(index: u64) -> u64 {
    BODY_PREFIX_64 + index * SEALED_CHUNK_64
}

/// Returns the chunk of a plaintext position, and the place in it (R33).
pub(crate) fn locate(position: u64) -> (u64, usize) {
    (position / CHUNK_64, below_chunk(position % CHUNK_64))
}

/// A length below that of a sealed chunk, which every `usize` holds.
fn below_chunk(len: u64) -> usize {
    usize::try_from(len).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_agree_both_ways() {
        for len in [0, 1, 16_383, 16_384, 16_385, 32_768, 256 * 16_384 + 1, MAX_PLAINTEXT] {
            let chunks = Chunks::of_plaintext(len).unwrap();
            assert_eq!(chunks.plaintext_len(), len);
            assert_eq!(Chunks::of_body(chunks.body_len()).unwrap(), chunks);
        }
        assert!(matches!(Chunks::of_plaintext(MAX_PLAINTEXT + 1), Err(Error::Limit(_))));
    }

    #[test]
    fn lengths_that_no_plaintext_has_are_cut_objects() {
        for len in [0, 55, 56, 71, 56 + 16_400, 56 + 16_400 + 15] {
            assert!(matches!(Chunks::of_body(len), Err(Error::Auth)), "{len}");
        }
        assert!(matches!(Chunks::of_body(u64::MAX), Err(Error::Limit(_) | Error::Auth)));
    }
}
