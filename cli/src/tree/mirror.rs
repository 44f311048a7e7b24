//! The folder that takes the outputs of a folder's files: the same folders, under another name.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::output::folder_of;
use crate::platform;
use crate::report::shown;
use crate::temp;

/// Where a folder is mirrored to.
pub(crate) struct Mirror {
    root: PathBuf,
    sync: bool,
}

impl Mirror {
    /// Makes the root of the mirror of `input`; one that is there is filled up.
    pub(crate) fn new(input: &Path, root: &Path, sync: bool) -> Result<Self> {
        let real = input.canonicalize().map_err(|error| Failure::io(input, error))?;
        if resolved(root)?.starts_with(&real) {
            let what = format!("{}: the output folder is in the input folder", shown(root));
            return Err(Failure::usage(what).hint("name a folder elsewhere with -o"));
        }
        let mirror = Self { root: root.to_owned(), sync };
        if root.is_dir() {
            temp::sweep(root);
        } else {
            mirror.make(root, input)?;
        }
        Ok(mirror)
    }

    /// Where the output of a file goes that lies `below` the input folder.
    pub(crate) fn place(&self, below: &Path) -> PathBuf {
        self.root.join(below)
    }

    /// Makes the mirror of a folder; one that is there is taken, a link to one is not.
    pub(crate) fn folder(&self, input: &Path, below: &Path) -> Result<()> {
        let path = self.root.join(below);
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => {
                temp::sweep(&path);
                Ok(())
            }
            Ok(_) => {
                let what = format!("{}: something is in the way of a folder", shown(&path));
                Err(Failure::usage(what).hint("move it away, or name another place with -o"))
            }
            Err(_) => self.make(&path, input),
        }
    }

    fn make(&self, path: &Path, input: &Path) -> Result<()> {
        let failed = |error| Failure::io(path, error);
        let like = input.metadata().map_err(|error| Failure::io(input, error))?;
        platform::create_dir_like(path, &like).map_err(failed)?;
        if self.sync { platform::sync_dir(folder_of(path)).map_err(failed) } else { Ok(()) }
    }
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> Result<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let folder = folder_of(path);
    let real = folder.canonicalize().map_err(|error| Failure::io(folder, error))?;
    Ok(real.join(path.file_name().unwrap_or_default()))
}
