//! Private files and folders beside an output that take its name when they are complete. The run
//! that owns one holds a lock on it; one without a lock is a killed run's, and the next run that
//! writes in the folder removes it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::cancel::{self, Pending};
use crate::platform;

/// A private file. Dropped without [`Temp::persist`], it is removed.
pub(crate) struct Temp {
    file: NamedTempFile,
    pending: Pending,
}

impl Temp {
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let hold = cancel::hold();
            // tempfile's error hides the system's.
            let mut number = None;
            let make = |path: &Path| {
                platform::create_side(path).inspect_err(|error| number = error.raw_os_error())
            };
            let file = builder()
                .make_in(folder, make)
                .map_err(|error| number.map_or(error, io::Error::from_raw_os_error))?;
            let temp = Self { pending: Pending::new(file.path()), file };
            drop(hold);
            // A file system without locks has no sweeping either.
            let _ = temp.file().lock();
            // Before it was locked, it looked like a killed run's, and another run may have swept
            // it.
            if is_at(temp.file(), temp.file.path()) {
                return Ok(temp);
            }
        }
        Err(io::Error::other("the temporary file was removed by another process"))
    }

    pub(crate) fn file(&self) -> &File {
        self.file.as_file()
    }

    pub(crate) fn file_mut(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Gives it its name, in one step that no signal cuts.
    pub(crate) fn persist(self, path: &Path, replace: bool) -> io::Result<()> {
        let Self { file, pending } = self;
        let hold = cancel::hold();
        let named =
            if replace { file.persist(path) } else { file.persist_noclobber(path) }.map(drop);
        drop(hold);
        drop(pending);
        named.map_err(|error| error.error)
    }
}

/// A private folder, and all that is in it. Dropped without [`TempFolder::persist`], it is removed.
pub(crate) struct TempFolder {
    path: PathBuf,
    /// Nothing once it has another name.
    pending: Option<Pending>,
    lock: File,
}

impl TempFolder {
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let hold = cancel::hold();
            let mut number = None;
            let make = |path: &Path| {
                platform::create_private_dir(path)
                    .inspect_err(|error| number = error.raw_os_error())
            };
            let made = builder()
                .make_in(folder, make)
                .map_err(|error| number.map_or(error, io::Error::from_raw_os_error))?;
            let path = made.into_temp_path().keep().map_err(|kept| kept.error)?;
            let pending = Some(Pending::new(&path));
            drop(hold);
            let lock = match platform::folder_lock(&path) {
                Ok(lock) => lock,
                // Swept by another run, which took it for a killed run's.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let _ = std::fs::remove_dir(&path);
                    return Err(error);
                }
            };
            let _ = lock.lock();
            let temp = Self { path, pending, lock };
            // See above: what another run swept is made again.
            if platform::is_locked_by(&temp.lock, &temp.path) {
                return Ok(temp);
            }
        }
        Err(io::Error::other("the temporary folder was removed by another process"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, unless that is taken.
    pub(crate) fn persist(mut self, path: &Path) -> io::Result<()> {
        let _hold = cancel::hold();
        platform::rename_folder(&self.path, path)?;
        self.pending = None;
        Ok(())
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        if self.pending.is_some() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes what killed runs left in a folder, once a run. Failing is no error: the next run tries
/// again.
pub(crate) fn sweep(folder: &Path) {
    if !SWEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned()) {
        return;
    }
    let mut left = Vec::new();
    let _ = platform::for_each_name(folder, |name| {
        if is_temp_name(name) {
            left.push(folder.join(name));
        }
    });
    if !left.is_empty() {
        // A folder may be large. Without a thread it is removed all the same.
        let _ = cancel::listen();
    }
    left.iter().for_each(|path| remove_leftover(path));
}

/// Whether a name is one of ours.
pub(crate) fn is_temp_name(name: &OsStr) -> bool {
    let middle = name
        .to_str()
        .and_then(|name| name.strip_prefix(PREFIX))
        .and_then(|name| name.strip_suffix(SUFFIX));
    middle.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Regular files and folders of our own user that nobody has locked; links are not followed.
fn remove_leftover(path: &Path) {
    let Ok(found) = path.symlink_metadata() else { return };
    let is_dir = found.is_dir();
    let lock = if is_dir { platform::folder_lock(path) } else { platform::open_side(path) };
    let Ok(lock) = lock else { return };
    let ours = platform::is_mine(&found) && (is_dir || found.is_file());
    let free = match lock.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    };
    if !ours || !free {
        return;
    }
    if is_dir && platform::is_locked_by(&lock, path) {
        let _ = std::fs::remove_dir_all(path);
    } else if is_at(&lock, path) {
        let _ = std::fs::remove_file(path);
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX).rand_bytes(RANDOM);
    builder
}

/// Whether the open file is still what lies at its path.
fn is_at(file: &File, path: &Path) -> bool {
    let id = |metadata: io::Result<std::fs::Metadata>| {
        metadata.and_then(|metadata| platform::file_id(path, &metadata)).ok()
    };
    let open = id(file.metadata());
    open.is_some() && open == id(path.symlink_metadata())
}

/// Folders that this run has swept.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

const PREFIX: &str = ".keystead-";
const SUFFIX: &str = ".tmp";
/// Letters and digits between the two.
const RANDOM: usize = 12;
const TRIES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leftover_goes_and_a_file_at_work_stays() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let at_work = Temp::create(dir).unwrap();
        let leftover = dir.join(".keystead-abcdefghijkl.tmp");
        let others = [".keystead-abc.tmp", ".keystead-abcdefghijkl.tmp.txt", "a.tmp"];
        for name in others.iter().map(|name| dir.join(name)).chain([leftover.clone()]) {
            std::fs::write(name, "x").unwrap();
        }
        sweep(dir);
        assert!(!leftover.exists());
        assert!(others.iter().all(|name| dir.join(name).exists()));
        assert!(is_at(at_work.file(), at_work.file.path()));
        at_work.persist(&dir.join("made"), false).unwrap();
        assert!(dir.join("made").exists());
    }
}
