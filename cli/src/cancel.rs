//! Signals: what is half made is removed, and the run ends with 130. Nothing is cut in the middle
//! of a rename or a rewrap in place.

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

/// Files and folders of this run that must not outlive it.
static PENDING: Mutex<Vec<(PathBuf, Option<File>)>> = Mutex::new(Vec::new());
/// Readers are steps that a signal waits for; the writer is the end of the run.
static GATE: RwLock<()> = RwLock::new(());
/// Whether a thread waits for signals.
#[cfg(unix)]
static LISTENING: Mutex<bool> = Mutex::new(false);
/// How the terminal was before it stopped to echo.
static TERMINAL: Mutex<Option<Terminal>> = Mutex::new(None);

/// Removed when a signal ends the run, until this is dropped.
pub(crate) struct Pending(PathBuf);

impl Pending {
    /// `file` is the open file, if it is one.
    pub(crate) fn new(path: &Path, file: Option<File>) -> Self {
        locked(&PENDING).push((path.to_owned(), file));
        Self(path.to_owned())
    }
}

impl Pending {
    /// Returns the open file, which is complete: nothing of it needs to be stored any more before
    /// it is removed.
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

/// While this lives, a signal waits. For a few system calls only.
pub(crate) fn hold() -> RwLockReadGuard<'static, ()> {
    GATE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a prompt; a signal meanwhile gives the terminal its echo back.
pub(crate) fn with_terminal<T>(prompt: impl FnOnce() -> T) -> Result<T> {
    listen()?;
    *locked(&TERMINAL) = Terminal::save();
    let answer = prompt();
    *locked(&TERMINAL) = None;
    Ok(answer)
}

/// From now on signals wait until something [`listen`]s, or until a run is over that is too brief
/// for a thread to pay.
#[cfg(unix)]
pub(crate) fn block() -> Result<()> {
    watched().thread_block().map_err(|error| failed(error.into()))
}

/// Starts to listen, if nothing does yet; later threads block signals as this one does. Signals
/// that whoever started the run had it ignore (`nohup`) are ignored.
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

/// The run is over: a signal that waited, and was not listened to, ends the process as the system
/// does.
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

/// The system ends the run; what it leaves behind, the next run sweeps.
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

/// Removes what is pending and ends.
#[cfg_attr(not(unix), allow(dead_code, reason = "no signal is watched there"))]
fn end() -> ! {
    let gate = GATE.write().unwrap_or_else(PoisonError::into_inner);
    for (path, file) in locked(&PENDING).iter() {
        // What is removed while it is written comes back on some mounts when it is closed.
        let _ = file.as_ref().map(filesystem::flush);
        remove(path);
    }
    if let Some(terminal) = locked(&TERMINAL).take() {
        terminal.restore();
    }
    progress::clear();
    let cancelled = Failure::new(ErrorKind::Cancelled, "cancelled");
    Report::new(false, false).failure(&cancelled);
    // Not dropped: nobody goes on.
    std::mem::forget(gate);
    std::process::exit(i32::from(ErrorKind::Cancelled.code()))
}

/// A folder may still be written into, until the next file waits at the gate.
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
