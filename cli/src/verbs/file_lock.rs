//! Locks objects, so that one process at a time changes an object, and changes the one that it
//! read.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use keystead::ErrorKind;

use crate::attributes;
use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::output;
use crate::platform::{self, FileId};
use crate::report::shown;

/// The lock of a file: no other process changes it while a clone of this lives.
pub(super) type Lock = Arc<File>;

/// Files that this run has locked. A hard link to one of them shares the lock: a file with other
/// names is never changed in place.
static LOCKED: Mutex<BTreeMap<FileId, Weak<File>>> = Mutex::new(BTreeMap::new());

/// Locks a file. `read` is the identity of the file that was read before.
pub(super) fn lock(file: &File, path: &Path, read: Option<&FileId>) -> Result<Lock> {
    let metadata = file.metadata().map_err(|error| Failure::io(path, error))?;
    let id = id_of(&metadata, path)?;
    let lock = lock_once(file, path, &id, attributes::other_names(&metadata) > 0)?;
    let named = path.metadata().map_err(|error| Failure::io(path, error))?;
    if id == id_of(&named, path)? && read.is_none_or(|read| *read == id) {
        return Ok(lock);
    }
    // Another process replaced the file before it was locked.
    Err(output::is_replaced(path))
}

/// Retries where the file has other names: another thread of this run may hold the lock for a
/// moment longer.
fn lock_once(file: &File, path: &Path, id: &FileId, may_share: bool) -> Result<Lock> {
    let again = if may_share { TRIES } else { 0 };
    for _ in 0..again {
        if let Ok(lock) = try_lock_once(file, path, id, may_share) {
            return Ok(lock);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    try_lock_once(file, path, id, may_share)
}

fn try_lock_once(file: &File, path: &Path, id: &FileId, may_share: bool) -> Result<Lock> {
    let mut locked = LOCKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Some(lock), true) = (locked.get(id).and_then(Weak::upgrade), may_share) {
        return Ok(lock);
    }
    try_lock(file, path)?;
    let lock = Arc::new(file.try_clone().map_err(|error| Failure::io(path, error))?);
    locked.retain(|_, lock| lock.strong_count() > 0);
    locked.insert(id.clone(), Arc::downgrade(&lock));
    Ok(lock)
}

/// Attempts, a millisecond apart, for a lock that this run may still hold.
const TRIES: usize = 200;

/// Takes the lock. Two rewraps of one file at a time would tear it.
fn try_lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let what = format!("{}: another process is changing it", shown(path));
            Err(Failure::new(ErrorKind::Io, what).hint("wait for it, and try again"))
        }
        // Without locks, the exclusive side file still protects the object.
        Err(TryLockError::Error(error)) if filesystem::is_unsupported(&error) => Ok(()),
        Err(TryLockError::Error(error)) => Err(Failure::io(path, error)),
    }
}

fn id_of(metadata: &Metadata, path: &Path) -> Result<FileId> {
    platform::file_id(path, metadata).map_err(|error| Failure::io(path, error))
}
