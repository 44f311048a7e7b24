//! Handles signals: incomplete outputs are removed, and the run ends with 130. A rename or a rewrap
//! in place is never interrupted.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

#[cfg(unix)]
use keystead::Error;
use keystead::ErrorKind;
#[cfg(unix)]
use nix::sys::signal::{SigSet, Signal};

use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::platform::{self, Terminal};
use crate::progress;
use crate::report::Report;

/// Files and directories of this run that must not outlive it.
static PENDING: Mutex<Vec<(PathBuf, Option<File>)>> = Mutex::new(Vec::new());
/// Readers are steps that must not be interrupted; the writer is the end of the run.
static GATE: RwLock<()> = RwLock::new(());
/// Whether a thread waits for signals.
#[cfg(unix)]
static LISTENING: Mutex<bool> = Mutex::new(false);
/// The terminal settings before echo was turned off.
static TERMINAL: Mutex<Option<Terminal>> = Mutex::new(None);

/// A file or directory that is removed if a signal ends the run before this is dropped.
pub(crate) struct Pending(PathBuf);

impl Pending {
    /// Registers a path. `file` is the open file, if it is one.
    pub(crate) fn new(path: &Path, file: Option<File>) -> Self {
        locked(&PENDING).push((path.to_owned(), file));
        Self(path.to_owned())
    }
}

impl Pending {
    /// Takes the open file, which is complete and needs no more flushing before its removal.
    pub(crate) fn take_file(&self) -> Option<File> {
        locked(&PENDING)
            .iter_mut()
            .find(|(path, _)| *path == self.0)
            .and_then(|(_, file)| file.take())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        locked(&PENDING).retain(|(path, _)| *path != self.0);
    }
}

/// Makes signals wait until the guard is dropped. Only for a few system calls.
pub(crate) fn hold() -> RwLockReadGuard<'static, ()> {
    GATE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a prompt; a signal meanwhile restores the terminal's echo.
pub(crate) fn with_terminal<T>(prompt: impl FnOnce() -> T) -> Result<T> {
    listen()?;
    *locked(&TERMINAL) = Terminal::save();
    let answer = progress::without_bar(prompt);
    *locked(&TERMINAL) = None;
    Ok(answer)
}

/// Blocks signals until [`listen`] is called, or until a run ends that is too short for a thread.
#[cfg(unix)]
pub(crate) fn block() -> Result<()> {
    watched().thread_block().map_err(|error| failed(error.into()))
}

/// Starts the signal thread, if there is none yet; later threads inherit the blocked signals.
/// Signals that the parent set to be ignored (`nohup`) stay ignored.
#[cfg(unix)]
pub(crate) fn listen() -> Result<()> {
    let mut listening = locked(&LISTENING);
    if !*listening {
        let thread = std::thread::Builder::new().name("signals".to_owned());
        let heard = || {
            while let Ok(signal) = watched().wait() {
                if !platform::is_ignored(signal) {
                    end();
                }
            }
        };
        thread.spawn(heard).map_err(failed)?;
        *listening = true;
    }
    Ok(())
}

/// Unblocks signals at the end of the run. A signal that waited ends the process in the default
/// way.
#[cfg(unix)]
pub(crate) fn unblock() {
    if !*locked(&LISTENING) {
        let _ = watched().thread_unblock();
    }
}

#[cfg(unix)]
fn watched() -> SigSet {
    SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP])
}

#[cfg(unix)]
fn failed(error: io::Error) -> Failure {
    Failure::at("signals", Error::Io(error))
}

/// Does nothing: the system ends the run, and the next run removes leftovers.
#[cfg(not(unix))]
pub(crate) fn block() -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn listen() -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn unblock() {}

/// Removes pending files and exits.
#[cfg_attr(not(unix), allow(dead_code, reason = "no signal is watched there"))]
fn end() -> ! {
    let gate = GATE.write().unwrap_or_else(PoisonError::into_inner);
    for (path, file) in locked(&PENDING).iter() {
        // On some mounts a file that is removed before it is closed reappears.
        let _ = file.as_ref().map(filesystem::flush);
        remove(path);
    }
    if let Some(terminal) = locked(&TERMINAL).take() {
        terminal.restore();
    }
    progress::clear();
    let cancelled = Failure::new(ErrorKind::Cancelled, "cancelled");
    Report::new(false, false).failure(&cancelled);
    // Not dropped, so that no thread continues.
    std::mem::forget(gate);
    std::process::exit(i32::from(ErrorKind::Cancelled.code()))
}

/// Removes a file or directory. Other threads may still write to a directory until they wait for
/// the lock.
fn remove(path: &Path) {
    for _ in 0..REMOVALS {
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            _ => return,
        }
    }
}

fn locked<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const REMOVALS: usize = 100;
