//! Runs jobs in parallel and delivers their results in order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use keystead::{ErrorKind, Threads};

use crate::failure::{Failure, Result};

/// Runs `work` on every job in `threads` threads, this one among them, each with an `S` of its own;
/// `done` gets the results in the order of the jobs, one at a time. Few jobs are taken in advance,
/// so that memory stays small. An error of `done` ends it. So does a panic anywhere, which comes
/// back to the caller when `done` has had the results of all earlier jobs; at the first two of the
/// iterator, before any work begins.
///
/// Returns a worker takes its jobs and hands over its results itself: a thread between them would
/// have to be woken for every one.
pub(crate) fn in_order<T: Send, R: Send, S: Default>(
    threads: Threads,
    jobs: impl Iterator<Item = T> + Send,
    work: impl Fn(&mut S, T) -> R + Sync,
    done: impl FnMut(R) -> Result<()> + Send,
) -> Result<()> {
    let mut jobs = jobs.peekable();
    // A single job needs no second thread.
    let first = jobs.next();
    let threads = if jobs.peek().is_some() { threads.get() } else { 1 };
    let queue = WorkQueue {
        source: Mutex::new(JobSource {
            jobs: first.into_iter().chain(jobs),
            next: 0,
            ended: false,
        }),
        results: Mutex::new(Results::new(done)),
        moved: Condvar::new(),
        ahead: threads * AHEAD,
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Fewer threads than asked for do the same work.
            let run_worker = || queue.run_worker(&work);
            if thread::Builder::new().spawn_scoped(scope, run_worker).is_err() {
                break;
            }
        }
        queue.run_worker(&work);
    });
    let results = queue.results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.end.map_or(Ok(()), |(_, failure)| Err(failure))
}

struct WorkQueue<I, R, F> {
    source: Mutex<JobSource<I>>,
    results: Mutex<Results<R, F>>,
    /// The next result moved on, or it ended.
    moved: Condvar,
    /// How far the workers may be ahead of the next result.
    ahead: usize,
}

struct JobSource<I> {
    jobs: I,
    /// Index of the next job.
    next: usize,
    /// Whether there are no more, or asking for one ended in a panic.
    ended: bool,
}

struct Results<R, F> {
    /// Index of the result that `done` gets next.
    next: usize,
    waiting: BTreeMap<usize, R>,
    /// Workers that wait for it to move on: even waking nobody costs a system call.
    sleepers: usize,
    done: F,
    /// The first job whose result `done` does not take, and why.
    end: Option<(usize, Failure)>,
}

/// A job that a worker took. Its result is handed over; where the worker drops the ticket instead,
/// which happens in a panic, no later result is taken, and no thread waits for this one.
struct Ticket<'a, I, R, F> {
    queue: &'a WorkQueue<I, R, F>,
    index: usize,
    settled: bool,
}

impl<R, F> Results<R, F> {
    const fn new(done: F) -> Self {
        Self { next: 0, waiting: BTreeMap::new(), sleepers: 0, done, end: None }
    }

    /// Returns whether `done` takes results up to this one, as far as is known.
    fn reaches(&self, index: usize) -> bool {
        self.end.as_ref().is_none_or(|(end, _)| index < *end)
    }

    fn end_at(&mut self, index: usize, failure: Failure) {
        if self.reaches(index) {
            self.end = Some((index, failure));
        }
    }
}

impl<I: Iterator, R, F: FnMut(R) -> Result<()>> WorkQueue<I, R, F> {
    fn take(&self) -> Option<(Ticket<'_, I, R, F>, I::Item)> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut source.ended, true) {
            return None;
        }
        // Before the job, so that a panic of the iterator ends it here and not for the workers alone.
        let mut ticket = Ticket { queue: self, index: source.next, settled: false };
        let Some(job) = source.jobs.next() else {
            ticket.settled = true;
            return None;
        };
        source.next += 1;
        source.ended = false;
        Some((ticket, job))
    }

    /// Runs one job after another until there are no more.
    fn run_worker<S: Default>(&self, work: impl Fn(&mut S, I::Item) -> R) {
        let mut own = S::default();
        while let Some((mut ticket, job)) = self.take() {
            if !self.wait_for_turn(ticket.index) {
                ticket.settled = true;
                break;
            }
            let goes_on = self.hand_over(ticket.index, work(&mut own, job));
            ticket.settled = true;
            if !goes_on {
                break;
            }
        }
    }

    /// Waits until a result may be stored. Returns whether `done` may still take it.
    fn wait_for_turn(&self, index: usize) -> bool {
        let mut results = self.results();
        while results.reaches(index) && index - results.next >= self.ahead {
            results.sleepers += 1;
            results = self.moved.wait(results).unwrap_or_else(PoisonError::into_inner);
            results.sleepers -= 1;
        }
        results.reaches(index)
    }

    /// Passes this result and those that waited for it to `done`. Returns whether more may follow.
    fn hand_over(&self, index: usize, result: R) -> bool {
        let mut results = self.results();
        results.waiting.insert(index, result);
        while results.reaches(results.next) {
            let next = results.next;
            let Some(result) = results.waiting.remove(&next) else { break };
            results.next += 1;
            // Until it has returned: a panic of `done` ends it here, before another worker goes on.
            let end = results.end.replace((next, broken()));
            let taken = (results.done)(result);
            results.end = end;
            if let Err(failure) = taken {
                results.end_at(next, failure);
            }
        }
        if results.sleepers > 0 {
            self.moved.notify_all();
        }
        results.end.is_none()
    }
}

impl<I, R, F> WorkQueue<I, R, F> {
    fn results(&self) -> MutexGuard<'_, Results<R, F>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I, R, F> Drop for Ticket<'_, I, R, F> {
    fn drop(&mut self) {
        if !self.settled {
            self.queue.results().end_at(self.index, broken());
            self.queue.moved.notify_all();
        }
    }
}

fn broken() -> Failure {
    Failure::new(ErrorKind::Io, "a worker ended unexpectedly")
        .hint("this is a bug; please report it with what `keystead --version` prints")
}

/// Jobs taken in advance, per thread.
const AHEAD: usize = 16;

#[cfg(test)]
mod tests;
