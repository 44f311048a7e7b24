//! Files and buffers that are read and written at any place by several threads: whole objects, and
//! ranges of them.

use std::io::{self, IoSliceMut, Read, Seek};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::{self, BATCH, BATCH_64, BATCH_SEALED, Batch, InOrder, Sink, Source};
use super::encryptor::{longer, shorter};
use super::{RangeReader, Threads, chunks};
use crate::envelope::{Options, seal};
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, CHUNK_64, Chunks, SEALED_CHUNK, TAG, chunk_offset, locate};
use crate::format::{Context, Floor};
use crate::keys::Keyring;

/// Bytes that several threads can read at once, each at its place.
pub trait ReadAt: Sync {
    /// Reads from `offset` into `out`, one slice after the other; 0 at the end. Fewer bytes than
    /// there is room for are no error.
    ///
    /// # Errors
    /// What reading gives; `Interrupted` is tried again.
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize>;
}

/// A place that several threads can write to at once, each at its own offset.
pub trait WriteAt: Sync {
    /// Writes at `offset`; gives how many bytes it took.
    ///
    /// # Errors
    /// What writing gives; `Interrupted` is tried again.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
}

/// Encrypts the `len` bytes of `source` to `sink`, header first, and gives the length of the object and its floor.
/// The chunks are read, sealed and written in no order; on an error what stands in `sink` is no
/// object.
///
/// # Errors
/// As [`encrypt`](crate::encrypt), and `Io` where reading or writing fails or where `source` is
/// shorter or longer than it was said to be.
pub fn encrypt_at(
    threads: Threads,
    (source, len): (&impl ReadAt, u64),
    keys: &Keyring,
    context: &Context,
    options: &Options,
    sink: &impl WriteAt,
) -> Result<(u64, Floor)> {
    let chunks = Chunks::of_plaintext(len)?;
    let sealed = seal(keys, context, &options.clone().plaintext_len(len))?;
    let front = [&sealed.header[..], sealed.payload.prefix()].concat();
    write_all_at(sink, &front, 0)?;
    let header = u64::try_from(sealed.header.len()).map_err(|_| Error::Auth)?;
    let work = |batch: &mut Batch| {
        chunks::seal_in_place(
            &sealed.payload,
            batch.chunk(0),
            &mut batch.bytes[batch.ready.clone()],
        )
    };
    let texts = Texts { source, chunks, len, next: AtomicU64::new(0) };
    let places = Places { sink, of: |batch: &Batch| header + chunk_offset(batch.chunk(0)) };
    batch::run((threads.for_len(len), room(chunks.body_len())), &texts, &work, &places)?;
    Ok((header + chunks.body_len(), sealed.floor()))
}

impl<R: Read + Seek + ReadAt> RangeReader<R> {
    /// Decrypts the whole object to `sink`, each byte at the place that it has in the plaintext;
    /// gives the plaintext's length. On an error, part of it stands there: `sink` is not for others
    /// to see before this has returned.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify, `Io` where reading or writing fails.
    pub fn copy_at(&mut self, threads: Threads, sink: &impl WriteAt) -> Result<u64> {
        let len = self.verified_len()?;
        let places = Places { sink, of: |batch: &Batch| batch.number * BATCH_64 * CHUNK_64 };
        self.copy(threads, 0..len, &places)?;
        Ok(len)
    }

    /// Gives the plaintext of `range` to `take`, in order, a piece of at most 1 MiB at a time, each
    /// when all of it has verified; the end of the object is verified before. A range that passes
    /// the end stops there. Gives the number of bytes.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify, `Io` where reading fails, and what `take` gives.
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
            self.copy(threads, range.clone(), &InOrder::new(take))?;
        }
        Ok(range.end - range.start)
    }

    /// Opens the chunks that `range` touches; one that reaches the end touches the last.
    fn copy(&mut self, threads: Threads, range: Range<u64>, sink: &impl Sink) -> Result<()> {
        let (key, chunks, body, inner) = self.parts();
        let first = locate(range.start).0.min(chunks.last);
        let reaches_end = range.end >= chunks.plaintext_len();
        let last = if reaches_end { chunks.last } else { locate(range.end.saturating_sub(1)).0 };
        let sealed =
            Sealed { source: inner, body, chunks, span: (first, last), next: AtomicU64::new(0) };
        let work = |batch: &mut Batch| {
            let from = batch.chunk(first);
            let len = chunks::open_to_front(key, from, &mut batch.bytes[batch.ready.clone()], 0)?;
            let place =
                |at: u64| usize::try_from(at.saturating_sub(from * CHUNK_64)).unwrap_or(len);
            batch.ready = place(range.start).min(len)..place(range.end).min(len);
            Ok(())
        };
        let len = range.end.saturating_sub(range.start);
        let sealed_len = chunk_offset(last + 1) - chunk_offset(first);
        batch::run((threads.for_len(len), room(sealed_len)), &sealed, &work, sink)
    }
}

/// A buffer for so many sealed bytes, or for a full batch.
fn room(sealed: u64) -> usize {
    usize::try_from(sealed).map_or(BATCH_SEALED, |sealed| sealed.min(BATCH_SEALED))
}

/// Plaintext, taken in batches that leave room for the tags.
struct Texts<'a, S> {
    source: &'a S,
    chunks: Chunks,
    len: u64,
    next: AtomicU64,
}

impl<S: ReadAt> Source for Texts<'_, S> {
    fn next(&self, batch: &mut Batch) -> Result<bool> {
        batch.number = self.next.fetch_add(1, Ordering::Relaxed);
        let first = batch.chunk(0);
        if first > self.chunks.last {
            return Ok(false);
        }
        let count = usize::try_from(self.chunks.last - first)
            .map_or(BATCH, |more| BATCH.min(more.saturating_add(1)));
        let last = first + u64::try_from(count).unwrap_or(BATCH_64) == self.chunks.last + 1;
        let last_len = if last { self.chunks.last_len } else { CHUNK };
        let sealed = (count - 1) * SEALED_CHUNK + last_len + TAG;
        batch.filled(sealed, sealed);
        let places = chunks::texts(&mut batch.bytes[batch.ready.clone()]);
        let mut texts: Vec<_> = places.map(IoSliceMut::new).collect();
        let wanted = (count - 1) * CHUNK + last_len;
        let read =
            fill(&mut texts, |texts, offset| self.source.read_at(texts, offset), first * CHUNK_64)?;
        if read < wanted {
            return Err(shorter().into());
        }
        if last {
            let mut more = [0];
            let read = fill(
                &mut [IoSliceMut::new(&mut more)],
                |out, at| self.source.read_at(out, at),
                self.len,
            )?;
            if read > 0 {
                return Err(longer().into());
            }
        }
        Ok(true)
    }

    fn more(&self) -> bool {
        self.next.load(Ordering::Relaxed) * BATCH_64 <= self.chunks.last
    }
}

/// Sealed chunks, taken in batches from the chunks of a span, both ends included.
struct Sealed<'a, S> {
    source: &'a S,
    body: u64,
    chunks: Chunks,
    span: (u64, u64),
    next: AtomicU64,
}

impl<S: ReadAt> Source for Sealed<'_, S> {
    fn next(&self, batch: &mut Batch) -> Result<bool> {
        batch.number = self.next.fetch_add(1, Ordering::Relaxed);
        let (first, end) = (batch.chunk(self.span.0), self.span.1);
        if first > end {
            return Ok(false);
        }
        let last = end.min(first + (BATCH_64 - 1));
        let from = chunk_offset(first);
        let len = chunk_offset(last) - from;
        let len = usize::try_from(len).map_err(|_| Error::Auth)? + self.chunks.sealed_len(last);
        batch.filled(len, len);
        let out = &mut [IoSliceMut::new(&mut batch.bytes[..len])];
        // Cut since its length was asked for.
        if fill(out, |out, at| self.source.read_at(out, at), self.body + from)? < len {
            return Err(Error::Auth);
        }
        Ok(true)
    }

    fn more(&self) -> bool {
        self.span.0 + self.next.load(Ordering::Relaxed) * BATCH_64 <= self.span.1
    }
}

/// Writes each batch to its place.
struct Places<'a, S, F> {
    sink: &'a S,
    of: F,
}

impl<S: WriteAt, F: Fn(&Batch) -> u64 + Sync> Sink for Places<'_, S, F> {
    fn put(&self, batch: &Batch) -> Result<bool> {
        write_all_at(self.sink, batch.ready(), (self.of)(batch))?;
        Ok(true)
    }
}

/// Fills `out` as far as the input goes.
pub(super) fn fill(
    mut out: &mut [IoSliceMut<'_>],
    mut read: impl FnMut(&mut [IoSliceMut<'_>], u64) -> io::Result<usize>,
    offset: u64,
) -> io::Result<usize> {
    let mut filled = 0;
    IoSliceMut::advance_slices(&mut out, 0);
    while !out.is_empty() {
        let done = u64::try_from(filled).map_err(io::Error::other)?;
        match read(out, offset.saturating_add(done)) {
            Ok(0) => break,
            Ok(more) => {
                filled += more;
                IoSliceMut::advance_slices(&mut out, more);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
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
