//! Works on many things at a time and hands the results over in their order.

use std::collections::BTreeMap;
use std::iter::{Enumerate, Peekable};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use keystead::{ErrorClass, Threads};

use crate::failure::{Failure, Result};

/// Runs `work` on every job in `threads` threads, this one among them, each with an `S` of its own;
/// `done` gets the results in the order of the jobs, one at a time. So many jobs only are taken in
/// advance that memory stays small. An error of `done` ends it.
///
/// A worker takes its jobs and hands over its results itself: a thread between them would have to
/// be woken for every one.
pub(crate) fn in_order<T: Send, R: Send, S: Default>(
    threads: Threads,
    jobs: impl Iterator<Item = T> + Send,
    work: impl Fn(&mut S, T) -> R + Sync,
    done: impl FnMut(R) -> Result<()> + Send,
) -> Result<()> {
    let mut jobs = jobs.enumerate().peekable();
    // One job needs no second thread.
    let first = jobs.next();
    let threads = if jobs.peek().is_some() { threads.get() } else { 1 };
    let shop = Shop {
        jobs: Mutex::new(jobs),
        results: Mutex::new(Results::new(done)),
        moved: Condvar::new(),
        ahead: threads * AHEAD,
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Fewer threads than asked for do the same work.
            let labour = || shop.labour(None, &work);
            if thread::Builder::new().spawn_scoped(scope, labour).is_err() {
                break;
            }
        }
        shop.labour(first, &work);
    });
    let results = shop.results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.end.unwrap_or(Ok(()))
}

struct Shop<I: Iterator, R, F> {
    jobs: Mutex<Peekable<Enumerate<I>>>,
    results: Mutex<Results<R, F>>,
    /// The next result moved on, or it ended.
    moved: Condvar,
    /// How far the workers may be ahead of the next result.
    ahead: usize,
}

struct Results<R, F> {
    /// Index of the result that `done` gets next.
    next: usize,
    waiting: BTreeMap<usize, R>,
    /// Workers that wait for it to move on: waking nobody is a system call, too.
    sleepers: usize,
    done: F,
    /// Why no more is done.
    end: Option<Result<()>>,
}

impl<R, F> Results<R, F> {
    const fn new(done: F) -> Self {
        Self { next: 0, waiting: BTreeMap::new(), sleepers: 0, done, end: None }
    }
}

impl<I: Iterator, R, F: FnMut(R) -> Result<()>> Shop<I, R, F> {
    fn take(&self) -> Option<(usize, I::Item)> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// The jobs given, and then one after the other until there are no more.
    fn labour<S: Default>(
        &self,
        given: impl IntoIterator<Item = (usize, I::Item)>,
        work: impl Fn(&mut S, I::Item) -> R,
    ) {
        let guard = Ended(self);
        let mut own = S::default();
        for (index, job) in given.into_iter().chain(std::iter::from_fn(|| self.take())) {
            if !self.wait_for_turn(index) || !self.hand_over(index, work(&mut own, job)) {
                break;
            }
        }
        std::mem::forget(guard);
    }

    /// Waits until a result has a place; says whether it goes on at all.
    fn wait_for_turn(&self, index: usize) -> bool {
        let mut results = self.results();
        while results.end.is_none() && index - results.next >= self.ahead {
            results.sleepers += 1;
            results = self.moved.wait(results).unwrap_or_else(PoisonError::into_inner);
            results.sleepers -= 1;
        }
        results.end.is_none()
    }

    /// Gives `done` this result and those that waited for it.
    fn hand_over(&self, index: usize, result: R) -> bool {
        let mut results = self.results();
        let Results { next, waiting, sleepers, done, end } = &mut *results;
        waiting.insert(index, result);
        while let (None, Some(result)) = (&end, waiting.remove(next)) {
            *next += 1;
            if let Err(failure) = done(result) {
                *end = Some(Err(failure));
            }
        }
        if *sleepers > 0 {
            self.moved.notify_all();
        }
        end.is_none()
    }

    fn results(&self) -> MutexGuard<'_, Results<R, F>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker that ends in a panic: its result will not come, and nobody must wait for it.
struct Ended<'a, I: Iterator, R, F: FnMut(R) -> Result<()>>(&'a Shop<I, R, F>);

impl<I: Iterator, R, F: FnMut(R) -> Result<()>> Drop for Ended<'_, I, R, F> {
    fn drop(&mut self) {
        self.0.results().end.get_or_insert_with(|| Err(broken()));
        self.0.moved.notify_all();
    }
}

fn broken() -> Failure {
    Failure::new(ErrorClass::Io, "a worker ended unexpectedly")
        .hint("this must not happen; please report it with what `keystead --version` prints")
}

/// Jobs for each thread that are taken in advance.
const AHEAD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        for threads in [1, 3, 8] {
            let mut seen = Vec::new();
            let slow = |(): &mut (), n: u64| {
                thread::sleep(std::time::Duration::from_micros(n * 37 % 500));
                n * 2
            };
            in_order(Threads::new(threads), 0..500_u64, slow, |n| {
                seen.push(n);
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, (0..1_000).step_by(2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_it() {
        let stop = |n| if n == 5 { Err(broken()) } else { Ok(()) };
        assert!(in_order(Threads::new(2), 0.., |(): &mut (), n: u64| n, stop).is_err());
    }
}
