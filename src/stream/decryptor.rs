//! Decrypts a stream of any length in constant memory. What it returns has been verified; the end
//! is verified too.

use std::io::{self, IoSliceMut, Read};

use super::at::fill;
use super::chunks;
use crate::envelope::{OpenedBy, OpenedHeader, PayloadKey, SealedHeader};
use crate::error::{Error, ErrorKind, Result};
use crate::format::context::{Context, Expected, Metadata};
use crate::format::floor::Floor;
use crate::format::header::{PREAMBLE, header_len};
use crate::format::layout::{BODY_PREFIX, CHUNK, Chunks, MAX_INDEX, SEALED_CHUNK, TAG};
use crate::format::record::ObjectId;
use crate::keys::Keys;
use crate::primitives::secret::wipe;

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

impl ObjectInfo {
    /// Verifies everything between the header and the first chunk: commitment, floor, metadata
    /// (SPEC R35).
    #[inline]
    pub(crate) fn verify(
        opened: &OpenedHeader,
        prefix: &[u8; BODY_PREFIX],
    ) -> Result<(PayloadKey, Self)> {
        let (payload, floor) = opened.payload(prefix)?;
        let metadata = opened.metadata(&payload)?;
        let details = Self {
            opened_by: opened.opened_by(),
            context: opened.context().clone(),
            metadata,
            object_id: opened.object_id(),
            plaintext_len: opened.plaintext_len(),
            floor,
        };
        Ok((payload, details))
    }
}

/// A reader of the plaintext. It gives each chunk after it verified, and reports the end only after
/// the last chunk verified; an error repeats.
///
/// It holds one chunk, 16,400 bytes, whatever the length.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use keystead::{Context, Decryptor, Keys, MasterKey};
/// # use std::io::Read;
/// # let keys = Keys::from(MasterKey::generate()?);
/// # let object = keystead::encrypt(&keys.recipients(), b"meet at noon", &Context::new())?;
/// let mut reader = Decryptor::new(&object[..], &keys, &Context::new())?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;              // an error here: what came before it is authentic, the rest is not there
/// println!("opened by {}", reader.info().opened_by.key_id);
/// # Ok(()) }
/// ```
///
/// The context is always named:
///
/// ```compile_fail
/// # let keys = keystead::Keys::new();
/// keystead::Decryptor::new(&b""[..], &keys);
/// ```
pub struct Decryptor<R> {
    pub(super) inner: R,
    pub(super) key: PayloadKey,
    details: ObjectInfo,
    pub(super) expected: Option<Chunks>,
    pub(super) chunk: Box<chunks::Buffer>,
    pub(super) ready: std::ops::Range<usize>,
    pub(super) index: u64,
    state: State,
}

enum State {
    Reading,
    Done,
    Failed(ErrorKind, io::ErrorKind),
}

impl<R: Read> Decryptor<R> {
    /// Reads and verifies header and commitment from `inner`.
    ///
    /// # Errors
    /// The classes of SPEC R52; no chunk was read by then.
    pub fn new<'e>(mut inner: R, keys: &Keys, expected: impl Into<Expected<'e>>) -> Result<Self> {
        let sealed = SealedHeader::read_from(&mut inner)?;
        Self::from_header(&sealed.unwrap(keys, expected)?, inner)
    }

    /// Begins with a header that was unwrapped before; `body` begins after it: step *open*.
    ///
    /// # Errors
    /// `Auth`, `Rollback`, or `Io` where reading fails.
    pub fn from_header(header: &OpenedHeader, mut body: R) -> Result<Self> {
        let mut prefix = [0; BODY_PREFIX];
        if read_full(&mut body, &mut prefix)? < BODY_PREFIX {
            return Err(Error::Auth);
        }
        let (key, details) = ObjectInfo::verify(header, &prefix)?;
        Ok(Self {
            inner: body,
            key,
            expected: details.plaintext_len.map(Chunks::of_plaintext).transpose()?,
            details,
            chunk: chunks::Buffer::new(),
            ready: 0..0,
            index: 0,
            state: State::Reading,
        })
    }

    /// Returns what opening told.
    pub const fn info(&self) -> &ObjectInfo {
        &self.details
    }

    /// Returns the reader below.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Returns verified plaintext that was not read yet; empty at the verified end.
    pub(super) fn fill(&mut self) -> Result<&[u8]> {
        if self.ready.is_empty() {
            match self.state {
                State::Reading => {
                    self.begin();
                    let read = self.next_chunk();
                    self.remember(read)?;
                }
                State::Done => {}
                State::Failed(ErrorKind::Io, kind) => return Err(io::Error::from(kind).into()),
                State::Failed(ErrorKind::Limit, _) => return Err(too_many()),
                State::Failed(ErrorKind::Auth, _) => return Err(Error::Auth),
                // What `take` of the caller returned says nothing of the object.
                State::Failed(..) => return Err(io::Error::other("an earlier call failed").into()),
            }
        }
        Ok(&self.chunk[self.ready.clone()])
    }

    /// Remembers an error, which repeats.
    fn remember<T>(&mut self, end: Result<T>) -> Result<T> {
        end.inspect_err(|error| {
            let kind = if let Error::Io(e) = error { e.kind() } else { io::ErrorKind::Other };
            self.state = State::Failed(error.kind(), kind);
        })
    }

    /// Returns whether the end has verified.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Begins what ends in [`settle`](Self::settle). Where a panic leaves that out, the decryptor
    /// has failed: nobody knows how much of the reader is gone.
    pub(super) const fn begin(&mut self) {
        self.state = State::Failed(ErrorKind::Io, io::ErrorKind::Other);
    }

    /// Ends what was read elsewhere: to the verified end, or to an error.
    pub(super) fn settle(&mut self, end: Result<()>) -> Result<()> {
        self.state = State::Done;
        self.remember(end)
    }

    /// Returns whether the next byte is that of a chunk that was not read yet.
    pub(super) const fn is_between(&self) -> bool {
        self.ready.start >= self.ready.end && matches!(self.state, State::Reading)
    }

    /// Opens a whole chunk straight into the caller's buffer; returns the length of its plaintext.
    /// On an error the buffer is wiped.
    fn chunk_into(&mut self, out: &mut [u8; CHUNK]) -> Result<usize> {
        let opened = self.read_and_open(out);
        opened.inspect_err(|_| wipe(out))
    }

    fn read_and_open(&mut self, out: &mut [u8; CHUNK]) -> Result<usize> {
        let mut behind = [0; TAG];
        let places = &mut [IoSliceMut::new(out), IoSliceMut::new(&mut behind)];
        let len = fill(places, |places, _| self.inner.read_vectored(places), 0)?;
        let last = len < SEALED_CHUNK;
        check_chunk(self.expected, self.index, len, last)?;
        let text = len.checked_sub(TAG).ok_or(Error::Auth)?;
        // The tag of a short chunk begins in the buffer.
        let mut tag = behind;
        let within = TAG.min(CHUNK - text);
        tag[..within].copy_from_slice(&out[text..text + within]);
        tag[within..].copy_from_slice(&behind[..TAG - within]);
        self.key.open_chunk(self.index, &mut out[..text], &tag)?;
        self.advance(last);
        Ok(text)
    }

    const fn advance(&mut self, last: bool) {
        self.index += 1;
        self.state = if last { State::Done } else { State::Reading };
    }

    fn next_chunk(&mut self) -> Result<()> {
        let len = read_full(&mut self.inner, &mut self.chunk[..])?;
        // R31: a full chunk is never the last; a short one always is.
        let last = len < SEALED_CHUNK;
        check_chunk(self.expected, self.index, len, last)?;
        let sealed = &mut self.chunk[..len];
        let (text, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Error::Auth)?;
        self.key.open_chunk(self.index, text, tag)?;
        self.ready = 0..text.len();
        self.advance(last);
        Ok(())
    }
}

/// Checks that a chunk of this length can be where it is.
pub(super) fn check_chunk(
    expected: Option<Chunks>,
    index: u64,
    len: usize,
    last: bool,
) -> Result<()> {
    if index == MAX_INDEX && !last {
        return Err(too_many());
    }
    // R32: a chunk that the stated length does not allow is refused before it is released.
    if let Some(expected) = expected {
        let fits = index <= expected.last && len == expected.sealed_len(index);
        if !fits || last != (index == expected.last) {
            return Err(Error::Auth);
        }
    }
    Ok(())
}

fn too_many() -> Error {
    Error::limit("more chunks than 4 PiB - 1 of plaintext takes")
}

impl<R: Read> Read for Decryptor<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if let (Some(out), true) = (out.first_chunk_mut(), self.is_between()) {
            self.begin();
            let read = self.chunk_into(out);
            return Ok(self.remember(read)?);
        }
        let ready = self.fill()?;
        let taken = ready.len().min(out.len());
        out[..taken].copy_from_slice(&ready[..taken]);
        self.ready.start += taken;
        Ok(taken)
    }
}

impl<R: Read> io::BufRead for Decryptor<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.fill()?)
    }

    fn consume(&mut self, amount: usize) {
        self.ready.start = self.ready.end.min(self.ready.start.saturating_add(amount));
    }
}

impl<R> std::fmt::Debug for Decryptor<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decryptor")
            .field("opened_by", &self.details.opened_by)
            .field("chunk", &self.index)
            .finish_non_exhaustive()
    }
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

/// Fills `out` as far as the input goes.
pub(crate) fn read_full(input: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let (filled, end) = read_counted(input, out);
    end.map(|()| filled)
}

/// Reads as [`read_full`]; where reading fails, says how much came before.
pub(super) fn read_counted(input: &mut impl Read, out: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while filled < out.len() {
        match input.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

#[cfg(test)]
mod tests;
