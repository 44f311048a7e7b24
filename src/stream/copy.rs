//! Streams worked on by several threads: an encryptor that takes all of a reader, a decryptor that
//! gives all of an object. Both in order.

use std::io::{self, IoSliceMut, Read, Write};
use std::ops::Range;

use super::at::fill;
use super::batch::{BATCH_SEALED, BATCH_TEXT, Batch, Outcome, Pipeline, Source};
use super::decryptor::{check_chunk, read_counted};
use super::encryptor::{check_index, too_long};
use super::{Decryptor, Encryptor, Threads, chunks};
use crate::envelope::PayloadKey;
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, CHUNK_64, Chunks, SEALED_CHUNK};
use crate::primitives::secret::Wiped;

impl<W: Write + Send> Encryptor<W> {
    /// Encrypts all that `reader` has, as writing it would, with several threads; returns the
    /// number of bytes. Each thread holds 1 MiB, which is filled before it is encrypted.
    ///
    /// # Errors
    /// `Io` where reading or writing fails, `Usage` where more bytes come than were stated; then
    /// the object cannot be finished.
    pub fn copy_from(&mut self, threads: Threads, mut reader: impl Read + Send) -> Result<u64> {
        let begun = self.top_up(&mut reader)?;
        if self.filled > 0 {
            return Ok(begun);
        }
        // Until all of it has reached the writer.
        self.failed = true;
        let texts = Texts {
            reader,
            first: self.index,
            left: self.left,
            total: 0,
            tail: Wiped::default(),
            ended: false,
        };
        let (key, first, inner) = (&self.key, self.index, &mut self.inner);
        let work = |batch: &mut Batch| {
            let sealed = chunks::seal_in_place(key, batch.chunk(first), batch.filled());
            Outcome::whole(batch, sealed)
        };
        let write = |sealed: &[u8]| Ok(inner.write_all(sealed)?);
        let pipeline = Pipeline { threads, room: BATCH_SEALED };
        let read = pipeline.run_in_order(texts, work, write)?;
        self.index = read.chunk();
        self.left = read.left;
        self.filled = read.tail.len();
        self.chunk[..self.filled].copy_from_slice(&read.tail);
        self.failed = false;
        Ok(begun + read.total)
    }
}

/// Plaintext of a reader, taken in batches that leave room for the tags.
struct Texts<R> {
    reader: R,
    first: u64,
    left: Option<u64>,
    total: u64,
    /// What is left behind the full chunks of the last batch.
    tail: Wiped,
    ended: bool,
}

impl<R> Texts<R> {
    /// Returns the number of the chunk that comes next.
    const fn chunk(&self) -> u64 {
        self.first + self.total / CHUNK_64
    }
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
        let taken = u64::try_from(read).map_err(io::Error::other)?;
        self.total += taken;
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(taken).ok_or_else(too_long)?;
        }
        // R31: a full chunk is never the last.
        check_index(self.chunk())?;
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
    /// 1 MiB at a time, each when all of it has verified; works with several threads, each of which
    /// holds 1 MiB. Returns the number of bytes, when the end has verified.
    ///
    /// `take` is called by any of the threads, one at a time, and not again after it has failed. On
    /// another error than its own it has had what reading would have released: exactly the chunks
    /// before the first that fails, or that cannot be read, whatever the number of threads.
    ///
    /// # Errors
    /// As reading, and what `take` returns. An error of the object repeats; after a panic, or an
    /// error of `take`, the next call gives `Io`.
    pub fn copy_to(
        &mut self,
        threads: Threads,
        mut take: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<u64> {
        let mut total = 0;
        let mut counted = |text: &[u8]| {
            total += u64::try_from(text.len()).unwrap_or(0);
            take(text)
        };
        let (begun, done) = if self.is_between() {
            (0..0, false)
        } else {
            self.fill()?;
            (std::mem::take(&mut self.ready), self.is_done())
        };
        self.begin();
        let copied = self.copy_rest(threads, begun, done, &mut counted);
        self.settle(copied)?;
        Ok(total)
    }

    /// The rest of a chunk that was read in part, and, unless it was the last, the other chunks.
    fn copy_rest(
        &mut self,
        threads: Threads,
        begun: Range<usize>,
        done: bool,
        mut take: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<()> {
        if !begun.is_empty() {
            take(&self.chunk[begun])?;
        }
        if done {
            return Ok(());
        }
        let (key, expected, first) = (&self.key, self.expected, self.index);
        let work = |batch: &mut Batch| open(key, expected, batch.chunk(first), batch);
        let pipeline = Pipeline { threads, room: BATCH_SEALED };
        let sealed = Sealed { reader: &mut self.inner, ended: false };
        pipeline.run_in_order(sealed, work, take).map(drop)
    }
}

/// Opens the chunks of a batch, and checks each as [`Decryptor`] does, so that what comes before
/// the first bad one is released.
fn open(key: &PayloadKey, expected: Option<Chunks>, first: u64, batch: &mut Batch) -> Outcome {
    let cut = batch.cut.take();
    // A reader that failed says nothing of the end; of a chunk that it broke off, nothing is
    // opened.
    let ended = batch.filled < BATCH_SEALED && cut.is_none();
    let torn = if ended { 0 } else { batch.filled % SEALED_CHUNK };
    let chunks = batch.filled - torn;
    let check = |index, len| check_chunk(expected, index, len, ended && len < SEALED_CHUNK);
    let (len, opened) = chunks::open_to_front(key, first, &mut batch.bytes[..chunks], 0, check);
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
