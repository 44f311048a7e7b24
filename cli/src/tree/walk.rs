//! Walks a directory in byte order of the names, each directory before its contents.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use super::dir_handle::{DirHandle, Kind, Name};
use super::skip_reason::SkipReason;
use crate::cancel;
use crate::failure::{Failure, Result};
use crate::private_names::is_private;
use crate::report::shown;

/// A file in a directory that is held open.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    dir: Arc<DirHandle>,
    name: OsString,
    /// Its path, for messages and for files next to it.
    pub(crate) path: PathBuf,
    /// Its path relative to the root of the walk.
    pub(crate) below: PathBuf,
}

impl Entry {
    /// Makes an entry of a name in an open directory.
    pub(super) fn new(dir: Arc<DirHandle>, name: OsString, path: PathBuf) -> Self {
        Self { dir, below: PathBuf::from(&name), name, path }
    }

    /// Opens it. By now it may be something other than a file.
    pub(crate) fn open(&self) -> Result<File> {
        self.open_file().map_err(|error| Failure::io(&self.path, error))
    }

    /// Opens it like [`open`](Self::open), but returns the system's error.
    pub(crate) fn open_file(&self) -> std::io::Result<File> {
        self.dir.file(&self.name, &self.path)
    }

    /// Returns its current length.
    pub(crate) fn len(&self) -> Option<u64> {
        self.dir.status(&self.name, &self.path).ok()??.len
    }

    /// Removes it, in one step that no signal interrupts.
    pub(crate) fn remove(&self) -> Result<()> {
        let _hold = cancel::hold();
        let removed = self.dir.remove(&self.name, &self.path);
        removed.map_err(|error| Failure::io(&self.path, error))
    }

    pub(crate) fn is_gone(&self) -> Failure {
        let what = format!("{}: something else took its place", shown(&self.path));
        Failure::new(keystead::ErrorKind::Io, what).hint("run it again")
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Entry {}

/// An item of a walk.
pub(crate) enum Found {
    File(Entry),
    /// A directory and its path relative to the root of the walk.
    Directory {
        path: PathBuf,
        below: PathBuf,
        /// Permissions for a copy of the directory.
        mode: std::io::Result<u32>,
    },
    /// Not read, with the reason.
    Skipped {
        path: PathBuf,
        why: SkipReason,
    },
    /// A directory that cannot be read.
    Failed {
        path: PathBuf,
        failure: Failure,
    },
}

pub(crate) struct Walk {
    levels: Vec<Level>,
}

/// A directory and the names in it that are left.
struct Level {
    dir: Arc<DirHandle>,
    path: PathBuf,
    below: PathBuf,
    names: vec::IntoIter<Name>,
}

impl Walk {
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let failed = |error| Failure::io(root, error);
        let dir = DirHandle::open(root).map_err(failed)?;
        let level = Level::new(dir, root.to_owned(), PathBuf::new()).map_err(failed)?;
        Ok(Self { levels: vec![level] })
    }

    /// Returns the permissions for a copy of the root.
    pub(crate) fn root_mode(&self) -> std::io::Result<u32> {
        self.levels.first().map_or(Ok(PRIVATE_DIR), |level| level.dir.mode(&level.path))
    }

    /// Skips the contents of the directory that was found last.
    pub(crate) fn leave(&mut self) {
        self.levels.pop();
    }
}

impl Level {
    fn new(dir: DirHandle, path: PathBuf, below: PathBuf) -> std::io::Result<Self> {
        let names = dir.names(&path)?.into_iter();
        Ok(Self { dir: Arc::new(dir), path, below, names })
    }
}

const PRIVATE_DIR: u32 = 0o700;

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let level = self.levels.last_mut()?;
            let Some((name, kind)) = level.names.next() else {
                self.levels.pop();
                continue;
            };
            let (path, below) = (level.path.join(&name), level.below.join(&name));
            if is_private(&name) {
                return Some(Found::Skipped { path, why: SkipReason::Private });
            }
            let kind = match kind.map_or_else(|| level.dir.kind(&name, &path), Ok) {
                Ok(kind) => kind,
                Err(error) => {
                    return Some(Found::Failed { failure: Failure::io(&path, error), path });
                }
            };
            return Some(match kind {
                Kind::File => {
                    let dir = Arc::clone(&level.dir);
                    Found::File(Entry { dir, name, path, below })
                }
                Kind::Other(why) => Found::Skipped { path, why },
                Kind::Directory => {
                    let inner = level.dir.dir(&name, &path);
                    match inner.and_then(|f| Level::new(f, path.clone(), below.clone())) {
                        Ok(inner) => {
                            let mode = inner.dir.mode(&path);
                            self.levels.push(inner);
                            Found::Directory { path, below, mode }
                        }
                        Err(error) => Found::Failed { failure: Failure::io(&path, error), path },
                    }
                }
            });
        }
    }
}
