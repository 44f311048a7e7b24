//! Threads that work on the jobs of a handover, the caller's own thread among them.

use std::panic::resume_unwind;

use super::handover::{Handover, Ticket};
use super::sync::{scope, spawn};

/// Works on every job of `handover`. Each thread has a `B` of its own, in which `take` puts what it
/// takes from the source, and which `finish` works on and settles.
///
/// The first job is taken before other threads are asked for: most inputs have no second.
/// `threads` returns how many what is left in the source is worth. Fewer threads than asked for do
/// the same work. A panic in any of them comes back to the caller when all have ended.
pub(super) fn run<S: Send, T: Send, E: Send, B>(
    handover: &Handover<S, T, E>,
    threads: impl FnOnce(&S) -> usize,
    buffer: impl Fn() -> B + Sync,
    take: impl Fn(&mut S, u64, &mut B) -> Result<bool, E> + Sync,
    finish: impl Fn(Ticket<'_, S, T, E>, &mut B) + Sync,
) {
    let next = |buffer: &mut B| handover.take(|source, number| take(source, number, buffer));
    let labour = |mut buffer: B, mut held: Option<Ticket<'_, S, T, E>>| {
        while let Some(ticket) = held.take().or_else(|| next(&mut buffer)) {
            finish(ticket, &mut buffer);
        }
    };
    let mut own = buffer();
    let Some(first) = next(&mut own) else { return };
    let threads = handover.ask(threads).unwrap_or(1);
    beside(threads, || labour(buffer(), None), || labour(own, Some(first)));
}

/// Runs `own` here and `other` in one thread less than `threads`, and waits for all.
fn beside(threads: usize, other: impl Fn() + Sync, own: impl FnOnce()) {
    scope(|scope| {
        let mut others = Vec::new();
        for _ in 1..threads {
            match spawn(scope, &other) {
                Ok(thread) => others.push(thread),
                Err(_) => break,
            }
        }
        own();
        // Joined here, because a scope that finds a panic has lost what it said.
        for thread in others {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    });
}
