//! Encrypts a stream of any length in constant memory.

use std::io::{self, Read, Write};

use super::chunks::{self, Sealer};
use super::io::read_full;
use crate::envelope::{EncryptOptions, Sealed, seal};
use crate::error::{Error, Result};
use crate::format::context::Context;
use crate::format::floor::Floor;
use crate::format::layout::{BODY_PREFIX, CHUNK, SEALED_CHUNK_64, TAG};
use crate::keys::Recipients;
use crate::threads::Threads;

/// A writer that encrypts what is written to it. [`finish`](Self::finish) ends the object; without
/// it, it does not decrypt.
///
/// It holds one chunk, 16,400 bytes, whatever the length. Writing returns an `io::Error` that may
/// have ours inside: [`Error::from_io`] takes it out.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use keystead::Keys;
/// use keystead::{Context, Encryptor, MasterKey, Recipients};
/// use std::io::Write;
/// let key = MasterKey::generate()?;
/// let mut out = Encryptor::new(Vec::new(), &Recipients::from(&key), &Context::new())?;
/// out.write_all(b"any number of bytes")?;
/// let object = out.finish()?.out;
/// # assert_eq!(keystead::decrypt(&Keys::from(key), &object, &Context::new())?, b"any number of bytes");
/// # Ok(()) }
/// ```
///
/// Writing after `finish` does not compile, for `finish` consumes:
///
/// ```compile_fail
/// # use keystead::{Context, Encryptor, Keys, MasterKey};
/// # use std::io::Write;
/// # let keys = Keys::from(MasterKey::generate().unwrap());
/// let mut out = Encryptor::new(Vec::new(), &keys.recipients(), &Context::new()).unwrap();
/// out.finish().unwrap();
/// out.write_all(b"more").unwrap();
/// ```
pub struct Encryptor<W> {
    pub(super) inner: W,
    pub(super) sealer: Sealer,
    /// Plaintext of a chunk that is not full.
    pub(super) chunk: Box<chunks::Buffer>,
    pub(super) filled: usize,
    pub(super) left: Left,
    pub(super) threads: Threads,
    /// Bytes before the first chunk.
    front: usize,
    floor: Floor,
}

/// The plaintext bytes that are still to come, where the length was stated.
#[derive(Clone, Copy)]
pub(super) struct Left(pub(super) Option<u64>);

impl Left {
    /// Takes bytes off the stated length. More than that are the caller's fault (R32).
    pub(super) fn take(&mut self, bytes: usize) -> Result<u64> {
        let taken = u64::try_from(bytes).map_err(io::Error::other)?;
        if let Some(left) = &mut self.0 {
            let too_long = || Error::usage("more bytes came than the stated plaintext length");
            *left = left.checked_sub(taken).ok_or_else(too_long)?;
        }
        Ok(taken)
    }
}

/// A finished object.
#[derive(Debug)]
#[non_exhaustive]
pub struct Encrypted<W = ()> {
    /// Where it was written.
    pub out: W,
    /// Its length in bytes, header included.
    pub len: u64,
    /// What a reader may demand of it (SPEC R38).
    pub floor: Floor,
}

impl<W> Encrypted<W> {
    pub(super) const fn new(out: W, len: u64, floor: Floor) -> Self {
        Self { out, len, floor }
    }
}

impl<W: Write> Encryptor<W> {
    /// Writes the header to `inner`; any of `recipients` can open the object.
    ///
    /// # Errors
    /// As [`encrypt`](crate::encrypt), and `Io` where writing fails.
    pub fn new(inner: W, recipients: &Recipients, context: &Context) -> Result<Self> {
        Self::with_options(inner, recipients, context, &EncryptOptions::new())
    }

    /// Begins as [`new`](Self::new), with metadata, location, stated length, header room or a run
    /// of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(
        inner: W,
        recipients: &Recipients,
        context: &Context,
        options: &EncryptOptions,
    ) -> Result<Self> {
        let sealed = seal(recipients, context, options)?;
        Self::from_sealed(inner, sealed, options.plaintext_len, options.threads)
    }

    pub(super) fn from_sealed(
        mut inner: W,
        sealed: Sealed,
        stated: Option<u64>,
        threads: Threads,
    ) -> Result<Self> {
        let floor = sealed.floor();
        let front = sealed.header.len() + BODY_PREFIX;
        inner.write_all(&sealed.header)?;
        inner.write_all(sealed.payload.prefix())?;
        Ok(Self {
            inner,
            sealer: Sealer::new(sealed.payload),
            chunk: chunks::Buffer::new(),
            filled: 0,
            left: Left(stated),
            threads,
            front,
            floor,
        })
    }

    /// Seals the last chunk, flushes, and returns the writer with the length and the floor of the
    /// object.
    ///
    /// # Errors
    /// `Io` where writing fails or failed before, `Usage` where fewer bytes came than were stated:
    /// then the object does not decrypt.
    pub fn finish(mut self) -> Result<Encrypted<W>> {
        let last = self.filled + TAG;
        let chunks = self.sealer.next();
        self.step(|this| {
            if this.left.0.is_some_and(|left| left > 0) {
                return Err(Error::usage("fewer bytes came than the stated plaintext length"));
            }
            this.seal_chunk()?;
            Ok(this.inner.flush()?)
        })?;
        let around = u64::try_from(self.front + last).map_err(io::Error::other)?;
        let len = around + chunks * SEALED_CHUNK_64;
        Ok(Encrypted::new(self.inner, len, self.floor))
    }

    /// Takes a step whose error repeats: what failed may have reached the output in part, and going
    /// on would leave a hole.
    pub(super) fn step<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.sealer.sequence.begin()?;
        let done = step(self);
        self.sealer.sequence.settle(done)
    }

    /// Takes bytes to the end of a chunk; returns how many.
    pub(super) fn write_some(&mut self, bytes: &[u8]) -> Result<usize> {
        let taken = bytes.len().min(CHUNK - self.filled);
        self.step(|this| {
            this.left.take(taken)?;
            this.chunk[this.filled..this.filled + taken].copy_from_slice(&bytes[..taken]);
            this.add(taken)
        })?;
        Ok(taken)
    }

    /// Fills a chunk that was begun, as far as `reader` goes; returns how many bytes that took.
    pub(super) fn top_up(&mut self, reader: &mut impl Read) -> Result<u64> {
        if self.filled == 0 {
            return Ok(0);
        }
        // What a failing reader gave before is lost.
        let read = read_full(reader, &mut self.chunk[self.filled..CHUNK])?;
        let taken = self.left.take(read)?;
        self.add(read)?;
        Ok(taken)
    }

    /// Counts bytes that were put into the chunk, and seals it when it is full.
    fn add(&mut self, bytes: usize) -> Result<()> {
        self.filled += bytes;
        if self.filled == CHUNK { self.seal_chunk() } else { Ok(()) }
    }

    /// Seals and writes the chunk.
    fn seal_chunk(&mut self) -> Result<()> {
        let sealed = &mut self.chunk[..self.filled + TAG];
        self.sealer.seal_in_place(sealed)?;
        self.inner.write_all(sealed)?;
        self.filled = 0;
        Ok(())
    }
}

impl<W: Write> Write for Encryptor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.write_some(bytes)?)
    }

    /// Flushes the writer below. A chunk that is not full stays here: an object has one chunking.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W> std::fmt::Debug for Encryptor<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encryptor").field("chunk", &self.sealer.next()).finish_non_exhaustive()
    }
}
