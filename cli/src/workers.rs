//! Works on many things at a time and hands the results over in their order.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use keystead::ErrorClass;

use crate::failure::{Failure, Result};

/// Runs `work` on every job in `threads` threads; `done` gets the results in the order of the jobs,
/// in this thread. So many jobs
/// only are taken in advance that memory stays small. An error of `done` ends it.
pub(crate) fn in_order<T: Send, R: Send>(
    threads: usize,
    jobs: impl Iterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
    mut done: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let (give, take) = mpsc::channel();
    let take = Mutex::new(take);
    let (hand, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let hand = Hand(hand.clone());
            scope.spawn(|| labour(&take, hand, &work));
        }
        // Owned here, so that the threads end where this does.
        let give = give;
        let mut jobs = jobs.enumerate();
        let (mut given, mut next) = (0, 0);
        let mut waiting = BTreeMap::new();
        loop {
            while given - next < threads * AHEAD {
                let Some(job) = jobs.next() else { break };
                give.send(job).map_err(|_| broken())?;
                given += 1;
            }
            if next == given {
                return Ok(());
            }
            let (index, result) = receive.recv().ok().flatten().ok_or_else(broken)?;
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&next) {
                next += 1;
                done(result)?;
            }
        }
    })
}

/// Takes one job after the other until there are no more.
fn labour<T, R>(take: &Mutex<Receiver<(usize, T)>>, hand: Hand<R>, work: impl Fn(T) -> R) {
    loop {
        let job = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((index, job)) = job else { return };
        if hand.0.send(Some((index, work(job)))).is_err() {
            return;
        }
    }
}

/// Results of one thread; nothing is a thread that ended in a panic, which nobody must wait for.
struct Hand<R>(Sender<Option<(usize, R)>>);

impl<R> Drop for Hand<R> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(None);
        }
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
            let slow = |n: u64| {
                thread::sleep(std::time::Duration::from_micros(n * 37 % 500));
                n * 2
            };
            in_order(threads, 0..500_u64, slow, |n| {
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
        assert!(in_order(2, 0.., |n: u64| n, stop).is_err());
    }
}
