//! Files and buffers that are read and written at any place by several threads: whole objects, and
//! ranges of them.

use std::io::{self, IoSliceMut, Read, Seek};
use std::ops::Range;

use super::batch::{BATCH_64, BATCH_SEALED, Batch, Outcome, Pipeline, Source};
use super::chunks::{self, Opener, Sealer};
use super::encryptor::Encrypted;
use super::io::{ReadAt, WriteAt, fill, fill_counted, write_all_at};
use super::range::RangeReader;
use crate::envelope::{EncryptOptions, seal};
use crate::error::{Error, Result};
use crate::format::Context;
use crate::format::layout::{CHUNK, CHUNK_64, Chunks, Layout, SEALED_CHUNK, TAG, locate};
use crate::keys::Recipients;
use crate::threads::Threads;

/// Encrypts the `len` bytes of `source` to `sink`, header first. The chunks are read, sealed and
/// written in no order; on an error what `sink` holds is no object. Nothing is cut: bytes that
/// `sink` has after the object stay there, and a file that is opened for appending takes them at
/// the wrong place.
///
/// # Errors
/// As [`encrypt`](crate::encrypt), and `Io` where reading or writing fails or where `source` is
/// shorter or longer than it was said to be.
pub fn encrypt_at(
    source: &impl ReadAt,
    len: u64,
    recipients: &Recipients,
    context: &Context,
    options: &EncryptOptions,
    sink: &impl WriteAt,
) -> Result<Encrypted> {
    let sealed = seal(recipients, context, &options.clone().plaintext_len(len))?;
    let layout = Layout::of_plaintext(sealed.header.len(), len)?;
    let front = [&sealed.header[..], sealed.payload.prefix()].concat();
    write_all_at(sink, &front, 0)?;
    let texts = Texts { source, chunks: layout.chunks, len };
    let sealer = Sealer::new(&sealed.payload);
    let work = |batch: &mut Batch| {
        let first = batch.chunk(0);
        texts.read(first, batch)?;
        sealer.at(first).seal_in_place(batch.filled())?;
        Ok(write_all_at(sink, batch.filled(), layout.chunk(first).start)?)
    };
    let room = room(layout.object_len());
    let pipeline = Pipeline { threads: options.threads.for_len(len), room };
    pipeline.run(Span::of(0, layout.last_index()), work)?;
    Ok(Encrypted::new((), layout.object_len(), sealed.floor()))
}

impl<R: Read + Seek + ReadAt> RangeReader<R> {
    /// Decrypts the whole object to `sink`, each byte at the place that it has in the plaintext;
    /// returns the plaintext's length. On an error, `sink` holds a part of it: it is not for others
    /// to see before this has returned. Nothing is cut: bytes that `sink` has after that length
    /// stay there.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify, `Io` where reading or writing fails.
    pub fn copy_at(&mut self, sink: &impl WriteAt) -> Result<u64> {
        let len = self.verified_len()?;
        let sealed = self.sealed(0..len);
        let work = |batch: &mut Batch| {
            let Outcome { ready, end } = sealed.open(batch);
            end?;
            let place = batch.number * BATCH_64 * CHUNK_64;
            Ok(write_all_at(sink, &batch.bytes[ready], place)?)
        };
        sealed.pipeline(self.threads).run(sealed.batches(), work)?;
        Ok(len)
    }

    /// Hands the plaintext of `range` to `take`, in order, a piece of at most 1 MiB at a time, each
    /// when all of it has verified. A range that passes the end stops there; where the object
    /// states no length, the last chunk is verified before that. Returns the number of bytes.
    /// `take` is called by any of the threads, one at a time, and not again after it has failed.
    ///
    /// On another error than its own `take` has had exactly what the chunks before the first that
    /// fails, or that cannot be read, have of the range, whatever the number of threads.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify, `Io` where reading fails, and what `take` returns.
    pub fn copy_range(
        &mut self,
        range: Range<u64>,
        take: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<u64> {
        let len = self.verified_len()?;
        let end = range.end.min(len);
        let range = range.start.min(end)..end;
        // An object without plaintext has a chunk all the same.
        if !range.is_empty() || len == 0 {
            let sealed = self.sealed(range.clone());
            let work = |batch: &mut Batch| sealed.open(batch);
            sealed.pipeline(self.threads).run_in_order(sealed.batches(), work, take)?;
        }
        Ok(range.end - range.start)
    }

    /// Returns the chunks that `range` touches; one that reaches the end touches the last.
    fn sealed(&self, range: Range<u64>) -> Sealed<'_, R> {
        let (opener, layout) = (self.ranges.chunks(), self.ranges.layout());
        let end = layout.last_index();
        let first = locate(range.start).0.min(end);
        let reaches_end = range.end >= layout.plaintext_len();
        let last = if reaches_end { end } else { locate(range.end.saturating_sub(1)).0 };
        Sealed { source: &self.inner, opener, layout, first, last, range }
    }
}

/// Returns the size of a buffer for so many sealed bytes, at most that of a full batch.
fn room(sealed: u64) -> usize {
    usize::try_from(sealed).map_or(BATCH_SEALED, |sealed| sealed.min(BATCH_SEALED))
}

/// Batches of chunks whose places are known, so that each thread reads its own.
struct Span {
    left: u64,
}

impl Span {
    /// Makes a span of the chunks from `first` to `last`, both included.
    const fn of(first: u64, last: u64) -> Self {
        Self { left: (last - first) / BATCH_64 + 1 }
    }
}

impl Source for Span {
    fn next(&mut self, _: &mut Batch) -> Result<bool> {
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Ok(some)
    }

    fn more(&self) -> bool {
        self.left > 0
    }
}

/// Plaintext of a known length.
struct Texts<'a, S> {
    source: &'a S,
    chunks: Chunks,
    len: u64,
}

impl<S: ReadAt> Texts<'_, S> {
    /// Reads the batch that begins with chunk `first` to where it will be sealed.
    fn read(&self, first: u64, batch: &mut Batch) -> Result<()> {
        let end = self.chunks.last.min(first + (BATCH_64 - 1));
        let count = usize::try_from(end - first).map_err(io::Error::other)?;
        let last = end == self.chunks.last;
        let last_len = if last { self.chunks.last_len } else { CHUNK };
        let sealed = count * SEALED_CHUNK + last_len + TAG;
        batch.set_filled(sealed, sealed);
        let mut texts: Vec<_> = chunks::texts(batch.filled()).map(IoSliceMut::new).collect();
        let wanted = count * CHUNK + last_len;
        let read =
            fill(&mut texts, |texts, offset| self.source.read_at(texts, offset), first * CHUNK_64)?;
        if read < wanted {
            return Err(changed("fewer").into());
        }
        if last {
            let mut more = [0];
            let read = fill(
                &mut [IoSliceMut::new(&mut more)],
                |out, at| self.source.read_at(out, at),
                self.len,
            )?;
            if read > 0 {
                return Err(changed("more").into());
            }
        }
        Ok(())
    }
}

/// What was read is not what was there when its length was asked for.
fn changed(count: &str) -> io::Error {
    io::Error::other(format!("it was changed while it was read: {count} bytes came than it had"))
}

/// Sealed chunks of an object, and what is wanted of their plaintext.
struct Sealed<'a, S> {
    source: &'a S,
    opener: &'a Opener,
    layout: &'a Layout,
    first: u64,
    /// The last of them, included.
    last: u64,
    range: Range<u64>,
}

impl<S: ReadAt> Sealed<'_, S> {
    fn pipeline(&self, threads: Threads) -> Pipeline {
        let len = self.range.end.saturating_sub(self.range.start);
        Pipeline { threads: threads.for_len(len), room: room(self.place(self.first, self.last).1) }
    }

    /// Returns where the chunks from `first` to `last` begin in the object, and their length.
    fn place(&self, first: u64, last: u64) -> (u64, u64) {
        let start = self.layout.chunk(first).start;
        (start, self.layout.chunk(last).end - start)
    }

    const fn batches(&self) -> Span {
        Span::of(self.first, self.last)
    }

    /// Reads and opens a batch. What is ready is what the chunks before the first that fails have
    /// of the range.
    fn open(&self, batch: &mut Batch) -> Outcome {
        let from = batch.chunk(self.first);
        let (chunks, cut) = match self.read(from, batch) {
            Ok(()) => (batch.filled, Ok(())),
            // Of a chunk that is not all there, nothing is opened.
            Err(error) => (batch.filled - batch.filled % SEALED_CHUNK, Err(error)),
        };
        let (len, opened) = self.opener.at(from).open_to_front(&mut batch.bytes[..chunks], 0);
        let place = |at: u64| {
            usize::try_from(at.saturating_sub(from * CHUNK_64)).map_or(len, |place| place.min(len))
        };
        Outcome { ready: place(self.range.start)..place(self.range.end), end: opened.and(cut) }
    }

    /// Reads the batch that begins with chunk `from`, as far as that goes.
    fn read(&self, from: u64, batch: &mut Batch) -> Result<()> {
        let (start, len) = self.place(from, self.last.min(from + (BATCH_64 - 1)));
        let len = usize::try_from(len).map_err(io::Error::other)?;
        let out = &mut [IoSliceMut::new(&mut batch.bytes[..len])];
        let read_at = |out: &mut [IoSliceMut<'_>], at| self.source.read_at(out, at);
        let (read, end) = fill_counted(out, read_at, start);
        batch.set_filled(len, read);
        end?;
        // Cut since its length was asked for.
        if read < len { Err(Error::Auth) } else { Ok(()) }
    }
}
