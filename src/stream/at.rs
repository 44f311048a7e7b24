//! Files and buffers that are read and written at any place by several threads: whole objects, and
//! ranges of them.

use std::io::{self, IoSliceMut, Read, Seek};
use std::ops::Range;

use super::batch::{BATCH_64, BATCH_SEALED, Batch, Outcome, Pipeline, Source};
use super::encryptor::Encrypted;
use super::{RangeReader, Threads, chunks};
use crate::envelope::{EncryptOptions, PayloadKey, seal};
use crate::error::{Error, Result};
use crate::format::Context;
use crate::format::layout::{CHUNK, CHUNK_64, Chunks, SEALED_CHUNK, TAG, chunk_offset, locate};
use crate::keys::Recipients;

/// Bytes that several threads can read at once, each at its place.
pub trait ReadAt: Sync {
    /// Reads from `offset` into `out`, one slice after the other; 0 at the end. Fewer bytes than
    /// there is room for are no error.
    ///
    /// # Errors
    /// Those of reading; `Interrupted` is tried again.
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize>;
}

/// A place that several threads can write to at once, each at its own offset.
pub trait WriteAt: Sync {
    /// Writes at `offset`; returns how many bytes it took.
    ///
    /// # Errors
    /// Those of writing; `Interrupted` is tried again.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
}

/// Encrypts the `len` bytes of `source` to `sink`, header first. The chunks are read, sealed and
/// written in no order; on an error what `sink` holds is no object. Nothing is cut: bytes that
/// `sink` has after the object stay there, and a file that is opened for appending takes them at
/// the wrong place.
///
/// # Errors
/// As [`encrypt`](crate::encrypt), and `Io` where reading or writing fails or where `source` is
/// shorter or longer than it was said to be.
pub fn encrypt_at(
    threads: Threads,
    source: &impl ReadAt,
    len: u64,
    recipients: &Recipients,
    context: &Context,
    options: &EncryptOptions,
    sink: &impl WriteAt,
) -> Result<Encrypted> {
    let chunks = Chunks::of_plaintext(len)?;
    let sealed = seal(recipients, context, &options.clone().plaintext_len(len))?;
    let front = [&sealed.header[..], sealed.payload.prefix()].concat();
    write_all_at(sink, &front, 0)?;
    let header = u64::try_from(sealed.header.len()).map_err(|_| Error::Auth)?;
    let texts = Texts { source, chunks, len };
    let work = |batch: &mut Batch| {
        let first = batch.chunk(0);
        texts.read(first, batch)?;
        chunks::seal_in_place(&sealed.payload, first, batch.filled())?;
        Ok(write_all_at(sink, batch.filled(), header + chunk_offset(first))?)
    };
    let pipeline = Pipeline { threads: threads.for_len(len), room: room(chunks.body_len()) };
    pipeline.run(Span::of(0, chunks.last), work)?;
    Ok(Encrypted::new((), header + chunks.body_len(), sealed.floor()))
}

impl<R: Read + Seek + ReadAt> RangeReader<R> {
    /// Decrypts the whole object to `sink`, each byte at the place that it has in the plaintext;
    /// returns the plaintext's length. On an error, `sink` holds a part of it: it is not for others
    /// to see before this has returned. Nothing is cut: bytes that `sink` has after that length
    /// stay there.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify, `Io` where reading or writing fails.
    pub fn copy_at(&mut self, threads: Threads, sink: &impl WriteAt) -> Result<u64> {
        let len = self.verified_len()?;
        let sealed = self.sealed(0..len);
        let work = |batch: &mut Batch| {
            let Outcome { ready, end } = sealed.open(batch);
            end?;
            let place = batch.number * BATCH_64 * CHUNK_64;
            Ok(write_all_at(sink, &batch.bytes[ready], place)?)
        };
        sealed.pipeline(threads).run(sealed.batches(), work)?;
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
        threads: Threads,
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
            sealed.pipeline(threads).run_in_order(sealed.batches(), work, take)?;
        }
        Ok(range.end - range.start)
    }

    /// Returns the chunks that `range` touches; one that reaches the end touches the last.
    fn sealed(&self, range: Range<u64>) -> Sealed<'_, R> {
        let (key, chunks, body, source) = self.parts();
        let first = locate(range.start).0.min(chunks.last);
        let reaches_end = range.end >= chunks.plaintext_len();
        let last = if reaches_end { chunks.last } else { locate(range.end.saturating_sub(1)).0 };
        Sealed { source, key, body, chunks, first, last, range }
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
    key: &'a PayloadKey,
    body: u64,
    chunks: Chunks,
    first: u64,
    /// The last of them, included.
    last: u64,
    range: Range<u64>,
}

impl<S: ReadAt> Sealed<'_, S> {
    fn pipeline(&self, threads: Threads) -> Pipeline {
        let len = self.range.end.saturating_sub(self.range.start);
        let sealed_len = chunk_offset(self.last + 1) - chunk_offset(self.first);
        Pipeline { threads: threads.for_len(len), room: room(sealed_len) }
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
        let bytes = &mut batch.bytes[..chunks];
        let (len, opened) = chunks::open_to_front(self.key, from, bytes, 0, |_, _| Ok(()));
        let place = |at: u64| {
            usize::try_from(at.saturating_sub(from * CHUNK_64)).map_or(len, |place| place.min(len))
        };
        Outcome { ready: place(self.range.start)..place(self.range.end), end: opened.and(cut) }
    }

    /// Reads the batch that begins with chunk `from`, as far as that goes.
    fn read(&self, from: u64, batch: &mut Batch) -> Result<()> {
        let last = self.last.min(from + (BATCH_64 - 1));
        let start = chunk_offset(from);
        let len = usize::try_from(chunk_offset(last) - start).map_err(|_| Error::Auth)?
            + self.chunks.sealed_len(last);
        let out = &mut [IoSliceMut::new(&mut batch.bytes[..len])];
        let read_at = |out: &mut [IoSliceMut<'_>], at| self.source.read_at(out, at);
        let (read, end) = fill_counted(out, read_at, self.body + start);
        batch.set_filled(len, read);
        end?;
        // Cut since its length was asked for.
        if read < len { Err(Error::Auth) } else { Ok(()) }
    }
}

/// Fills `out` as far as the input goes.
pub(super) fn fill(
    out: &mut [IoSliceMut<'_>],
    read: impl FnMut(&mut [IoSliceMut<'_>], u64) -> io::Result<usize>,
    offset: u64,
) -> io::Result<usize> {
    let (filled, end) = fill_counted(out, read, offset);
    end.map(|()| filled)
}

/// Fills as [`fill`]; where reading fails, says how much came before.
fn fill_counted(
    mut out: &mut [IoSliceMut<'_>],
    mut read: impl FnMut(&mut [IoSliceMut<'_>], u64) -> io::Result<usize>,
    offset: u64,
) -> (usize, io::Result<()>) {
    let mut filled = 0;
    let mut place = offset;
    IoSliceMut::advance_slices(&mut out, 0);
    while !out.is_empty() {
        match read(out, place) {
            Ok(0) => break,
            Ok(more) => {
                filled += more;
                place = place.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
                IoSliceMut::advance_slices(&mut out, more);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

fn write_all_at(sink: &impl WriteAt, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match sink.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => {
                bytes = &bytes[taken.min(bytes.len())..];
                offset += u64::try_from(taken).map_err(io::Error::other)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        (**self).read_at(out, offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        (**self).read_at(out, offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        self.get(start..).unwrap_or_default().read_vectored(out)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(out, offset)
    }
}

impl<T: AsRef<[u8]> + Sync> ReadAt for io::Cursor<T> {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.get_ref().as_ref().read_at(out, offset)
    }
}

#[cfg(any(unix, windows))]
mod file {
    use std::fs::File;
    #[cfg(unix)]
    use std::os::unix::fs::FileExt;
    #[cfg(windows)]
    use std::os::windows::fs::FileExt;

    use super::*;

    /// One system call for each slice.
    impl ReadAt for File {
        fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
            let slice = out.iter_mut().find(|slice| !slice.is_empty());
            #[cfg(unix)]
            return slice.map_or(Ok(0), |slice| FileExt::read_at(self, slice, offset));
            #[cfg(windows)]
            return slice.map_or(Ok(0), |slice| FileExt::seek_read(self, slice, offset));
        }
    }

    impl WriteAt for File {
        fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
            #[cfg(unix)]
            return FileExt::write_at(self, bytes, offset);
            #[cfg(windows)]
            return FileExt::seek_write(self, bytes, offset);
        }
    }
}
