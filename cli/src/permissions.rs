//! The permissions of outputs. Not every file system keeps those that a file is given, so they are
//! read back where they keep a secret.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::platform;
use crate::report::{Report, shown};

/// Sets the permissions of an output; `path` is the name that it will get. A file system that
/// cannot is no error: a file is created private, or shown as that file system shows all files.
pub(crate) fn set(file: &File, path: &Path, mode: u32) {
    let _ = platform::set_mode(file, mode);
    check(file, path, mode);
}

/// Remembers an output that more people may read than its permissions say.
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

/// Warns of a secret key or a plaintext that others may read, once a run.
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
/// What the group and all others may do.
const OTHERS: u32 = 0o077;
