//! Jobs that threads take in order, and whose results they hand over in the same order.
//!
//! One rule: **every job that was taken is settled**, handed over or given up, whatever becomes of
//! the thread that took it. A job's number exists only inside a [`Ticket`], and a ticket that is
//! dropped, by an early return or by a panic, gives its job up. Two things follow:
//!
//! - Nobody waits for ever. A thread waits only for jobs with smaller numbers; each of them was
//!   taken, so each will be settled, and the thread with the smallest waits for nobody.
//! - The results handed over are those before the first job that fails, whatever the threads did.
//!   Numbers are given in order, so all jobs before it were taken, and a failure lets nobody off
//!   who holds an earlier one.
//!
//! tests/model.rs runs this file and pool.rs through every order in which threads can run.

use super::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering, PoisonError};

/// Takes jobs from a `source` and hands their results to a `sink`, each in order and one at a time.
/// Where order does not matter there is no sink, and a job is settled without its turn.
pub(super) struct Handover<S, T, E> {
    taking: Mutex<Taking<S>>,
    turn: Mutex<Turn<T, E>>,
    /// The turn moved on, or a job failed.
    turned: Condvar,
    /// Whether a job failed: looked at before another is taken, without waiting for a turn.
    failed: AtomicBool,
}

struct Taking<S> {
    source: S,
    /// Number of the next job.
    next: u64,
    /// Whether the source has ended, or broke off.
    ended: bool,
}

struct Turn<T, E> {
    sink: T,
    /// Number of the job whose turn it is.
    next: u64,
    /// The first job that failed, with its error. One that a panic ended has none.
    failed: Option<(u64, Option<E>)>,
}

/// A job that was taken. Dropped without having been settled, it is given up.
pub(super) struct Ticket<'a, S, T, E> {
    handover: &'a Handover<S, T, E>,
    number: u64,
    settled: bool,
}

impl<S, T, E> Handover<S, T, E> {
    pub(super) fn new(source: S, sink: T) -> Self {
        Self {
            taking: Mutex::new(Taking { source, next: 0, ended: false }),
            turn: Mutex::new(Turn { sink, next: 0, failed: None }),
            turned: Condvar::new(),
            failed: AtomicBool::new(false),
        }
    }

    /// Takes the next job: `next` gets the source and the job's number, alone, and returns whether
    /// there is such a job. Returns nothing when there is none, or when a job has failed. After its
    /// end, an error or a panic the source is not asked again.
    pub(super) fn take(
        &self,
        next: impl FnOnce(&mut S, u64) -> Result<bool, E>,
    ) -> Option<Ticket<'_, S, T, E>> {
        let mut taking = locked(&self.taking);
        if taking.ended || self.failed.load(Ordering::Relaxed) {
            return None;
        }
        taking.ended = true;
        // Before the source is asked, so that a panic in there gives up this number.
        let mut ticket = Ticket { handover: self, number: taking.next, settled: false };
        match next(&mut taking.source, ticket.number) {
            Ok(true) => {
                taking.next += 1;
                taking.ended = false;
                Some(ticket)
            }
            Ok(false) => {
                // There is no such job.
                ticket.settled = true;
                None
            }
            Err(error) => {
                ticket.fail(error);
                None
            }
        }
    }

    /// Asks the source something between two jobs; nothing where it has ended.
    pub(super) fn ask<A>(&self, question: impl FnOnce(&S) -> A) -> Option<A> {
        let taking = locked(&self.taking);
        (!taking.ended).then(|| question(&taking.source))
    }

    /// Returns the source after all jobs, or the error of the first job that failed. One that was
    /// given up without an error failed, too.
    pub(super) fn end(self) -> Result<S, Option<E>> {
        match self.turn.into_inner().unwrap_or_else(PoisonError::into_inner).failed {
            Some((_, error)) => Err(error),
            None => Ok(self.taking.into_inner().unwrap_or_else(PoisonError::into_inner).source),
        }
    }

    /// Remembers the earliest failure, and wakes those that wait for it in vain.
    fn fail(&self, number: u64, error: Option<E>) {
        let mut turn = locked(&self.turn);
        if turn.failed.as_ref().is_none_or(|(first, _)| number < *first) {
            turn.failed = Some((number, error));
        }
        self.failed.store(true, Ordering::Relaxed);
        self.turned.notify_all();
    }
}

impl<T, E> Turn<T, E> {
    /// Returns whether an earlier job failed, so that the turn of this one never comes.
    fn never_reaches(&self, number: u64) -> bool {
        self.failed.as_ref().is_some_and(|(first, _)| *first < number)
    }
}

impl<S, T, E> Ticket<'_, S, T, E> {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Waits for this job's turn, and gives it the sink. Where an earlier job fails, the turn never
    /// comes. The error of `hand_over` is the job's.
    pub(super) fn in_turn(mut self, hand_over: impl FnOnce(&mut T) -> Result<(), E>) {
        let handover = self.handover;
        let mut turn = locked(&handover.turn);
        while turn.next != self.number && !turn.never_reaches(self.number) {
            turn = handover.turned.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        if turn.never_reaches(self.number) {
            self.settled = true;
            return;
        }
        if let Err(error) = hand_over(&mut turn.sink) {
            drop(turn);
            return self.fail(error);
        }
        turn.next += 1;
        self.settled = true;
        handover.turned.notify_all();
    }

    /// Says how a job ended whose turn does not matter.
    pub(super) fn settle(mut self, end: Result<(), E>) {
        match end {
            Ok(()) => self.settled = true,
            Err(error) => self.fail(error),
        }
    }

    fn fail(mut self, error: E) {
        self.settled = true;
        self.handover.fail(self.number, Some(error));
    }
}

impl<S, T, E> Drop for Ticket<'_, S, T, E> {
    fn drop(&mut self) {
        if !self.settled {
            self.handover.fail(self.number, None);
        }
    }
}

/// A panic elsewhere leaves nothing half done that is used again: a source that broke off is not
/// asked again, and a sink whose job failed gets no other.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
