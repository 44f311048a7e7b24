//! Reading any range of an object: only its chunks are read and verified (SPEC R33).

use std::io::{self, Read, Seek, SeekFrom};

use super::chunks;
use super::front::ObjectInfo;
use super::io::read_full;
use super::range_opener::RangeOpener;
use crate::envelope::{OpenedHeader, SealedHeader};
use crate::error::{Error, Result};
use crate::format::context::Expected;
use crate::format::layout::{BODY_PREFIX, CHUNK, locate};
use crate::keys::Keys;
use crate::primitives::secret::wipe;
use crate::threads::Threads;

/// A reader that seeks. It verifies each chunk that it touches. Where the end is it knows from the
/// length that the object states, or from the last chunk, which it then verifies first.
///
/// It holds one chunk, 16,400 bytes. As `Read` and `Seek` it returns an `io::Error` that may have ours
/// inside: [`Error::from_io`] takes it out.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use keystead::{Context, Keys, MasterKey, RangeReader};
/// # let keys = Keys::from(MasterKey::generate()?);
/// # let object = keystead::encrypt(&keys.recipients(), &vec![7; 100_000], &Context::new())?;
/// let mut reader = RangeReader::new(std::io::Cursor::new(object), &keys, &Context::new())?;
/// let mut bytes = [0; 16];
/// reader.read_exact_at(50_000, &mut bytes)?;       // one chunk is read
/// # assert_eq!(bytes, [7; 16]);
/// # Ok(()) }
/// ```
pub struct RangeReader<R> {
    pub(super) inner: R,
    pub(super) ranges: RangeOpener,
    pub(super) threads: Threads,
    /// The chunk that was read last, its number and its plaintext's length.
    chunk: Box<chunks::Buffer>,
    loaded: Option<(u64, usize)>,
    position: u64,
}

impl<R: Read + Seek> RangeReader<R> {
    /// Reads and verifies header and commitment from the start of `inner`.
    ///
    /// # Errors
    /// The classes of SPEC R52.
    pub fn new<'e>(mut inner: R, keys: &Keys, expected: impl Into<Expected<'e>>) -> Result<Self> {
        inner.seek(SeekFrom::Start(0))?;
        let sealed = SealedHeader::read_from(&mut inner)?;
        Self::from_header(&sealed.unwrap(keys, expected)?, inner)
    }

    /// Begins with a header that was unwrapped before: step *open*. `inner` is the whole object,
    /// whose header is not read again: its length says where the body begins.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use keystead::{Context, Keys, MasterKey, RangeReader, SealedHeader};
    /// # let keys = Keys::from(MasterKey::generate()?);
    /// # let object = keystead::encrypt(&keys.recipients(), &vec![7; 100_000], &Context::new())?;
    /// let header = SealedHeader::parse(&object)?.unwrap(&keys, &Context::new())?;
    /// let mut reader = RangeReader::from_header(&header, std::io::Cursor::new(&object))?;
    /// assert_eq!(reader.verified_len()?, 100_000);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `Auth`, `Rollback`, or `Io` where reading fails.
    pub fn from_header(header: &OpenedHeader, mut inner: R) -> Result<Self> {
        let end = inner.seek(SeekFrom::End(0))?;
        let body = u64::try_from(header.len()).map_err(io::Error::other)?;
        inner.seek(SeekFrom::Start(body))?;
        let mut prefix = [0; BODY_PREFIX];
        if read_full(&mut inner, &mut prefix)? < BODY_PREFIX {
            return Err(Error::Auth);
        }
        Ok(Self {
            inner,
            ranges: header.opener(&prefix, end, None)?,
            threads: header.verified().threads,
            chunk: chunks::Buffer::new(),
            loaded: None,
            position: 0,
        })
    }

    /// Returns what opening told.
    pub const fn info(&self) -> &ObjectInfo {
        self.ranges.info()
    }

    /// Returns the plaintext length, verified by the statement, or by opening the last chunk.
    ///
    /// # Errors
    /// `Auth` where the last chunk does not verify.
    pub fn verified_len(&mut self) -> Result<u64> {
        if !self.ranges.is_end_verified() {
            self.load(self.ranges.layout().last_index())?;
            self.ranges.set_end_verified();
        }
        Ok(self.claimed_len())
    }

    /// Returns the plaintext length that the length of the object claims.
    fn claimed_len(&self) -> u64 {
        self.ranges.layout().plaintext_len()
    }

    /// Reads from `offset` what `out` has room for, and less only at the verified end.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify; then `out` holds nothing of this call.
    pub fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize> {
        let wanted = u64::try_from(out.len()).map_err(|_| Error::limit("a range above 2^64"))?;
        // R33: a range that reaches the claimed end asserts the end.
        if offset.saturating_add(wanted) >= self.claimed_len() {
            self.verified_len()?;
        }
        let mut filled = 0;
        while filled < out.len() {
            let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match self.copy_from_chunk(at, &mut out[filled..]) {
                Ok(0) => break,
                Ok(copied) => filled += copied,
                Err(error) => {
                    wipe(&mut out[..filled]);
                    return Err(error);
                }
            }
        }
        Ok(filled)
    }

    /// Reads from `offset` exactly as many bytes as `out` has.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at); `Usage` where the range passes the end.
    pub fn read_exact_at(&mut self, offset: u64, out: &mut [u8]) -> Result<()> {
        if self.read_at(offset, out)? == out.len() {
            return Ok(());
        }
        wipe(out);
        let end = self.claimed_len();
        Err(Error::usage(format!("the range ends after the plaintext of {end} bytes")))
    }

    /// Copies what one chunk has from `position` on; nothing at the end.
    fn copy_from_chunk(&mut self, position: u64, out: &mut [u8]) -> Result<usize> {
        if position >= self.claimed_len() {
            return Ok(0);
        }
        let (index, start) = locate(position);
        let len = self.load(index)?;
        let taken = out.len().min(len.saturating_sub(start));
        out[..taken].copy_from_slice(&self.chunk[start..start + taken]);
        Ok(taken)
    }

    /// Opens chunk `index` unless it is at hand; returns its plaintext length.
    fn load(&mut self, index: u64) -> Result<usize> {
        if let Some((loaded, len)) = self.loaded
            && loaded == index
        {
            return Ok(len);
        }
        self.loaded = None;
        let place = self.ranges.layout().chunk(index);
        self.inner.seek(SeekFrom::Start(place.start))?;
        let sealed_len = usize::try_from(place.end - place.start).map_err(io::Error::other)?;
        let sealed = &mut self.chunk[..sealed_len];
        if read_full(&mut self.inner, sealed)? < sealed_len {
            return Err(Error::Auth);
        }
        let len = self.ranges.open_in_place(index, sealed)?;
        self.loaded = Some((index, len));
        Ok(len)
    }
}

impl<R: Read + Seek> Read for RangeReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        // R33: reading on asserts the end, so that is verified before the first byte.
        self.verified_len()?;
        // One chunk at most: a caller that reads on gets the next.
        let (_, start) = locate(self.position);
        let room = out.len().min(CHUNK - start);
        let read = self.read_at(self.position, &mut out[..room])?;
        self.position += u64::try_from(read).unwrap_or(0);
        if read == 0 {
            // A stated length says where the end is; that the end is whole, only its chunk.
            self.load(self.ranges.layout().last_index())?;
        }
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for RangeReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.verified_len()?.checked_add_signed(offset),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the start");
        self.position = position.ok_or_else(before)?;
        Ok(self.position)
    }
}

impl<R> std::fmt::Debug for RangeReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RangeReader").field("position", &self.position).finish_non_exhaustive()
    }
}
