//! Streams worked on by several threads: an encryptor that takes all of a reader, a decryptor that
//! gives all of an object. Both in order.

use std::io::{IoSliceMut, Read, Write};

use super::batch::{BATCH_SEALED, BATCH_TEXT, Batch, Outcome, Pipeline, Source};
use super::chunks::{self, Opener};
use super::decryptor::Decryptor;
use super::encryptor::{Encryptor, Left};
use super::io::{fill, read_counted};
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, CHUNK_64, SEALED_CHUNK};
use crate::primitives::secret::Wiped;

impl<W: Write + Send> Encryptor<W> {
    /// Encrypts all that `reader` has, as writing it would, with the threads of the options;
    /// returns the number of bytes. Each thread holds 1 MiB, which is filled before it is
    /// encrypted.
    ///
    /// # Errors
    /// `Io` where reading or writing fails, `Usage` where more bytes come than were stated; then
    /// the object cannot be finished.
    pub fn copy_from(&mut self, mut reader: impl Read + Send) -> Result<u64> {
        self.step(|this| {
            let begun = this.top_up(&mut reader)?;
            // A chunk that is not full is the end of the reader.
            if this.filled > 0 { Ok(begun) } else { Ok(begun + this.copy_chunks(reader)?) }
        })
    }

    fn copy_chunks(&mut self, reader: impl Read + Send) -> Result<u64> {
        let Self { inner, sealer, left, .. } = self;
        let first = sealer.next();
        let texts = Texts { reader, left: *left, total: 0, tail: Wiped::default(), ended: false };
        let work = |batch: &mut Batch| {
            let sealed = sealer.at(batch.chunk(first)).seal_in_place(batch.filled());
            Outcome::whole(batch, sealed)
        };
        let write = |sealed: &[u8]| Ok(inner.write_all(sealed)?);
        let pipeline = Pipeline { threads: self.threads, room: BATCH_SEALED };
        let read = pipeline.run_in_order(texts, work, write)?;
        self.sealer.skip_to(first + read.total / CHUNK_64);
        self.left = read.left;
        self.filled = read.tail.len();
        self.chunk[..self.filled].copy_from_slice(&read.tail);
        Ok(read.total)
    }
}

/// Plaintext of a reader, taken in batches that leave room for the tags.
struct Texts<R> {
    reader: R,
    left: Left,
    total: u64,
    /// What came after the full chunks of the last batch.
    tail: Wiped,
    ended: bool,
}

impl<R: Read + Send> Source for Texts<R> {
    fn next(&mut self, batch: &mut Batch) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let read = batch.fill(|bytes| {
            let mut texts: Vec<_> = chunks::texts(bytes).map(IoSliceMut::new).collect();
            Ok(fill(&mut texts, |texts, _| self.reader.read_vectored(texts), 0)?)
        })?;
        let (full, rest) = (read / CHUNK, read % CHUNK);
        let end = full * SEALED_CHUNK;
        batch.set_filled(end + rest, end);
        self.total += self.left.take(read)?;
        self.tail.extend_from_slice(&batch.bytes[end..end + rest]);
        self.ended = read < BATCH_TEXT;
        Ok(full > 0)
    }

    fn more(&self) -> bool {
        !self.ended
    }
}

impl<R: Read + Send> Decryptor<R> {
    /// Hands all of the plaintext that was not read yet to `take`, in order, a piece of at most
    /// 1 MiB at a time, each when all of it has verified. Works with the threads that were
    /// [expected](crate::Expected::threads), each of which holds 1 MiB. Returns the number of
    /// bytes, when the end has verified.
    ///
    /// `take` is called by any of the threads, one at a time, and not again after it has failed. On
    /// another error than its own it has had what reading would have released: exactly the chunks
    /// before the first that fails, or that cannot be read, whatever the number of threads.
    ///
    /// # Errors
    /// As reading, and what `take` returns. An error of the object repeats; after a panic, or an
    /// error of `take`, the next call returns `Io`.
    pub fn copy_to(&mut self, mut take: impl FnMut(&[u8]) -> Result<()> + Send) -> Result<u64> {
        let mut total = 0;
        let mut counted = |text: &[u8]| {
            total += u64::try_from(text.len()).unwrap_or(0);
            take(text)
        };
        let begun = std::mem::take(&mut self.ready);
        let Self { inner, opener, chunk, .. } = self;
        let pipeline = Pipeline { threads: self.threads, room: BATCH_SEALED };
        opener.step(|opener| {
            if !begun.is_empty() {
                counted(&chunk[begun])?;
            }
            if !opener.has_ended() {
                let sealed = Sealed { reader: inner, ended: false };
                pipeline.run_in_order(sealed, |batch| open(opener, batch), counted)?;
                opener.end();
            }
            Ok(())
        })?;
        Ok(total)
    }
}

/// Opens the chunks of a batch, and checks each as [`Decryptor`] does, so that what comes before
/// the first bad one is released.
fn open(opener: &Opener, batch: &mut Batch) -> Outcome {
    let cut = batch.cut.take();
    // A reader that failed says nothing of the end; of a chunk that it broke off, nothing is
    // opened.
    let ended = batch.filled < BATCH_SEALED && cut.is_none();
    let torn = if ended { 0 } else { batch.filled % SEALED_CHUNK };
    let chunks = batch.filled - torn;
    let mut opener = opener.at(batch.chunk(opener.next()));
    let (len, opened) = opener.open_to_front(&mut batch.bytes[..chunks], 0);
    let end = opened.and_then(|()| match cut {
        Some(error) => Err(error),
        // R31: a full chunk is never the last, so one that ends the input was cut off.
        None if ended && chunks.is_multiple_of(SEALED_CHUNK) => Err(Error::Auth),
        None => Ok(()),
    });
    Outcome { ready: 0..len, end }
}

/// Sealed chunks of a reader.
struct Sealed<'a, R> {
    reader: &'a mut R,
    ended: bool,
}

impl<R: Read + Send> Source for Sealed<'_, R> {
    fn next(&mut self, batch: &mut Batch) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let (read, end) = read_counted(self.reader, &mut batch.bytes[..BATCH_SEALED]);
        batch.set_filled(read, read);
        batch.cut = end.err().map(Error::from);
        // After an error nobody reads on.
        self.ended = read < BATCH_SEALED;
        Ok(true)
    }

    fn more(&self) -> bool {
        !self.ended
    }
}
