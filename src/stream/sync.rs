//! What the hand-over between threads takes from the standard library, in one place, so that
//! tests/model.rs can put shuttle's scheduler in its place and compile the same files.

use std::io;
pub(super) use std::sync::atomic::{AtomicBool, Ordering};
pub(super) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
pub(super) use std::thread::{Scope, ScopedJoinHandle, scope};

/// Starts a thread, or says that the system has none left.
pub(super) fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    labour: impl FnOnce() + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, ()>> {
    Builder::new().spawn_scoped(scope, labour)
}
