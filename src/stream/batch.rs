//! Work on many chunks at a time: each thread takes a batch, works on it in place, hands it on and
//! takes the next, so that memory is one batch a thread whatever the length.

use std::io;
use std::ops::Range;

use super::chunks::{Opener, Sealer};
use super::handover::Handover;
use super::pool;
use crate::envelope::PayloadKey;
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, SEALED_CHUNK};
use crate::primitives::secret::wipe;
use crate::threads::Threads;

/// Chunks of a batch. Where the reader can, one system call reads them, and one writes them.
pub(super) const BATCH: usize = 64;
/// The same for chunk numbers.
pub(super) const BATCH_64: u64 = 64;
/// Plaintext bytes of a full batch: 1 MiB.
pub(super) const BATCH_TEXT: usize = BATCH * CHUNK;
/// A full batch with its tags.
pub(super) const BATCH_SEALED: usize = BATCH * SEALED_CHUNK;

/// Chunks in a row, in a buffer that is used again and wiped in the end.
pub(super) struct Batch {
    /// Position among the batches of this run.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    /// So many bytes were read for the work.
    pub(super) filled: usize,
    /// Why no more were read than that, where there should have been more.
    pub(super) cut: Option<Error>,
    /// So far the buffer was ever written to.
    touched: usize,
}

impl Batch {
    fn new(room: usize) -> Self {
        Self { number: 0, bytes: vec![0; room], filled: 0, cut: None, touched: 0 }
    }

    /// Returns the bytes to be worked on.
    pub(super) fn filled(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.filled]
    }

    /// Lets a source fill the buffer. Where that fails, nobody knows how far it came, and all is
    /// wiped.
    pub(super) fn fill<T>(&mut self, fill: impl FnOnce(&mut [u8]) -> Result<T>) -> Result<T> {
        let touched = std::mem::replace(&mut self.touched, self.bytes.len());
        let filled = fill(&mut self.bytes)?;
        self.touched = touched;
        Ok(filled)
    }

    /// The source has written, or will write, to so many bytes, of which the first are for the
    /// work.
    pub(super) fn set_filled(&mut self, touched: usize, filled: usize) {
        self.touched = self.touched.max(touched);
        self.filled = filled;
    }

    /// Returns the number of its first chunk, where the run began with chunk `first`.
    pub(super) const fn chunk(&self, first: u64) -> u64 {
        first + self.number * BATCH_64
    }
}

impl Drop for Batch {
    /// Pages that were never touched stay untouched.
    fn drop(&mut self) {
        wipe(&mut self.bytes[..self.touched]);
    }
}

/// Where batches come from.
pub(super) trait Source: Send {
    /// Takes the next batch, in order and alone; false at the end.
    fn next(&mut self, batch: &mut Batch) -> Result<bool>;
    /// Returns whether there may be more batches than were taken.
    fn more(&self) -> bool;
}

/// What became of a batch: the bytes that may leave it, and whether anything may follow them.
pub(super) struct Outcome {
    pub(super) ready: Range<usize>,
    pub(super) end: Result<()>,
}

impl Outcome {
    /// Makes an outcome of all of the batch, or of nothing of it.
    pub(super) fn whole(batch: &Batch, end: Result<()>) -> Self {
        Self { ready: 0..if end.is_ok() { batch.filled } else { 0 }, end }
    }
}

/// Threads, and the buffer of each: a full batch's bytes, or fewer where all of the input is less.
pub(super) struct Pipeline {
    pub(super) threads: Threads,
    pub(super) room: usize,
}

impl Pipeline {
    /// Works on every batch of `source` in any order, and returns the source. Of several errors it
    /// returns that of the earliest batch.
    pub(super) fn run<S: Source>(
        &self,
        source: S,
        work: impl Fn(&mut Batch) -> Result<()> + Sync,
    ) -> Result<S> {
        let handover = Handover::new(source, ());
        pool::run(
            &handover,
            |source| self.useful(source),
            || self.buffer(),
            take,
            |ticket, batch| {
                ticket.settle(work(batch));
            },
        );
        handover.end().map_err(ended)
    }

    /// [`run`](Self::run), and gives what is ready to `sink`, in order and one batch at a time. The
    /// sink gets what comes before the first error, whatever the threads did.
    pub(super) fn run_in_order<S: Source>(
        &self,
        source: S,
        work: impl Fn(&mut Batch) -> Outcome + Sync,
        sink: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<S> {
        let handover = Handover::new(source, sink);
        pool::run(
            &handover,
            |source| self.useful(source),
            || self.buffer(),
            take,
            |ticket, batch| {
                let Outcome { ready, end } = work(batch);
                ticket.in_turn(|sink| {
                    if !ready.is_empty() {
                        sink(&batch.bytes[ready])?;
                    }
                    end
                });
            },
        );
        handover.end().map_err(ended)
    }

    fn buffer(&self) -> Batch {
        Batch::new(self.room)
    }

    fn useful(&self, source: &impl Source) -> usize {
        if source.more() { self.threads.get() } else { 1 }
    }
}

fn take(source: &mut impl Source, number: u64, batch: &mut Batch) -> Result<bool> {
    batch.number = number;
    source.next(batch)
}

/// Seals a whole plaintext into `out`, which has room for the tags.
pub(super) fn seal_into(
    threads: Threads,
    sealer: &Sealer<&PayloadKey>,
    plaintext: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let threads = useful(threads, plaintext.len());
    if threads == Threads::ONE {
        return sealer.at(0).seal_into(plaintext, out);
    }
    // The last batch may have no plaintext at all, but always a chunk.
    let texts = plaintext.chunks(BATCH_TEXT).chain(std::iter::once(&[][..]));
    let jobs = texts.zip(out.chunks_mut(BATCH_SEALED));
    each(threads, jobs, |first, (text, sealed)| sealer.at(first).seal_into(text, sealed))
}

/// Opens all sealed chunks into `out`, whose length is that of their plaintext. Where one fails,
/// `out` is wiped.
pub(super) fn open_into(
    threads: Threads,
    opener: &Opener,
    sealed: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let threads = useful(threads, out.len());
    let opened = if threads == Threads::ONE {
        opener.at(0).open_into(sealed, out)
    } else {
        // A batch that holds nothing but an empty last chunk has no plaintext to go to.
        let texts = out.chunks_mut(BATCH_TEXT).chain(std::iter::once(Default::default()));
        let jobs = sealed.chunks(BATCH_SEALED).zip(texts);
        each(threads, jobs, |first, (sealed, text)| opener.at(first).open_into(sealed, text))
    };
    opened.inspect_err(|_| wipe(out))
}

/// Seals all chunks where their plaintext is.
pub(super) fn seal_in_place(
    threads: Threads,
    sealer: &Sealer<&PayloadKey>,
    chunks: &mut [u8],
) -> Result<()> {
    let threads = useful(threads, chunks.len());
    let batches = chunks.chunks_mut(BATCH_SEALED);
    each(threads, batches, |first, batch| sealer.at(first).seal_in_place(batch))
}

/// Opens all chunks where their ciphertext is.
pub(super) fn open_in_place(threads: Threads, opener: &Opener, chunks: &mut [u8]) -> Result<()> {
    let threads = useful(threads, chunks.len());
    let batches = chunks.chunks_mut(BATCH_SEALED);
    each(threads, batches, |first, batch| opener.at(first).open_in_place(batch).map(drop))
}

fn useful(threads: Threads, len: usize) -> Threads {
    threads.for_len(u64::try_from(len).unwrap_or(u64::MAX))
}

/// Works on every job, a batch each; the number of its first chunk goes with it. The error is that
/// of the earliest job that failed.
fn each<J: Send>(
    threads: Threads,
    jobs: impl Iterator<Item = J> + Send,
    work: impl Fn(u64, J) -> Result<()> + Sync,
) -> Result<()> {
    let handover = Handover::new(jobs, ());
    pool::run(
        &handover,
        |_| threads.get(),
        || None,
        |jobs, _, job| {
            *job = jobs.next();
            Ok(job.is_some())
        },
        |ticket, job| {
            let first = ticket.number() * BATCH_64;
            ticket.settle(job.take().map_or(Ok(()), |job| work(first, job)));
        },
    );
    handover.end().map(drop).map_err(ended)
}

/// A batch that was given up without an error is a panic's, which has come back to the caller
/// before anybody asks; should that ever not be so, it is no success.
fn ended(error: Option<Error>) -> Error {
    error.unwrap_or_else(|| io::Error::other("a thread ended before its work").into())
}
