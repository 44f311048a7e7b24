//! Work on many chunks at a time: each thread takes a batch, works on it in place, hands it on and
//! takes the next, so that memory is one batch a thread whatever the length.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Threads;
use super::threads::beside;
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, SEALED_CHUNK};
use crate::primitives::secret::wipe;

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
    /// What the source filled, then what the sink takes.
    pub(super) ready: Range<usize>,
    /// So far the buffer was ever written to.
    touched: usize,
}

impl Batch {
    fn new(room: usize) -> Self {
        Self { number: 0, bytes: vec![0; room], ready: 0..0, touched: 0 }
    }

    /// Lets a source fill the buffer. Where that fails, who knows how far it came: all is wiped.
    pub(super) fn fill<T>(&mut self, fill: impl FnOnce(&mut [u8]) -> Result<T>) -> Result<T> {
        let touched = std::mem::replace(&mut self.touched, self.bytes.len());
        let filled = fill(&mut self.bytes)?;
        self.touched = touched;
        Ok(filled)
    }

    /// The source has written to so many bytes, of which the first are for the work.
    pub(super) fn filled(&mut self, touched: usize, ready: usize) {
        self.touched = self.touched.max(touched);
        self.ready = 0..ready;
    }

    /// Number of its first chunk, where the run began with chunk `first`.
    pub(super) const fn chunk(&self, first: u64) -> u64 {
        first + self.number * BATCH_64
    }

    pub(super) fn ready(&self) -> &[u8] {
        &self.bytes[self.ready.clone()]
    }
}

impl Drop for Batch {
    /// Pages that were never touched stay untouched.
    fn drop(&mut self) {
        wipe(&mut self.bytes[..self.touched]);
    }
}

/// Where batches come from.
pub(super) trait Source: Sync {
    /// Fills the next batch; false at the end.
    fn next(&self, batch: &mut Batch) -> Result<bool>;
    /// Whether there may be more batches than were taken.
    fn more(&self) -> bool;
}

/// Where batches go.
pub(super) trait Sink: Sync {
    /// Takes a batch; false where the run has failed elsewhere.
    fn put(&self, batch: &Batch) -> Result<bool>;
    /// The run has failed at this batch: nobody waits for it, or for a later one.
    fn abandon(&self, _number: u64) {}
}

/// Runs `work` on every batch, in buffers of `room` bytes: a full batch's, or fewer where all of it
/// is less. Of several errors it gives that of the earliest batch.
pub(super) fn run(
    (threads, room): (Threads, usize),
    source: &impl Source,
    work: &(impl Fn(&mut Batch) -> Result<()> + Sync),
    sink: &impl Sink,
) -> Result<()> {
    let failed = AtomicBool::new(false);
    let first: Mutex<Option<(u64, Error)>> = Mutex::new(None);
    let labour = |mut batch: Batch, mut filled: bool| {
        let _guard = Guard { failed: &failed, sink };
        while !failed.load(Ordering::Relaxed) {
            let step = if filled { Ok(true) } else { source.next(&mut batch) };
            let step = step.and_then(|more| {
                if !more {
                    return Ok(false);
                }
                work(&mut batch)?;
                sink.put(&batch)
            });
            filled = false;
            match step {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    let mut first = locked(&first);
                    if first.as_ref().is_none_or(|(number, _)| batch.number < *number) {
                        *first = Some((batch.number, error));
                    }
                    failed.store(true, Ordering::Relaxed);
                    sink.abandon(batch.number);
                    return;
                }
            }
        }
    };
    // The first batch is taken before other threads are asked for: most inputs have no second.
    let mut begun = Batch::new(room);
    if !source.next(&mut begun)? {
        return Ok(());
    }
    let threads = if source.more() { threads.get() } else { 1 };
    beside(threads, || labour(Batch::new(room), false), || labour(begun, true));
    match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// A thread that ends in a panic leaves nobody waiting.
struct Guard<'a, S: Sink> {
    failed: &'a AtomicBool,
    sink: &'a S,
}

impl<S: Sink> Drop for Guard<'_, S> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.failed.store(true, Ordering::Relaxed);
            self.sink.abandon(0);
        }
    }
}

/// A sink that takes batches in their order, one at a time.
pub(super) struct InOrder<F> {
    turn: Mutex<Turn<F>>,
    turned: Condvar,
}

struct Turn<F> {
    take: F,
    next: u64,
    /// The first batch that will not come. Those before it will: each is held by a thread.
    missing: Option<u64>,
}

impl<F: FnMut(&[u8]) -> Result<()> + Send> InOrder<F> {
    pub(super) const fn new(take: F) -> Self {
        let turn = Turn { take, next: 0, missing: None };
        Self { turn: Mutex::new(turn), turned: Condvar::new() }
    }
}

impl<F: FnMut(&[u8]) -> Result<()> + Send> Sink for InOrder<F> {
    fn put(&self, batch: &Batch) -> Result<bool> {
        let mut turn = locked(&self.turn);
        let in_vain = |turn: &Turn<F>| turn.missing.is_some_and(|missing| missing <= batch.number);
        while turn.next != batch.number && !in_vain(&turn) {
            turn = self.turned.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        if in_vain(&turn) {
            return Ok(false);
        }
        (turn.take)(batch.ready())?;
        turn.next += 1;
        self.turned.notify_all();
        Ok(true)
    }

    fn abandon(&self, number: u64) {
        let mut turn = locked(&self.turn);
        turn.missing = Some(turn.missing.map_or(number, |missing| missing.min(number)));
        self.turned.notify_all();
    }
}

/// A panic elsewhere leaves nothing half done that is used again.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
