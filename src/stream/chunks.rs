//! The hot path: chunks of a body, sealed and opened where they are.

use std::borrow::Borrow;
use std::ops::{Deref, DerefMut};

use super::sequence::Sequence;
use crate::envelope::PayloadKey;
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, Chunks, SEALED_CHUNK, TAG};
use crate::primitives::secret::wipe;

/// Seals the chunks of one body, each once.
pub(super) struct Sealer<K = PayloadKey> {
    key: K,
    pub(super) sequence: Sequence,
}

impl<K: Borrow<PayloadKey>> Sealer<K> {
    pub(super) const fn new(key: K) -> Self {
        Self { key, sequence: Sequence::new(None) }
    }

    /// Makes a sealer that begins with chunk `index`. No chunk is to be sealed by two of them.
    pub(super) fn at(&self, index: u64) -> Sealer<&PayloadKey> {
        Sealer { key: self.key.borrow(), sequence: self.sequence.at(index) }
    }

    /// Returns the number of the next chunk.
    pub(super) const fn next(&self) -> u64 {
        self.sequence.next()
    }

    /// Goes on after chunks that [`at`](Self::at) sealed.
    pub(super) const fn skip_to(&mut self, index: u64) {
        self.sequence.skip_to(index);
    }

    /// Seals the next chunk where its plaintext is, and returns the tag (R34).
    fn seal(&mut self, text: &mut [u8]) -> Result<[u8; TAG]> {
        let sealed_len = text.len() + TAG;
        self.sequence.check(sealed_len)?;
        let tag = self.key.borrow().seal_chunk(self.sequence.next(), text)?;
        self.sequence.advance(sealed_len);
        Ok(tag)
    }

    /// Seals chunks whose plaintext is in its place already, each with room for its tag after it.
    pub(super) fn seal_in_place(&mut self, chunks: &mut [u8]) -> Result<()> {
        for chunk in chunks.chunks_mut(SEALED_CHUNK) {
            let (text, tag) = chunk.split_last_chunk_mut::<TAG>().ok_or(Error::Auth)?;
            *tag = self.seal(text)?;
        }
        Ok(())
    }

    /// Copies plaintext chunk by chunk into `out`, which has room for the tags, and seals it there.
    pub(super) fn seal_into(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<()> {
        for (chunk, sealed) in cut(plaintext).zip(out.chunks_mut(SEALED_CHUNK)) {
            let (text, tag) = sealed.split_at_mut(chunk.len());
            text.copy_from_slice(chunk);
            tag.copy_from_slice(&self.seal(text)?);
        }
        Ok(())
    }
}

/// Opens the chunks of one body.
pub(super) struct Opener<K = PayloadKey> {
    key: K,
    sequence: Sequence,
}

impl<K: Borrow<PayloadKey>> Opener<K> {
    /// Makes an opener of the first chunk and those after it. Where `chunks` says which there are,
    /// it accepts no others.
    pub(super) const fn new(key: K, chunks: Option<Chunks>) -> Self {
        Self { key, sequence: Sequence::new(chunks) }
    }

    /// Accepts no other chunks than these.
    pub(super) fn of(self, chunks: Chunks) -> Self {
        Self::new(self.key, Some(chunks))
    }

    /// Makes an opener that begins with chunk `index`.
    pub(super) fn at(&self, index: u64) -> Opener<&PayloadKey> {
        Opener { key: self.key.borrow(), sequence: self.sequence.at(index) }
    }

    /// Returns the number of the next chunk.
    pub(super) const fn next(&self) -> u64 {
        self.sequence.next()
    }

    /// Returns whether the last chunk was opened.
    pub(super) const fn has_ended(&self) -> bool {
        self.sequence.has_ended()
    }

    /// Returns whether a chunk may follow.
    pub(super) const fn is_open(&self) -> bool {
        self.sequence.is_open()
    }

    /// Ends after chunks that [`at`](Self::at) opened, to the last.
    pub(super) const fn end(&mut self) {
        self.sequence.end();
    }

    /// Takes a step whose error repeats, also after a panic.
    pub(super) fn step<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.sequence.begin()?;
        let done = step(self);
        self.sequence.settle(done)
    }

    /// Opens the next chunk where its ciphertext is.
    pub(super) fn open(&mut self, text: &mut [u8], tag: &[u8; TAG]) -> Result<()> {
        self.open_from(text, 0, tag)
    }

    /// Opens the next chunk, whose ciphertext begins at `from` and ends with the buffer, to the
    /// front of it.
    fn open_from(&mut self, buffer: &mut [u8], from: usize, tag: &[u8; TAG]) -> Result<()> {
        let sealed_len = buffer.len().checked_sub(from).ok_or(Error::Auth)? + TAG;
        self.sequence.check(sealed_len)?;
        self.key.borrow().open_chunk(self.sequence.next(), buffer, from, tag)?;
        self.sequence.advance(sealed_len);
        Ok(())
    }

    /// Opens chunks in place, each with its tag after it. Returns the length of the last one's
    /// plaintext.
    pub(super) fn open_in_place(&mut self, chunks: &mut [u8]) -> Result<usize> {
        let mut len = None;
        for chunk in chunks.chunks_mut(SEALED_CHUNK) {
            let (text, tag) = chunk.split_last_chunk_mut::<TAG>().ok_or(Error::Auth)?;
            self.open(text, tag)?;
            len = Some(text.len());
        }
        len.ok_or(Error::Auth)
    }

    /// Opens sealed chunks into `out`, whose length is that of their plaintext. Where one fails,
    /// the caller wipes `out`.
    pub(super) fn open_into(&mut self, sealed: &[u8], mut out: &mut [u8]) -> Result<()> {
        for sealed in sealed.chunks(SEALED_CHUNK) {
            let (text, tag) = sealed.split_last_chunk::<TAG>().ok_or(Error::Auth)?;
            let (chunk, rest) = out.split_at_mut_checked(text.len()).ok_or(Error::Auth)?;
            chunk.copy_from_slice(text);
            self.open(chunk, tag)?;
            out = rest;
        }
        Ok(())
    }

    /// Opens the sealed chunks from position `from` on, each to where the one before it ends, the
    /// first to the front of the buffer. Returns the length of the plaintext before the first chunk
    /// that failed, and its error. After that length, the caller wipes the buffer.
    pub(super) fn open_to_front(&mut self, buffer: &mut [u8], from: usize) -> (usize, Result<()>) {
        let (mut place, mut end) = (from, 0);
        while place < buffer.len() {
            let next = buffer.len().min(place + SEALED_CHUNK);
            let chunk = &mut buffer[end..next];
            let opened = match chunk.split_last_chunk_mut::<TAG>() {
                Some((text, tag)) => self.open_from(text, place - end, tag),
                None => Err(Error::Auth),
            };
            if opened.is_err() {
                return (end, opened);
            }
            end += next - place - TAG;
            place = next;
        }
        (end, Ok(()))
    }
}

/// Returns the places of plaintext in a buffer of chunks, each with room for its tag after it.
pub(super) fn texts(chunks: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let chunks = chunks.chunks_mut(SEALED_CHUNK);
    chunks.filter_map(|chunk| chunk.split_last_chunk_mut::<TAG>()).map(|(text, _)| text)
}

/// Cuts plaintext into full chunks, then one that is shorter and may be empty.
fn cut(plaintext: &[u8]) -> impl Iterator<Item = &[u8]> {
    let full = plaintext.chunks_exact(CHUNK);
    let last = full.remainder();
    full.chain(std::iter::once(last))
}

/// Room for one sealed chunk from the start of a cache line on; wiped when dropped.
#[repr(align(64))]
pub(super) struct Buffer([u8; SEALED_CHUNK]);

impl Buffer {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self([0; SEALED_CHUNK]))
    }
}

impl Deref for Buffer {
    type Target = [u8; SEALED_CHUNK];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Self(bytes) = self;
        wipe(bytes);
    }
}
