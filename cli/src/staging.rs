//! Creates private files and directories next to an output. They take its name when they are
//! complete. The run that owns one holds a lock on it; one without a lock is left over from a
//! killed run, and the next run that writes the same output removes it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::cancel::{self, Pending};
use crate::filesystem;
use crate::output::parent_dir;
use crate::platform::{self, At, is_still_at};
use crate::private_names::{self, ATTEMPTS, DIR_ITSELF, Part, private_name};
use crate::publish::{PublishError, rename_new};

/// A private file. Dropped without [`PrivateFile::persist`], it is removed.
pub(crate) struct PrivateFile {
    file: File,
    path: PathBuf,
    /// `None` once it has its final name.
    pending: Option<Pending>,
}

impl PrivateFile {
    /// Creates the private file for an output.
    pub(crate) fn create(output: &Path) -> io::Result<Self> {
        for path in candidate_names(parent_dir(output), name_of(output)) {
            let hold = cancel::hold();
            match platform::create_side(&path) {
                Ok(file) => {
                    let temp = Self::new(file, path);
                    drop(hold);
                    // Without file locks there is no cleanup either.
                    let _ = temp.file.lock();
                    // Before it was locked, another run may have taken it for a leftover and
                    // removed it, and a third one may have created its own there.
                    if is_still_at(&temp.file, At::path(&temp.path)) {
                        return Ok(temp);
                    }
                    if temp.abandon() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        let _hold = cancel::hold();
        create_random(parent_dir(output), platform::create_side)
            .map(|(file, path)| Self::new(file, path))
    }

    fn new(file: File, path: PathBuf) -> Self {
        let pending = Some(Pending::new(&path, file.try_clone().ok()));
        Self { file, path, pending }
    }

    /// Gives the path up without removing the file, which may be another run's. Returns whether one
    /// exists.
    fn abandon(mut self) -> bool {
        self.pending = None;
        self.path.symlink_metadata().is_ok()
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn file_mut(&mut self) -> &mut File {
        &mut self.file
    }

    /// Stores the written bytes, as far as closing does that.
    pub(crate) fn flush(&self) -> io::Result<()> {
        match self.pending.as_ref().and_then(Pending::take_file) {
            Some(file) => filesystem::close(file),
            None => filesystem::flush(&self.file),
        }
    }

    /// Renames it to its final name, in one step that no signal interrupts.
    pub(crate) fn persist(mut self, path: &Path, replace: bool) -> Result<(), PublishError> {
        let _hold = cancel::hold();
        if replace {
            let renamed = std::fs::rename(&self.path, path);
            renamed.map_err(|error| PublishError::new("renaming it over the old file", error))?;
        } else {
            rename_new(At::path(&self.path), At::path(path))?;
        }
        self.pending = None;
        Ok(())
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        if self.pending.is_some() {
            // On some mounts a file that is removed before it is closed reappears.
            let _ = self.flush();
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A private directory and everything in it. Dropped without [`PrivateDir::persist`], it is
/// removed.
pub(crate) struct PrivateDir {
    path: PathBuf,
    /// `None` once it has its final name.
    pending: Option<Pending>,
    /// `None` where a directory cannot be opened, or another run removed it.
    lock: Option<File>,
}

impl PrivateDir {
    /// Creates the private directory for an output that is a directory.
    pub(crate) fn create(output: &Path) -> io::Result<Self> {
        Self::create_as(parent_dir(output), name_of(output))
    }

    /// Creates a private directory inside a directory, for outputs in it.
    pub(crate) fn create_in(folder: &Path) -> io::Result<Self> {
        Self::create_as(folder, OsStr::new(DIR_ITSELF))
    }

    fn create_as(folder: &Path, name: &OsStr) -> io::Result<Self> {
        for path in candidate_names(folder, name) {
            let hold = cancel::hold();
            match platform::create_private_dir(&path) {
                Ok(()) => {
                    let temp = Self::new(path)?;
                    drop(hold);
                    // As above. Where directories cannot be opened, there is no cleanup.
                    let is_ours = match &temp.lock {
                        Some(lock) => {
                            let _ = lock.lock();
                            platform::is_locked_by(lock, &temp.path)
                        }
                        None => temp.path.symlink_metadata().is_ok(),
                    };
                    if is_ours {
                        return Ok(temp);
                    }
                    if temp.abandon() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        let _hold = cancel::hold();
        create_random(folder, platform::create_private_dir).and_then(|((), path)| Self::new(path))
    }

    fn new(path: PathBuf) -> io::Result<Self> {
        let pending = Some(Pending::new(&path, None));
        let lock = match platform::dir_lock(&path) {
            // Another name would not help.
            Err(error) if platform::is_out_of_files(&error) => {
                let _ = std::fs::remove_dir(&path);
                return Err(error);
            }
            lock => lock.ok(),
        };
        Ok(Self { path, pending, lock })
    }

    /// Gives the path up without removing the file, which may be another run's. Returns whether one
    /// exists.
    fn abandon(mut self) -> bool {
        self.pending = None;
        self.path.symlink_metadata().is_ok()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames it to its final name, unless that is taken.
    pub(crate) fn persist(mut self, path: &Path) -> Result<(), PublishError> {
        let _hold = cancel::hold();
        let renamed = platform::rename_dir(&self.path, path);
        renamed.map_err(|error| PublishError::new("renaming the finished directory", error))?;
        self.pending = None;
        Ok(())
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if self.pending.is_some() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes leftovers of killed runs for an output: private files and directories, and a claim. A
/// failure is ignored: the next run tries again.
pub(crate) fn remove_leftovers(output: &Path) {
    sweep_names(parent_dir(output), name_of(output));
    #[cfg(unix)]
    crate::claim::recover(At::path(output));
}

/// Removes leftovers of killed runs in a directory that they filled. Returns whether there were
/// any.
pub(crate) fn remove_leftovers_in(folder: &Path) -> bool {
    sweep_names(folder, OsStr::new(DIR_ITSELF))
}

/// Removes leftovers under the private names. Each lookup costs a request on cloud mounts, so a few
/// free names in a row end the search.
fn sweep_names(folder: &Path, name: &OsStr) -> bool {
    let (mut free, mut found) = (0, false);
    for number in 0..ATTEMPTS {
        if free == MAX_FREE_NAMES {
            break;
        }
        let path = folder.join(private_name(name, Part::Attempt(number)));
        let is_taken = remove_leftover(&path);
        found |= is_taken;
        free = if is_taken { 0 } else { free + 1 };
    }
    found
}

/// Returns the names to try, each twice: a leftover is removed before the second attempt.
fn candidate_names(folder: &Path, name: &OsStr) -> impl Iterator<Item = PathBuf> {
    (0..ATTEMPTS).flat_map(move |number| {
        let path = folder.join(private_name(name, Part::Attempt(number)));
        let again = path.clone();
        [path].into_iter().chain(std::iter::once_with(move || {
            remove_leftover(&again);
            again
        }))
    })
}

/// Creates something under a random name, where all others are taken.
fn create_random<T>(
    folder: &Path,
    mut make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(T, PathBuf)> {
    // The error of `tempfile` hides the system's.
    let mut number = None;
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(private_names::PREFIX)
        .suffix(private_names::SUFFIX)
        .rand_bytes(private_names::MIDDLE);
    let made = builder
        .make_in(folder, |path| make(path).inspect_err(|error| number = error.raw_os_error()));
    let made = made.map_err(|error| number.map_or(error, io::Error::from_raw_os_error))?;
    let (made, path) = made.keep().map_err(|kept| kept.error)?;
    Ok((made, path))
}

/// Removes an unlocked regular file or directory of our own user, without following links. Returns
/// whether something was there.
fn remove_leftover(path: &Path) -> bool {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
        Err(_) => return true,
        Ok(found) => found,
    };
    let is_dir = found.is_dir();
    let lock = if is_dir { platform::dir_lock(path) } else { platform::open_side(path) };
    let Ok(lock) = lock else { return true };
    let ours = platform::is_mine(&found) && (is_dir || found.is_file());
    if !ours || lock.try_lock().is_err() {
        return true;
    }
    if is_dir && platform::is_locked_by(&lock, path) {
        // A directory may be large, so a signal thread is started if possible.
        let _ = cancel::listen();
        let _ = std::fs::remove_dir_all(path);
    } else if is_still_at(&lock, At::path(path)) {
        let _ = std::fs::remove_file(path);
    }
    true
}

fn name_of(output: &Path) -> &OsStr {
    output.file_name().unwrap_or_default()
}

/// Free names in a row that end the search for leftovers.
const MAX_FREE_NAMES: u8 = 3;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn part(output: &Path, part: Part) -> PathBuf {
        output.with_file_name(private_name(name_of(output), part))
    }

    #[test]
    fn a_leftover_goes_and_a_file_at_work_stays() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("made");
        let at_work = PrivateFile::create(&output).unwrap();
        assert_eq!(at_work.path, part(&output, Part::Attempt(0)));
        let leftover = part(&output, Part::Attempt(2));
        let others = [part(&dir.path().join("other"), Part::Attempt(0)), dir.path().join("a.tmp")];
        for name in [&leftover, &others[0], &others[1]] {
            std::fs::write(name, "x").unwrap();
        }
        remove_leftovers(&output);
        assert!(!leftover.exists());
        assert!(others.iter().all(|name| name.exists()));
        assert!(is_still_at(at_work.file(), At::path(&at_work.path)));
        at_work.persist(&output, false).unwrap();
        assert!(output.exists());
    }

    #[test]
    fn every_run_at_work_has_its_own_name_and_what_a_killed_one_left_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("made");
        let many = usize::from(ATTEMPTS) + 2;
        let at_work: Vec<_> = (0..many).map(|_| PrivateFile::create(&output).unwrap()).collect();
        assert_eq!(dir.path().read_dir().unwrap().count(), many);
        drop(at_work);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        // What cannot be removed, such as another kind of thing, is passed over.
        let [first, second] = [0, 1].map(|number| part(&output, Part::Attempt(number)));
        std::os::unix::fs::symlink("nowhere", &first).unwrap();
        std::fs::create_dir(&second).unwrap();
        assert_eq!(PrivateFile::create(&output).unwrap().path, second);
        assert!(first.symlink_metadata().is_ok());
        let folder = PrivateDir::create_in(dir.path()).unwrap();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        let path = folder.path().to_owned();
        remove_leftovers_in(dir.path());
        assert!(path.exists());
        folder.abandon();
        remove_leftovers_in(dir.path());
        assert!(!path.exists());
    }
}
