//! The folder that takes the outputs of a folder's files: the same folders, under another name. A
//! new one is made whole in a private folder that takes its name in one step; one that exists is
//! filled up file by file.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::dir_handle::Folder;
use super::output_file::Place;
use crate::cancel;
use crate::conflicts;
use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::output::folder_of;
use crate::platform;
use crate::publish::Unnamed;
use crate::report::shown;
use crate::staging::{self, TempFolder};

/// Where a folder is mirrored to.
pub(crate) struct Mirror {
    /// Its name for people, and once it is public its place.
    root: PathBuf,
    pub(super) sync: bool,
    pub(super) limits: Limits,
    /// Whether it is the folder that is walked: outputs take the names of their inputs.
    in_place: bool,
    /// How many files get their names after one sync.
    batch: usize,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether a file was made in it.
    begun: AtomicBool,
    /// Whether another run is filling it, or was killed as it did.
    pub(super) is_shared: bool,
}

/// How much is made before any of it appears: what a killed run loses at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// A longer file is not waited for: what is made appears before it is begun.
    pub(crate) file: u64,
}

/// So many files at most get their names after one sync, which waits for the whole file system.
const BATCH: usize = 2_048;

/// Of a run.
pub(crate) const LIMITS: Limits = Limits { files: 20_000, bytes: 1 << 30, file: 64 << 20 };

struct State {
    phase: Phase,
    /// Files that are being written under their names in the private folder.
    writing: u64,
    /// Files and bytes that are complete there.
    files: u64,
    bytes: u64,
    /// Something was made since the last sync.
    dirty: bool,
    /// Folders in which something was made since, where the file system is not synced as a whole.
    touched: Vec<PathBuf>,
}

enum Phase {
    /// All of it is private.
    Private(TempFolder, u32),
    /// It gets its name at this moment.
    Appearing,
    /// It has its name; files are made in a private folder in it.
    Public(Option<Arc<Workshop>>),
    Failed(Failure),
}

/// The private folder in a public one, in which files are made.
pub(super) struct Workshop {
    pub(super) folder: Folder,
    pub(super) temp: TempFolder,
    names: AtomicU64,
}

/// Where a file is written.
pub(super) enum Bench {
    /// Under its own name, which nobody sees yet.
    Own(Writing),
    /// Under a name of no meaning.
    Workshop(Arc<Workshop>, String),
}

/// A file is being written in the private folder; as long as one is, the folder stays private.
pub(super) struct Writing(Arc<Mirror>);

impl Mirror {
    /// The mirror of `input`, a folder that is to be made like it; one that is there is filled up.
    pub(crate) fn new(
        input: &Path,
        mode: u32,
        root: &Path,
        sync: bool,
        limits: Limits,
    ) -> Result<(Arc<Self>, Branch)> {
        let real = input.canonicalize().map_err(|error| Failure::io(input, error))?;
        let place = resolved(root)?;
        if place.starts_with(&real) {
            let what = format!("{}: the output directory is in the input directory", shown(root));
            return Err(Failure::usage(what).hint("name a directory elsewhere with -o"));
        }
        conflicts::check_outside(root, &place)?;
        // Without a slash behind it.
        let root: PathBuf = root.components().collect();
        platform::open_many();
        let failed = |error| Failure::io(&root, error);
        staging::sweep(&root);
        let (mut is_shared, mut is_new) = (false, false);
        let (phase, open) = if root.is_dir() {
            is_shared = staging::sweep_in(&root);
            (Phase::Public(None), root.clone())
        } else if root.symlink_metadata().is_ok() {
            return Err(in_the_way(&root));
        } else if filesystem::renames_folders(folder_of(&root)) {
            let temp = TempFolder::create(&root).map_err(failed)?;
            let path = temp.path().to_owned();
            (Phase::Private(temp, mode), path)
        } else {
            platform::create_private_dir(&root).map_err(failed)?;
            Folder::own(&root).map_err(failed)?.set_mode(&root, mode);
            is_new = true;
            (Phase::Public(None), root.clone())
        };
        let folder = Folder::open(&open).map_err(failed)?;
        let dirty = is_new || matches!(phase, Phase::Private(..));
        let state =
            State { phase, writing: 0, files: 0, bytes: 0, dirty, touched: vec![root.clone()] };
        let mirror = Self {
            root,
            sync,
            limits,
            in_place: false,
            batch: BATCH,
            state: state.into(),
            changed: Condvar::new(),
            begun: AtomicBool::new(false),
            is_shared,
        };
        if is_shared {
            // If this run is killed before it makes anything, the next one knows, too.
            mirror.state().phase = Phase::Public(Some(Arc::new(mirror.workshop()?)));
        }
        Ok(mirror.with_root(folder))
    }

    /// The folder `root` itself: each output takes the name of its input.
    pub(crate) fn in_place(root: &Path, sync: bool, limits: Limits) -> Result<(Arc<Self>, Branch)> {
        let root: PathBuf = root.components().collect();
        // Each file that waits for its name holds the lock of the one that it replaces.
        let open = platform::open_many() / 4;
        let batch = usize::try_from(open).map_or(BATCH, |open| open.clamp(1, BATCH));
        staging::sweep_in(&root);
        let folder = Folder::open(&root).map_err(|error| Failure::io(&root, error))?;
        let phase = Phase::Public(None);
        let state =
            State { phase, writing: 0, files: 0, bytes: 0, dirty: false, touched: Vec::new() };
        let mirror = Self {
            root,
            sync,
            limits,
            in_place: true,
            batch,
            state: state.into(),
            changed: Condvar::new(),
            begun: AtomicBool::new(false),
            is_shared: false,
        };
        Ok(mirror.with_root(folder))
    }

    fn with_root(self, folder: Folder) -> (Arc<Self>, Branch) {
        let mirror = Arc::new(self);
        let levels = vec![(PathBuf::new(), Arc::new(folder))];
        (Arc::clone(&mirror), Branch { mirror, levels })
    }

    /// Whether this is the first file that is made in it: what a file system does with one, it
    /// does with all.
    pub(super) fn is_first_file(&self) -> bool {
        !self.begun.swap(true, Ordering::Relaxed)
    }

    /// Whether nobody sees it yet.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self.state().phase, Phase::Private(..))
    }

    /// Whether enough is made for it to appear.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.state();
        state.files >= self.limits.files || state.bytes >= self.limits.bytes
    }

    /// Gives a private mirror its name, when what is being written in it is complete. One that has
    /// its name keeps it.
    pub(crate) fn appear(&self) -> Result<()> {
        let mut state = self.state();
        let (temp, mode) = match std::mem::replace(&mut state.phase, Phase::Appearing) {
            Phase::Private(temp, mode) => (temp, mode),
            phase => {
                state.phase = phase;
                let appearing = |state: &mut State| matches!(state.phase, Phase::Appearing);
                let state = self.changed.wait_while(state, appearing);
                return match &state.unwrap_or_else(PoisonError::into_inner).phase {
                    Phase::Failed(failure) => Err(failure.clone()),
                    _ => Ok(()),
                };
            }
        };
        let state = self.changed.wait_while(state, |state| state.writing > 0);
        drop(state);
        let appeared = self.name(temp, mode).map_err(|unnamed| match unnamed.error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory => {
                in_the_way(&self.root)
            }
            _ => unnamed.failure(&self.root),
        });
        let mut state = self.state();
        state.phase = match &appeared {
            Ok(()) => Phase::Public(None),
            Err(failure) => Phase::Failed(failure.clone()),
        };
        self.changed.notify_all();
        appeared
    }

    /// What is in it is on disk before it has its name, and the name before it is called done.
    fn name(&self, temp: TempFolder, mode: u32) -> std::result::Result<(), Unnamed> {
        let folder = Folder::own(temp.path())?;
        folder.set_mode(temp.path(), mode);
        // What is made from here on is another sync's.
        self.state().dirty = false;
        #[cfg(target_os = "linux")]
        if self.sync {
            folder.sync_fs()?;
        }
        temp.persist(&self.root)?;
        if self.sync {
            #[cfg(not(target_os = "linux"))]
            self.flush()?;
            filesystem::sync_dir(folder_of(&self.root))?;
        }
        Ok(())
    }

    /// How many files get their names after one sync.
    pub(crate) const fn batch(&self) -> usize {
        self.batch
    }

    /// Its name for people.
    pub(crate) fn shown(&self) -> String {
        shown(&self.root)
    }

    /// Waits until all that was made in it is on disk.
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
        return Folder::open(&self.root)
            .and_then(|folder| folder.sync_fs())
            .inspect(|()| drop(touched));
        #[cfg(not(target_os = "linux"))]
        touched.iter().try_for_each(|path| filesystem::sync_dir(path))
    }

    /// No more files: the private folder in it goes.
    pub(crate) fn close(&self) {
        if let Phase::Public(workshop) = &mut self.state().phase {
            *workshop = None;
        }
    }

    /// Where the next file is written; `len` is about its length.
    pub(super) fn bench(self: &Arc<Self>, len: Option<u64>) -> Result<Bench> {
        if len.is_none_or(|len| len > self.limits.file) && self.is_private() {
            self.appear()?;
        }
        let appearing = |state: &mut State| matches!(state.phase, Phase::Appearing);
        let state = self.changed.wait_while(self.state(), appearing);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.dirty = true;
        let State { phase, writing, .. } = &mut *state;
        let workshop = match phase {
            Phase::Failed(failure) => return Err(failure.clone()),
            Phase::Public(workshop) => workshop,
            Phase::Private(..) | Phase::Appearing => {
                *writing += 1;
                return Ok(Bench::Own(Writing(Arc::clone(self))));
            }
        };
        let workshop = match workshop {
            Some(workshop) => workshop,
            None => workshop.insert(Arc::new(self.workshop()?)),
        };
        let name = workshop.names.fetch_add(1, Ordering::Relaxed).to_string();
        Ok(Bench::Workshop(Arc::clone(workshop), name))
    }

    fn workshop(&self) -> Result<Workshop> {
        let failed = |error| Failure::io(&self.root, error);
        let temp = TempFolder::create_in(&self.root).map_err(failed)?;
        let folder = Folder::own(temp.path()).map_err(failed)?;
        Ok(Workshop { folder, temp, names: AtomicU64::new(0) })
    }

    /// A file is complete: the next sync is about it, too.
    pub(super) fn completed(&self) {
        self.state().dirty = true;
    }

    /// Something was made in this folder.
    pub(super) fn touch(&self, folder: &Path) {
        let mut state = self.state();
        state.dirty = true;
        if !cfg!(target_os = "linux") && state.touched.last().is_none_or(|last| last != folder) {
            state.touched.push(folder.to_owned());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    /// The file is complete.
    pub(super) fn done(&self, len: u64) {
        let mut state = self.0.state();
        state.files += 1;
        state.bytes = state.bytes.saturating_add(len);
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.writing -= 1;
        if matches!(state.phase, Phase::Appearing) {
            self.0.changed.notify_all();
        }
    }
}

/// The folders of a mirror from its root to where the walk is.
pub(crate) struct Branch {
    mirror: Arc<Mirror>,
    levels: Vec<(PathBuf, Arc<Folder>)>,
}

impl Branch {
    /// Where the output of a file goes that lies `below` the input folder.
    pub(crate) fn place(&mut self, below: &Path) -> Place {
        let path = self.mirror.root.join(below);
        let folder = Arc::clone(self.at(below));
        Place {
            mirror: Arc::clone(&self.mirror),
            folder,
            name: below.file_name().unwrap_or_default().to_owned(),
            path,
        }
    }

    /// Makes the mirror of a folder; one that is there is taken, a link to one is not.
    pub(crate) fn folder(&mut self, below: &Path, mode: u32) -> Result<()> {
        let path = self.mirror.root.join(below);
        let name = below.file_name().unwrap_or_default();
        let parent = Arc::clone(self.at(below));
        let folder = match parent.folder(name, &path) {
            Ok(folder) => {
                if let Ok(Some(found)) = parent.status(name, &path) {
                    conflicts::check_folder(&path, &found.id)?;
                }
                folder
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !self.mirror.in_place => {
                match make(&parent, name, &path, mode) {
                    // Another run was first.
                    Err(failure) => parent.folder(name, &path).map_err(|_| failure)?,
                    Ok(folder) => folder,
                }
            }
            Err(error) => match parent.status(name, &path) {
                Ok(Some(status)) if !status.is_dir => return Err(in_the_way(&path)),
                _ => return Err(Failure::io(&path, error)),
            },
        };
        self.mirror.touch(folder_of(&path));
        self.levels.push((below.to_owned(), Arc::new(folder)));
        Ok(())
    }

    /// The folder that holds what lies at `below`.
    fn at(&mut self, below: &Path) -> &Arc<Folder> {
        let parent = below.parent().unwrap_or(Path::new(""));
        while self.levels.len() > 1 && self.levels[self.levels.len() - 1].0 != parent {
            self.levels.pop();
        }
        &self.levels[self.levels.len() - 1].1
    }
}

/// A signal waits, so that nothing is made in a folder that was removed.
fn make(parent: &Folder, name: &OsStr, path: &Path, mode: u32) -> Result<Folder> {
    let _hold = cancel::hold();
    parent.make(name, path, mode).map_err(|error| Failure::io(path, error))
}

fn in_the_way(path: &Path) -> Failure {
    let what = format!("{}: something is in the way of a directory", shown(path));
    Failure::usage(what).hint("move it away, or name another place with -o")
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
