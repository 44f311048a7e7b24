//! Writes the outputs of a directory's files to an output tree, with the same subdirectories. A new
//! tree is built in a private directory that is renamed in one step; an existing one is filled file
//! by file.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::dir_handle::DirHandle;
use super::output_file::OutputPath;
use crate::cancel;
use crate::conflicts;
use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::output::parent_dir;
use crate::platform;
use crate::publish::PublishError;
use crate::report::shown;
use crate::staging::{self, PrivateDir};

/// A tree of outputs.
pub(crate) struct OutputTree {
    /// Its path, once it is public.
    root: PathBuf,
    pub(super) sync: bool,
    pub(super) limits: PublishLimits,
    /// Whether it is the input directory itself, so that outputs replace their inputs.
    in_place: bool,
    /// Number of files that are published after one sync.
    batch: usize,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether a file was made in it.
    has_files: AtomicBool,
    /// Whether another run is filling it, or was killed while filling it.
    pub(super) is_shared: bool,
}

/// How much is written before any of it appears: the most that a killed run loses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishLimits {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Before a longer file is begun, everything that is complete is published.
    pub(crate) file: u64,
}

/// Maximum number of files published after one sync, which waits for the whole file system.
const BATCH: usize = 2_048;

/// Limits of every run.
pub(crate) const LIMITS: PublishLimits =
    PublishLimits { files: 20_000, bytes: 1 << 30, file: 64 << 20 };

struct State {
    phase: Phase,
    /// Number of files being written in the private directory.
    writing: u64,
    /// Complete files there, and their bytes.
    files: u64,
    bytes: u64,
    /// Whether anything was written since the last sync.
    dirty: bool,
    /// Directories written since the last sync, where the file system is not synced as a whole.
    touched: Vec<PathBuf>,
}

enum Phase {
    /// The whole tree is private, with the mode that it will get.
    Private(PrivateDir, u32),
    /// The tree is being renamed.
    Publishing,
    /// The tree has its name. Files are staged in a private directory in it.
    Public(Option<Arc<StagingDir>>),
    Failed(Failure),
}

/// The private directory in a public tree in which files are staged.
pub(super) struct StagingDir {
    pub(super) dir: DirHandle,
    pub(super) temp: PrivateDir,
    names: AtomicU64,
}

/// Where a file is written.
pub(super) enum WriteTarget {
    /// Under its final name, in a private tree.
    InPlace(WriteGuard),
    /// Under a number in the staging directory.
    Staged(Arc<StagingDir>, String),
}

/// Keeps the tree private while a file is being written in it.
pub(super) struct WriteGuard(Arc<OutputTree>);

impl OutputTree {
    /// Creates the output tree of `input` at `root`, or fills an existing one.
    pub(crate) fn new(
        input: &Path,
        mode: u32,
        root: &Path,
        sync: bool,
        limits: PublishLimits,
    ) -> Result<(Arc<Self>, DirStack)> {
        let real = input.canonicalize().map_err(|error| Failure::io(input, error))?;
        let place = resolved(root)?;
        if place.starts_with(&real) {
            let what = format!("{}: the output directory is in the input directory", shown(root));
            return Err(Failure::usage(what).hint("name a directory elsewhere with -o"));
        }
        conflicts::check_outside(root, &place)?;
        // Without a trailing slash.
        let root: PathBuf = root.components().collect();
        platform::open_many();
        let failed = |error| Failure::io(&root, error);
        staging::remove_leftovers(&root);
        let (mut is_shared, mut is_new) = (false, false);
        let (phase, open) = if root.is_dir() {
            is_shared = staging::remove_leftovers_in(&root);
            (Phase::Public(None), root.clone())
        } else if root.symlink_metadata().is_ok() {
            return Err(in_the_way(&root));
        } else if filesystem::renames_dirs(parent_dir(&root)) {
            let temp = PrivateDir::create(&root).map_err(failed)?;
            let path = temp.path().to_owned();
            (Phase::Private(temp, mode), path)
        } else {
            platform::create_private_dir(&root).map_err(failed)?;
            DirHandle::open_own(&root).map_err(failed)?.set_mode(&root, mode);
            is_new = true;
            (Phase::Public(None), root.clone())
        };
        let dir = DirHandle::open(&open).map_err(failed)?;
        let dirty = is_new || matches!(phase, Phase::Private(..));
        let state =
            State { phase, writing: 0, files: 0, bytes: 0, dirty, touched: vec![root.clone()] };
        let tree = Self {
            root,
            sync,
            limits,
            in_place: false,
            batch: BATCH,
            state: state.into(),
            changed: Condvar::new(),
            has_files: AtomicBool::new(false),
            is_shared,
        };
        if is_shared {
            // If this run is killed before it writes anything, the next one still finds a trace.
            tree.state().phase = Phase::Public(Some(Arc::new(tree.create_staging_dir()?)));
        }
        Ok(tree.with_root(dir))
    }

    /// Uses the input directory `root` itself: each output replaces its input.
    pub(crate) fn in_place(
        root: &Path,
        sync: bool,
        limits: PublishLimits,
    ) -> Result<(Arc<Self>, DirStack)> {
        let root: PathBuf = root.components().collect();
        // Each file that waits for its name holds a lock on the one that it replaces.
        let open = platform::open_many() / 4;
        let batch = usize::try_from(open).map_or(BATCH, |open| open.clamp(1, BATCH));
        staging::remove_leftovers_in(&root);
        let dir = DirHandle::open(&root).map_err(|error| Failure::io(&root, error))?;
        let phase = Phase::Public(None);
        let state =
            State { phase, writing: 0, files: 0, bytes: 0, dirty: false, touched: Vec::new() };
        let tree = Self {
            root,
            sync,
            limits,
            in_place: true,
            batch,
            state: state.into(),
            changed: Condvar::new(),
            has_files: AtomicBool::new(false),
            is_shared: false,
        };
        Ok(tree.with_root(dir))
    }

    fn with_root(self, dir: DirHandle) -> (Arc<Self>, DirStack) {
        let tree = Arc::new(self);
        let levels = vec![(PathBuf::new(), Arc::new(dir))];
        (Arc::clone(&tree), DirStack { tree, levels })
    }

    /// Returns whether this is the first file in the tree. A file system treats all files alike, so
    /// one check is enough.
    pub(super) fn is_first_file(&self) -> bool {
        !self.has_files.swap(true, Ordering::Relaxed)
    }

    /// Returns whether the tree has no name yet.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self.state().phase, Phase::Private(..))
    }

    /// Returns whether enough is written to publish the tree.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.state();
        state.files >= self.limits.files || state.bytes >= self.limits.bytes
    }

    /// Renames a private tree to its name when no file is being written. Does nothing for a public
    /// one.
    pub(crate) fn publish(&self) -> Result<()> {
        let mut state = self.state();
        let (temp, mode) = match std::mem::replace(&mut state.phase, Phase::Publishing) {
            Phase::Private(temp, mode) => (temp, mode),
            phase => {
                state.phase = phase;
                let is_publishing = |state: &mut State| matches!(state.phase, Phase::Publishing);
                let state = self.changed.wait_while(state, is_publishing);
                return match &state.unwrap_or_else(PoisonError::into_inner).phase {
                    Phase::Failed(failure) => Err(failure.clone()),
                    _ => Ok(()),
                };
            }
        };
        let state = self.changed.wait_while(state, |state| state.writing > 0);
        drop(state);
        let published =
            self.rename_private(temp, mode).map_err(|unnamed| match unnamed.error.kind() {
                ErrorKind::AlreadyExists
                | ErrorKind::DirectoryNotEmpty
                | ErrorKind::NotADirectory => in_the_way(&self.root),
                _ => unnamed.failure(&self.root),
            });
        let mut state = self.state();
        state.phase = match &published {
            Ok(()) => Phase::Public(None),
            Err(failure) => Phase::Failed(failure.clone()),
        };
        self.changed.notify_all();
        published
    }

    /// Renames a private tree. Its files are on disk before the rename, and the name before success
    /// is reported.
    fn rename_private(&self, temp: PrivateDir, mode: u32) -> std::result::Result<(), PublishError> {
        let dir = DirHandle::open_own(temp.path())?;
        dir.set_mode(temp.path(), mode);
        // Later writes need another sync.
        self.state().dirty = false;
        #[cfg(target_os = "linux")]
        if self.sync {
            dir.sync_fs()?;
        }
        temp.persist(&self.root)?;
        if self.sync {
            #[cfg(not(target_os = "linux"))]
            self.flush()?;
            filesystem::sync_dir(parent_dir(&self.root))?;
        }
        Ok(())
    }

    /// Number of files that are published after one sync.
    pub(crate) const fn batch(&self) -> usize {
        self.batch
    }

    /// Its name in messages.
    pub(crate) fn shown(&self) -> String {
        shown(&self.root)
    }

    /// Waits until everything written to the tree is on disk.
    pub(crate) fn sync(&self) -> Result<()> {
        self.flush().map_err(|error| Failure::io(&self.root, error))
    }

    fn flush(&self) -> std::io::Result<()> {
        let mut state = self.state();
        let touched = std::mem::take(&mut state.touched);
        if !std::mem::take(&mut state.dirty) || !self.sync {
            return Ok(());
        }
        drop(state);
        #[cfg(target_os = "linux")]
        return DirHandle::open(&self.root)
            .and_then(|dir| dir.sync_fs())
            .inspect(|()| drop(touched));
        #[cfg(not(target_os = "linux"))]
        touched.iter().try_for_each(|path| filesystem::sync_dir(path))
    }

    /// Removes the staging directory: there are no more files.
    pub(crate) fn close(&self) {
        if let Phase::Public(staging_dir) = &mut self.state().phase {
            *staging_dir = None;
        }
    }

    /// Chooses where the next file of about `len` bytes is written.
    pub(super) fn choose_target(self: &Arc<Self>, len: Option<u64>) -> Result<WriteTarget> {
        if len.is_none_or(|len| len > self.limits.file) && self.is_private() {
            self.publish()?;
        }
        let is_publishing = |state: &mut State| matches!(state.phase, Phase::Publishing);
        let state = self.changed.wait_while(self.state(), is_publishing);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.dirty = true;
        let State { phase, writing, .. } = &mut *state;
        let staging_dir = match phase {
            Phase::Failed(failure) => return Err(failure.clone()),
            Phase::Public(staging_dir) => staging_dir,
            Phase::Private(..) | Phase::Publishing => {
                *writing += 1;
                return Ok(WriteTarget::InPlace(WriteGuard(Arc::clone(self))));
            }
        };
        let staging_dir = match staging_dir {
            Some(staging_dir) => staging_dir,
            None => staging_dir.insert(Arc::new(self.create_staging_dir()?)),
        };
        let name = staging_dir.names.fetch_add(1, Ordering::Relaxed).to_string();
        Ok(WriteTarget::Staged(Arc::clone(staging_dir), name))
    }

    fn create_staging_dir(&self) -> Result<StagingDir> {
        let failed = |error| Failure::io(&self.root, error);
        let temp = PrivateDir::create_in(&self.root).map_err(failed)?;
        let dir = DirHandle::open_own(temp.path()).map_err(failed)?;
        Ok(StagingDir { dir, temp, names: AtomicU64::new(0) })
    }

    /// Records that a file is complete, so that the next sync covers it.
    pub(super) fn mark_dirty(&self) {
        self.state().dirty = true;
    }

    /// Records that something was written in this directory.
    pub(super) fn mark_touched(&self, dir: &Path) {
        let mut state = self.state();
        state.dirty = true;
        if !cfg!(target_os = "linux") && state.touched.last().is_none_or(|last| last != dir) {
            state.touched.push(dir.to_owned());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteGuard {
    /// Counts the file as complete.
    pub(super) fn complete(&self, len: u64) {
        let mut state = self.0.state();
        state.files += 1;
        state.bytes = state.bytes.saturating_add(len);
    }
}

impl Drop for WriteGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.writing -= 1;
        if matches!(state.phase, Phase::Publishing) {
            self.0.changed.notify_all();
        }
    }
}

/// The open directories of an output tree, from its root to the current position of the walk.
pub(crate) struct DirStack {
    tree: Arc<OutputTree>,
    levels: Vec<(PathBuf, Arc<DirHandle>)>,
}

impl DirStack {
    /// Returns the output path of a file at `below`, relative to the input directory.
    pub(crate) fn output_path(&mut self, below: &Path) -> OutputPath {
        let path = self.tree.root.join(below);
        let dir = Arc::clone(self.at(below));
        OutputPath {
            tree: Arc::clone(&self.tree),
            dir,
            name: below.file_name().unwrap_or_default().to_owned(),
            path,
        }
    }

    /// Creates an output directory, or opens an existing one. A link is refused.
    pub(crate) fn dir(&mut self, below: &Path, mode: u32) -> Result<()> {
        let path = self.tree.root.join(below);
        let name = below.file_name().unwrap_or_default();
        let parent = Arc::clone(self.at(below));
        let dir = match parent.dir(name, &path) {
            Ok(dir) => {
                if let Ok(Some(found)) = parent.status(name, &path) {
                    conflicts::check_dir(&path, &found.id)?;
                }
                dir
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !self.tree.in_place => {
                match make_dir(&parent, name, &path, mode) {
                    // Another run created it first.
                    Err(failure) => parent.dir(name, &path).map_err(|_| failure)?,
                    Ok(dir) => dir,
                }
            }
            Err(error) => match parent.status(name, &path) {
                Ok(Some(status)) if !status.is_dir => return Err(in_the_way(&path)),
                _ => return Err(Failure::io(&path, error)),
            },
        };
        self.tree.mark_touched(parent_dir(&path));
        self.levels.push((below.to_owned(), Arc::new(dir)));
        Ok(())
    }

    /// Returns the open directory that contains `below`.
    fn at(&mut self, below: &Path) -> &Arc<DirHandle> {
        let parent = below.parent().unwrap_or(Path::new(""));
        while self.levels.len() > 1 && self.levels[self.levels.len() - 1].0 != parent {
            self.levels.pop();
        }
        &self.levels[self.levels.len() - 1].1
    }
}

/// Creates a directory. Signals wait, so that nothing is created in a directory that was removed.
fn make_dir(parent: &DirHandle, name: &OsStr, path: &Path, mode: u32) -> Result<DirHandle> {
    let _hold = cancel::hold();
    parent.make(name, path, mode).map_err(|error| Failure::io(path, error))
}

fn in_the_way(path: &Path) -> Failure {
    let what = format!("{}: something is in the way of a directory", shown(path));
    Failure::usage(what).hint("move it away, or name another place with -o")
}

/// Returns the path without links, as far as it exists.
fn resolved(path: &Path) -> Result<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let dir = parent_dir(path);
    let real = dir.canonicalize().map_err(|error| Failure::io(dir, error))?;
    Ok(real.join(path.file_name().unwrap_or_default()))
}
