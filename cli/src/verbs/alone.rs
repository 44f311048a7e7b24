//! One process at a time changes an object, and it changes the one that it read.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::path::Path;

use keystead::ErrorClass;

use crate::failure::{Failure, Result};
use crate::platform::{self, FileId};
use crate::report::shown;

/// Locks a file until it is closed. `read` is the file that was looked at before.
pub(super) fn hold(file: &File, path: &Path, read: Option<FileId>) -> Result<()> {
    lock(file, path)?;
    check_same(file, path, read)
}

/// Two rewraps of one file at a time would tear it.
fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let what = format!("{}: another process is changing it", shown(path));
            Err(Failure::new(ErrorClass::Io, what).hint("wait for it, and try again"))
        }
        // A file system without locks: the side file is made exclusively all the same.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(Failure::io(path, error)),
    }
}

/// Another process may have replaced the file before it was locked.
fn check_same(file: &File, path: &Path, read: Option<FileId>) -> Result<()> {
    let id = |metadata: io::Result<Metadata>| {
        metadata
            .and_then(|metadata| platform::file_id(path, &metadata))
            .map_err(|error| Failure::io(path, error))
    };
    let found = id(file.metadata())?;
    if found == id(path.metadata())? && read.is_none_or(|read| read == found) {
        return Ok(());
    }
    let what = format!("{}: another process replaced it", shown(path));
    Err(Failure::new(ErrorClass::Io, what).hint("nothing was changed; run it again"))
}
