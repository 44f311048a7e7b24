//! What the library takes from the standard library, from shuttle. The explorer learns of each
//! operation on something shared.

use std::cell::Cell;
use std::io;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::LockResult;
use std::thread::Result;

use shuttle::thread;

pub(crate) use shuttle::thread::Scope;
pub(crate) use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering;

use crate::OnPurpose;
use crate::explorer::{Shared, touch_ends, try_to_lock};

pub(crate) struct AtomicBool(shuttle::sync::atomic::AtomicBool, Shared);

impl AtomicBool {
    pub(crate) fn new(value: bool) -> Self {
        Self(shuttle::sync::atomic::AtomicBool::new(value), Shared::new())
    }

    pub(crate) fn load(&self, order: Ordering) -> bool {
        let value = self.0.load(order);
        self.1.touch();
        value
    }

    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.0.store(value, order);
        self.1.touch();
    }
}

pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>, Shared);

pub(crate) struct MutexGuard<'a, T>(shuttle::sync::MutexGuard<'a, T>, &'a Shared);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value), Shared::new())
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        try_to_lock(0);
        locked(self.0.lock(), &self.1)
    }

    pub(crate) fn into_inner(self) -> LockResult<T> {
        self.0.into_inner()
    }
}

fn locked<'a, T>(
    result: LockResult<shuttle::sync::MutexGuard<'a, T>>,
    shared: &'a Shared,
) -> LockResult<MutexGuard<'a, T>> {
    shared.touch();
    match result {
        Ok(guard) => Ok(MutexGuard(guard, shared)),
        Err(poisoned) => Err(PoisonError::new(MutexGuard(poisoned.into_inner(), shared))),
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

pub(crate) struct Condvar(shuttle::sync::Condvar, Shared);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(shuttle::sync::Condvar::new(), Shared::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.1.touch();
        let MutexGuard(guard, shared) = guard;
        // In the first step it lets go of the lock and waits.
        try_to_lock(1);
        locked(self.0.wait(guard), shared)
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
        self.1.touch();
    }
}

pub(crate) struct Joins<'scope>(thread::ScopedJoinHandle<'scope, Result<()>>);

impl Joins<'_> {
    pub(crate) fn join(self) -> Result<()> {
        touch_ends();
        self.0.join().expect("a panic that was caught")
    }
}

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// From now on the system has so many threads left.
pub(crate) fn only_start(threads: usize) {
    LEFT.set(threads);
}

/// Shuttle takes a thread's panic for the end of the run; the standard library hands it over.
pub(crate) fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    labour: impl FnOnce() + Send + 'scope,
) -> io::Result<Joins<'scope>> {
    LEFT.set(LEFT.get().checked_sub(1).ok_or(io::ErrorKind::OutOfMemory)?);
    Ok(Joins(scope.spawn(|| ending(|| caught(labour)))))
}

/// Where the caller's own thread panics, a scope of shuttle's does not wait; the standard library's
/// does.
pub(crate) fn scope<'env, T>(
    inside: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
) -> T {
    let ended = thread::scope(|scope| ending(|| caught(|| inside(scope))));
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Tells the explorer that a task is at its end, or at that of its scope, where it looks for others.
fn ending<T>(work: impl FnOnce() -> T) -> T {
    let done = work();
    touch_ends();
    done
}

/// What panicked on purpose is caught; an assertion, or the panic with which shuttle ends a run that
/// it has seen enough of, goes on.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        if !panic.is::<OnPurpose>() {
            resume_unwind(panic);
        }
        panic
    })
}
