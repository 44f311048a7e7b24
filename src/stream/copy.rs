//! Streams worked on by several threads: an encryptor that takes all of a reader, a decryptor that
//! gives all of an object. Both in order.

use std::io::{self, IoSliceMut, Read, Write};
use std::sync::{Mutex, PoisonError};

use super::at::fill;
use super::batch::{self, BATCH_SEALED, BATCH_TEXT, Batch, InOrder, Source, locked};
use super::decryptor::{check_chunk, read_full};
use super::encryptor::{check_index, longer};
use super::{Decryptor, Encryptor, Threads, chunks};
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, CHUNK_64, SEALED_CHUNK};
use crate::primitives::secret::Wiped;

impl<W: Write + Send> Encryptor<W> {
    /// Encrypts all that `reader` has, as writing it would, with several threads; gives the number
    /// of bytes. Each thread holds 1 MiB, which is filled before it is encrypted.
    ///
    /// # Errors
    /// `Io` where reading or writing fails, or where more bytes come than were stated; then the
    /// object cannot be finished.
    pub fn copy_from(&mut self, threads: Threads, mut reader: impl Read + Send) -> Result<u64> {
        let begun = self.top_up(&mut reader)?;
        if self.filled > 0 {
            return Ok(begun);
        }
        // Until all of it has reached the writer.
        self.failed = true;
        let texts = Texts(Mutex::new(Reading {
            reader,
            first: self.index,
            number: 0,
            left: self.left,
            total: 0,
            tail: Wiped::default(),
            ended: false,
        }));
        let (key, first, inner) = (&self.key, self.index, &mut self.inner);
        let work = |batch: &mut Batch| {
            let chunk = batch.chunk(first);
            chunks::seal_in_place(key, chunk, &mut batch.bytes[batch.ready.clone()])
        };
        let out = InOrder::new(|sealed: &[u8]| Ok(inner.write_all(sealed)?));
        batch::run((threads, BATCH_SEALED), &texts, &work, &out)?;
        let read = texts.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.index = read.chunk();
        self.left = read.left;
        self.filled = read.tail.len();
        self.chunk[..self.filled].copy_from_slice(&read.tail);
        self.failed = false;
        Ok(begun + read.total)
    }
}

/// Plaintext of a reader, taken in batches that leave room for the tags.
struct Texts<R>(Mutex<Reading<R>>);

struct Reading<R> {
    reader: R,
    first: u64,
    /// Batches taken.
    number: u64,
    left: Option<u64>,
    total: u64,
    /// What is left behind the full chunks of the last batch.
    tail: Wiped,
    ended: bool,
}

impl<R> Reading<R> {
    /// Number of the chunk that comes next.
    const fn chunk(&self) -> u64 {
        self.first + self.total / CHUNK_64
    }
}

impl<R: Read + Send> Source for Texts<R> {
    fn next(&self, batch: &mut Batch) -> Result<bool> {
        let mut reading = locked(&self.0);
        if reading.ended {
            return Ok(false);
        }
        batch.number = reading.number;
        // After an error nobody reads on.
        reading.ended = true;
        let read = batch.fill(|bytes| {
            let mut texts: Vec<_> = chunks::texts(bytes).map(IoSliceMut::new).collect();
            Ok(fill(&mut texts, |texts, _| reading.reader.read_vectored(texts), 0)?)
        })?;
        let (full, rest) = (read / CHUNK, read % CHUNK);
        let end = full * SEALED_CHUNK;
        batch.filled(end + rest, end);
        reading.number += 1;
        let taken = u64::try_from(read).map_err(io::Error::other)?;
        reading.total += taken;
        if let Some(left) = &mut reading.left {
            *left = left.checked_sub(taken).ok_or_else(longer)?;
        }
        // R31: a full chunk is never the last.
        check_index(reading.chunk())?;
        reading.tail.extend_from_slice(&batch.bytes[end..end + rest]);
        reading.ended = read < BATCH_TEXT;
        Ok(full > 0)
    }

    fn more(&self) -> bool {
        !locked(&self.0).ended
    }
}

impl<R: Read + Send> Decryptor<R> {
    /// Gives all of the plaintext that was not read yet to `take`, in order, a piece of at most
    /// 1 MiB at a time, each when all of it has verified; works with several threads, each of which
    /// holds 1 MiB. Gives the number of bytes, when the end has verified.
    ///
    /// # Errors
    /// As reading, and what `take` gives. An error repeats.
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
        if !self.is_between() {
            counted(self.fill()?)?;
            self.ready = 0..0;
        }
        if !self.is_done() {
            let copied = self.copy_rest(threads, &mut counted);
            self.settle(copied)?;
        }
        Ok(total)
    }

    fn copy_rest(
        &mut self,
        threads: Threads,
        take: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<()> {
        let (key, expected, first) = (&self.key, self.expected, self.index);
        let work = |batch: &mut Batch| {
            let (from, len) = (batch.chunk(first), batch.ready.len());
            let last = len < BATCH_SEALED;
            let pieces = batch.ready().chunks(SEALED_CHUNK).map(<[u8]>::len);
            // R31: a full chunk is never the last, so one that ends the input was cut off.
            if last && len.is_multiple_of(SEALED_CHUNK) {
                return Err(Error::Auth);
            }
            for (index, len) in (from..).zip(pieces) {
                check_chunk(expected, index, len, last && len < SEALED_CHUNK)?;
            }
            let len = chunks::open_to_front(key, from, &mut batch.bytes[batch.ready.clone()], 0)?;
            batch.ready = 0..len;
            Ok(())
        };
        let sealed = Sealed(Mutex::new((&mut self.inner, Some(0))));
        batch::run((threads, BATCH_SEALED), &sealed, &work, &InOrder::new(take))
    }
}

/// Sealed chunks of a reader, and the number of the next batch until the end.
struct Sealed<'a, R>(Mutex<(&'a mut R, Option<u64>)>);

impl<R: Read + Send> Source for Sealed<'_, R> {
    fn next(&self, batch: &mut Batch) -> Result<bool> {
        let mut reading = locked(&self.0);
        // After an error nobody reads on.
        let Some(number) = reading.1.take() else { return Ok(false) };
        batch.number = number;
        let read = read_full(reading.0, &mut batch.bytes[..BATCH_SEALED])?;
        batch.filled(read, read);
        reading.1 = (read == BATCH_SEALED).then_some(number + 1);
        Ok(true)
    }

    fn more(&self) -> bool {
        locked(&self.0).1.is_some()
    }
}
