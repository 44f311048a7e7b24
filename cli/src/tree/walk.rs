//! Walks a folder: everything in it, in the order of the names' bytes, each folder before what it
//! holds.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use super::dir_handle::{DirHandle, Kind, Name};
use crate::failure::{Failure, Result};
use crate::private_names::is_private;
use crate::report::shown;

/// A file in a folder that is held open.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    folder: Arc<DirHandle>,
    name: OsString,
    /// Where it lies, for people and for what is made beside it.
    pub(crate) path: PathBuf,
    /// The same below the folder that is walked.
    pub(crate) below: PathBuf,
}

impl Entry {
    /// A name in an open folder.
    pub(super) fn new(folder: Arc<DirHandle>, name: OsString, path: PathBuf) -> Self {
        Self { folder, below: PathBuf::from(&name), name, path }
    }

    /// What lies there by now, which may be something else than a file.
    pub(crate) fn open(&self) -> Result<File> {
        self.open_file().map_err(|error| Failure::io(&self.path, error))
    }

    /// [`open`](Self::open), with the system's error.
    pub(crate) fn open_file(&self) -> std::io::Result<File> {
        self.folder.file(&self.name, &self.path)
    }

    /// Its length at this moment.
    pub(crate) fn len(&self) -> Option<u64> {
        self.folder.status(&self.name, &self.path).ok()??.len
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

/// What a walk comes by.
pub(crate) enum Found {
    File(Entry),
    /// A folder, and its place below the folder that is walked.
    Folder {
        path: PathBuf,
        below: PathBuf,
        /// Permissions for a folder made like it.
        mode: std::io::Result<u32>,
    },
    /// Not read, and why.
    Skipped {
        path: PathBuf,
        why: &'static str,
    },
    /// A folder that cannot be read.
    Failed {
        path: PathBuf,
        failure: Failure,
    },
}

pub(crate) struct Walk {
    levels: Vec<Level>,
}

/// A folder, and what is left of it.
struct Level {
    folder: Arc<DirHandle>,
    path: PathBuf,
    below: PathBuf,
    names: vec::IntoIter<Name>,
}

impl Walk {
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let failed = |error| Failure::io(root, error);
        let folder = DirHandle::open(root).map_err(failed)?;
        let level = Level::new(folder, root.to_owned(), PathBuf::new()).map_err(failed)?;
        Ok(Self { levels: vec![level] })
    }

    /// Permissions for a folder made like the one that is walked.
    pub(crate) fn root_mode(&self) -> std::io::Result<u32> {
        self.levels.first().map_or(Ok(PRIVATE_FOLDER), |level| level.folder.mode(&level.path))
    }

    /// Leaves out what is in the folder that was found last.
    pub(crate) fn leave(&mut self) {
        self.levels.pop();
    }
}

impl Level {
    fn new(folder: DirHandle, path: PathBuf, below: PathBuf) -> std::io::Result<Self> {
        let names = folder.names(&path)?.into_iter();
        Ok(Self { folder: Arc::new(folder), path, below, names })
    }
}

const PRIVATE_FOLDER: u32 = 0o700;

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
                return Some(Found::Skipped { path, why: "a temporary file of keystead's own" });
            }
            let kind = match kind.map_or_else(|| level.folder.kind(&name, &path), Ok) {
                Ok(kind) => kind,
                Err(error) => {
                    return Some(Found::Failed { failure: Failure::io(&path, error), path });
                }
            };
            return Some(match kind {
                Kind::File => {
                    let folder = Arc::clone(&level.folder);
                    Found::File(Entry { folder, name, path, below })
                }
                Kind::Other(why) => Found::Skipped { path, why },
                Kind::Folder => {
                    let inner = level.folder.folder(&name, &path);
                    match inner.and_then(|f| Level::new(f, path.clone(), below.clone())) {
                        Ok(inner) => {
                            let mode = inner.folder.mode(&path);
                            self.levels.push(inner);
                            Found::Folder { path, below, mode }
                        }
                        Err(error) => Found::Failed { failure: Failure::io(&path, error), path },
                    }
                }
            });
        }
    }
}
