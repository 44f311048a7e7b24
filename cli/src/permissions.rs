//! Sets the permissions of outputs. Not every file system keeps them, so they are read back where
//! they protect a secret.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::platform;
use crate::report::{Report, shown};

/// Sets the permissions of an output; `path` is the name that it will get. A failure is no error:
/// the file was created private, or has the permissions that its file system shows for all files.
pub(crate) fn set(file: &File, path: &Path, mode: u32) {
    let _ = platform::set_mode(file, mode);
    check(file, path, mode);
}

/// Remembers an output that is readable by more users than its permissions say.
pub(crate) fn check(file: &File, path: &Path, mode: u32) {
    if mode & OTHERS != 0 {
        return;
    }
    let found = platform::mode_of(file).unwrap_or(mode);
    if found & OTHERS != 0 {
        let mut exposed = EXPOSED.lock().unwrap_or_else(PoisonError::into_inner);
        exposed.get_or_insert_with(|| (path.to_owned(), found));
    }
}

/// Warns once per run of a secret key or a plaintext that others may read.
pub(crate) fn warn_of_exposed(report: &Report) {
    let exposed = EXPOSED.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((path, mode)) = exposed {
        report.hint(&format!(
            "{}: the file system does not keep permissions and shows it as mode {mode:o}, so \
             others may read it; write secrets to another one",
            shown(&path)
        ));
    }
}

static EXPOSED: Mutex<Option<(PathBuf, u32)>> = Mutex::new(None);
/// Permissions of group and others.
const OTHERS: u32 = 0o077;
