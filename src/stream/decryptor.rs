//! Decrypts a stream of any length in constant memory. What it returns has been verified; the end
//! is verified too.

use std::io::{self, IoSliceMut, Read};
use std::ops::Range;

use super::chunks::{self, Opener};
use super::front::{ObjectInfo, read_prefix};
use super::io::{fill, read_full};
use crate::envelope::{OpenedHeader, SealedHeader};
use crate::error::{Error, Result};
use crate::format::context::Expected;
use crate::format::layout::{CHUNK, TAG};
use crate::keys::Keys;
use crate::primitives::secret::wipe;
use crate::threads::Threads;

/// A reader of the plaintext. It gives each chunk after it verified, and reports the end only after
/// the last chunk verified; an error repeats.
///
/// It holds one chunk, 16,400 bytes, whatever the length. Reading returns an `io::Error` that may
/// have ours inside: [`Error::from_io`] takes it out.
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
    pub(super) opener: Opener,
    pub(super) info: ObjectInfo,
    /// The chunk that was read last, opened.
    pub(super) chunk: Box<chunks::Buffer>,
    /// What nobody has taken of it.
    pub(super) ready: Range<usize>,
    pub(super) threads: Threads,
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
        let (opener, info) = read_prefix(header, &mut body)?;
        Ok(Self {
            inner: body,
            opener,
            info,
            chunk: chunks::Buffer::new(),
            ready: 0..0,
            threads: header.verified().threads,
        })
    }

    /// Returns what opening told.
    pub const fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Returns the reader below.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Returns verified plaintext that was not read yet; empty at the verified end.
    fn fill(&mut self) -> Result<&[u8]> {
        if self.ready.is_empty() {
            self.ready = 0..self.next_chunk()?;
        }
        Ok(&self.chunk[self.ready.clone()])
    }

    /// Reads and opens the next chunk; returns the length of its plaintext, nothing after the last.
    fn next_chunk(&mut self) -> Result<usize> {
        let Self { inner, opener, chunk, .. } = self;
        opener.step(|opener| {
            if opener.has_ended() {
                return Ok(0);
            }
            let len = read_full(inner, &mut chunk[..])?;
            opener.open_in_place(&mut chunk[..len])
        })
    }

    /// Returns whether the next byte is that of a chunk that was not read yet.
    fn is_between_chunks(&self) -> bool {
        self.ready.is_empty() && self.opener.is_open()
    }

    /// Opens a whole chunk straight into the caller's buffer; returns the length of its plaintext.
    /// On an error the buffer is wiped.
    fn chunk_into(&mut self, out: &mut [u8; CHUNK]) -> Result<usize> {
        let Self { inner, opener, .. } = self;
        let opened = opener.step(|opener| read_and_open(opener, inner, out));
        opened.inspect_err(|_| wipe(out))
    }
}

fn read_and_open(
    opener: &mut Opener,
    inner: &mut impl Read,
    out: &mut [u8; CHUNK],
) -> Result<usize> {
    let mut after = [0; TAG];
    let places = &mut [IoSliceMut::new(out), IoSliceMut::new(&mut after)];
    let len = fill(places, |places, _| inner.read_vectored(places), 0)?;
    let text = len.checked_sub(TAG).ok_or(Error::Auth)?;
    // The tag of a short chunk begins in the buffer.
    let mut tag = after;
    let within = TAG.min(CHUNK - text);
    tag[..within].copy_from_slice(&out[text..text + within]);
    tag[within..].copy_from_slice(&after[..TAG - within]);
    opener.open(&mut out[..text], &tag)?;
    Ok(text)
}

impl<R: Read> Read for Decryptor<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if let (Some(out), true) = (out.first_chunk_mut(), self.is_between_chunks()) {
            return Ok(self.chunk_into(out)?);
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
            .field("opened_by", &self.info.opened_by)
            .field("chunk", &self.opener.next())
            .finish_non_exhaustive()
    }
}
