//! The hot path: chunks of a buffer, sealed and opened in place, in order.

use std::ops::{Deref, DerefMut};

use crate::envelope::PayloadKey;
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, SEALED_CHUNK, TAG};
use crate::primitives::secret::wipe;

/// Copies plaintext chunk by chunk into `out` and seals it there: 16 bytes more for each chunk
/// (SPEC R31). `first` is the number of the first chunk.
pub(crate) fn seal(key: &PayloadKey, first: u64, plaintext: &[u8], out: &mut [u8]) -> Result<()> {
    for (index, (chunk, sealed)) in (first..).zip(cut(plaintext).zip(out.chunks_mut(SEALED_CHUNK)))
    {
        let (text, tag) = sealed.split_at_mut(chunk.len());
        text.copy_from_slice(chunk);
        tag.copy_from_slice(&key.seal_chunk(index, text)?);
    }
    Ok(())
}

/// Seals chunks whose plaintext is in its place already, each with room for its tag after it.
pub(crate) fn seal_in_place(key: &PayloadKey, first: u64, chunks: &mut [u8]) -> Result<()> {
    for (index, chunk) in (first..).zip(chunks.chunks_mut(SEALED_CHUNK)) {
        let (text, tag) = chunk.split_last_chunk_mut::<TAG>().ok_or(Error::Auth)?;
        *tag = key.seal_chunk(index, text)?;
    }
    Ok(())
}

/// Returns the places of plaintext in a buffer of chunks, each with room for its tag after it.
pub(crate) fn texts(chunks: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let chunks = chunks.chunks_mut(SEALED_CHUNK);
    chunks.filter_map(|chunk| chunk.split_last_chunk_mut::<TAG>()).map(|(text, _)| text)
}

/// Opens chunks in place.
pub(crate) fn open_in_place(key: &PayloadKey, first: u64, chunks: &mut [u8]) -> Result<()> {
    for (index, chunk) in (first..).zip(chunks.chunks_mut(SEALED_CHUNK)) {
        let (text, tag) = chunk.split_last_chunk_mut::<TAG>().ok_or(Error::Auth)?;
        key.open_chunk(index, text, tag)?;
    }
    Ok(())
}

/// Opens sealed chunks into `out`, whose length is that of their plaintext. Where one fails, the
/// caller wipes `out`.
pub(crate) fn open(key: &PayloadKey, first: u64, sealed: &[u8], mut out: &mut [u8]) -> Result<()> {
    for (index, sealed) in (first..).zip(sealed.chunks(SEALED_CHUNK)) {
        let (text, tag) = sealed.split_last_chunk::<TAG>().ok_or(Error::Auth)?;
        let (chunk, rest) = out.split_at_mut_checked(text.len()).ok_or(Error::Auth)?;
        chunk.copy_from_slice(text);
        key.open_chunk(index, chunk, tag)?;
        out = rest;
    }
    Ok(())
}

/// Opens the sealed chunks from position `from` on, each to where the one before it ends, the first
/// to the front of the buffer; `check` gets the number and the sealed length of each before it is
/// opened. Returns the length of the plaintext before the first chunk that failed, and its error.
/// After that length, the caller wipes the buffer.
pub(crate) fn open_to_front(
    key: &PayloadKey,
    first: u64,
    buffer: &mut [u8],
    from: usize,
    mut check: impl FnMut(u64, usize) -> Result<()>,
) -> (usize, Result<()>) {
    let (mut place, mut end, mut index) = (from, 0, first);
    while place < buffer.len() {
        let sealed = SEALED_CHUNK.min(buffer.len() - place);
        let opened = check(index, sealed).and_then(|()| {
            open_chunk_to_front(key, index, &mut buffer[end..place + sealed], place - end)
        });
        match opened {
            Ok(text) => (place, end, index) = (place + sealed, end + text, index + 1),
            Err(error) => return (end, Err(error)),
        }
    }
    (end, Ok(()))
}

/// Opens one sealed chunk, which begins at `from` and ends with the buffer, to the front of it.
/// Returns the length of its plaintext.
fn open_chunk_to_front(
    key: &PayloadKey,
    index: u64,
    buffer: &mut [u8],
    from: usize,
) -> Result<usize> {
    let text = (buffer.len() - from).checked_sub(TAG).ok_or(Error::Auth)?;
    let (chunk, tag) = buffer.split_last_chunk_mut::<TAG>().ok_or(Error::Auth)?;
    key.open_chunk_to_front(index, chunk, from, tag)?;
    Ok(text)
}

/// Room for one sealed chunk from the start of a cache line on; wiped when dropped.
#[repr(align(64))]
pub(crate) struct Buffer([u8; SEALED_CHUNK]);

impl Buffer {
    pub(crate) fn new() -> Box<Self> {
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

/// Cuts plaintext into full chunks, then one that is shorter and may be empty.
fn cut(plaintext: &[u8]) -> impl Iterator<Item = &[u8]> {
    let full = plaintext.chunks_exact(CHUNK);
    let last = full.remainder();
    full.chain(std::iter::once(last))
}
