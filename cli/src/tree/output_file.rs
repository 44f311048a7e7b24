//! Writes an output file in an output tree. It gets its name only when it is complete and, with
//! sync, on disk.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::dir_handle::{DirEntry, DirHandle, Status};
use super::output_tree::{OutputTree, StagingDir, WriteTarget};
use super::walk::Entry;
use crate::attributes::Attributes;
use crate::cancel;
use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::output;
use crate::permissions;
use crate::platform::{self, FileId};
use crate::positional::PositionalWriter;
use crate::publish::PublishError;
use crate::sparse;
use crate::staging::PrivateFile;
use crate::times;

/// The path of an output in an output tree.
#[derive(Clone)]
pub(crate) struct OutputPath {
    pub(super) tree: Arc<OutputTree>,
    pub(super) dir: Arc<DirHandle>,
    pub(super) name: OsString,
    /// The path in messages.
    pub(crate) path: PathBuf,
}

/// How a file is made.
pub(crate) struct FileOptions {
    pub(crate) mode: u32,
    /// Whether to replace an existing file.
    pub(crate) force: bool,
    /// The approximate length, where known.
    pub(crate) len: Option<u64>,
    /// The modification time to set.
    pub(crate) modified: Option<SystemTime>,
    /// The locked file that it replaces, which must still be there at that time.
    pub(crate) replaces: Option<ReplacedFile>,
}

/// The file that an output replaces, as it was when it was read. It is locked, but not every
/// program respects locks.
#[derive(Debug, Clone)]
pub(crate) struct ReplacedFile {
    file: Arc<File>,
    len: u64,
    modified: Option<SystemTime>,
}

impl ReplacedFile {
    pub(crate) fn new(file: Arc<File>) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let modified = platform::modified(&metadata);
        Ok(Self { file, len: metadata.len(), modified })
    }

    /// Fails where the file at a name is another one, or was written to since.
    pub(crate) fn check(&self, path: &Path, found: Option<&FileId>) -> Result<()> {
        let failed = |error| Failure::io(path, error);
        let metadata = self.file.metadata().map_err(failed)?;
        let id = platform::file_id(path, &metadata).map_err(failed)?;
        let same_time = platform::modified(&metadata) == self.modified;
        let as_read =
            metadata.len() == self.len && (same_time || filesystem::may_move_times(&self.file));
        if as_read && found == Some(&id) { Ok(()) } else { Err(output::is_replaced(path)) }
    }
}

impl OutputPath {
    /// Returns the status of the existing file. A private tree has none.
    pub(crate) fn status(&self) -> Result<Option<Status>> {
        if self.tree.is_private() {
            return Ok(None);
        }
        let status = || {
            let status = self.dir.status(&self.name, &self.path);
            status.map_err(|error| Failure::io(&self.path, error))
        };
        let found = status()?;
        // A killed run may have left a claim at this name.
        let len = found.as_ref().and_then(|found| found.len);
        if self.tree.is_shared || len.is_some_and(DirHandle::may_be_claim) {
            self.dir.recover(&self.name);
            return status();
        }
        Ok(found)
    }

    /// Returns the existing file as an input.
    pub(crate) fn entry(&self) -> Entry {
        Entry::new(Arc::clone(&self.dir), self.name.clone(), self.path.clone())
    }

    /// Creates the output file, still without its name.
    pub(crate) fn create(&self, options: FileOptions) -> Result<OutputFile> {
        let target = self.tree.choose_target(options.len)?;
        let _hold = cancel::hold();
        let file = match &target {
            WriteTarget::InPlace(_) => self.dir.create(&self.name, &self.path, options.mode),
            WriteTarget::Staged(staging_dir, name) => staging_dir.dir.create(
                name.as_ref(),
                &staging_dir.temp.path().join(name),
                options.mode,
            ),
        };
        let file = file.map_err(|error| self.failure(error.into()))?;
        if self.tree.is_first_file() {
            permissions::check(&file, &self.path, options.mode);
        }
        let file = Some(file);
        Ok(OutputFile {
            file,
            rest: Some(PendingOutput { output_path: self.clone(), target }),
            options,
            written: 0,
        })
    }

    /// Fails where another process replaced or changed the file meanwhile. What it wrote stays.
    fn check_same(&self, replaced: &ReplacedFile) -> Result<()> {
        let found = self.dir.status(&self.name, &self.path);
        let found = found.map_err(|error| Failure::io(&self.path, error))?;
        replaced.check(&self.path, found.as_ref().map(|found| &found.id))
    }

    fn failure(&self, unnamed: PublishError) -> Failure {
        match unnamed.error.kind() {
            io::ErrorKind::AlreadyExists => output::exists(&self.path),
            _ => unnamed.failure(&self.path),
        }
    }
}

/// A file that is being written. Dropped without [`finish`](Self::finish), it is removed.
pub(crate) struct OutputFile {
    /// `None` once it is complete.
    file: Option<File>,
    /// `None` once it is finished.
    rest: Option<PendingOutput>,
    options: FileOptions,
    written: u64,
}

struct PendingOutput {
    output_path: OutputPath,
    target: WriteTarget,
}

/// A complete file that waits for its name.
pub(crate) enum Staged {
    /// It is published together with its directory.
    Directory(Arc<OutputTree>),
    File(Box<StagedFile>),
}

impl Staged {
    pub(crate) fn tree(&self) -> &Arc<OutputTree> {
        match self {
            Self::Directory(tree) => tree,
            Self::File(file) => &file.output_path.tree,
        }
    }
}

impl OutputFile {
    /// Completes the file. Returns what it still waits for, if anything.
    pub(crate) fn finish(mut self) -> Result<Option<Staged>> {
        let Some(PendingOutput { output_path, target }) = &self.rest else { return Ok(None) };
        let failed = |error| Failure::io(&output_path.path, error);
        let Some(file) = self.file.take() else { return Ok(None) };
        times::set_modified(&file, &output_path.path, self.options.modified);
        let sync = output_path.tree.sync;
        if sync && !cfg!(target_os = "linux") {
            filesystem::sync_file(&file).map_err(failed)?;
        }
        filesystem::close(file).map_err(failed)?;
        output_path.tree.mark_dirty();
        let staged = match target {
            WriteTarget::InPlace(writing) => {
                writing.complete(self.written);
                Some(Staged::Directory(Arc::clone(&output_path.tree)))
            }
            WriteTarget::Staged(staging_dir, name) => {
                let staged = StagedFile {
                    output_path: output_path.clone(),
                    staging_dir: Arc::clone(staging_dir),
                    name: name.clone(),
                    force: self.options.force,
                    replaces: self.options.replaces.take(),
                    len: self.written,
                };
                if sync {
                    Some(Staged::File(Box::new(staged)))
                } else {
                    staged.publish()?;
                    None
                }
            }
        };
        self.rest = None;
        Ok(staged)
    }
}

impl OutputFile {
    /// Sets the attributes of the file that it replaces. Returns those that could not be kept.
    pub(crate) fn copy_attributes(&self, attributes: &Attributes) -> Vec<String> {
        self.file.as_ref().map(|file| attributes.apply(file).lost).unwrap_or_default()
    }

    pub(crate) const fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Returns a writer for `len` bytes at any offset, where the file supports that.
    pub(crate) fn positional_writer(&mut self, len: u64) -> Option<PositionalWriter<'_>> {
        let sync = self.rest.as_ref().is_some_and(|rest| rest.output_path.tree.sync);
        let to = PositionalWriter::new(self.file.as_ref()?, len, sync)?;
        self.written = len;
        Some(to)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Ok(0) };
        let written = file.write(bytes)?;
        self.written += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        let Some(PendingOutput { output_path, target }) = &self.rest else { return };
        // On some mounts a file that is removed before it is closed reappears.
        let _ = self.file.take().map(filesystem::close);
        let _ = match target {
            WriteTarget::InPlace(_) => output_path.dir.remove(&output_path.name, &output_path.path),
            WriteTarget::Staged(staging_dir, name) => {
                staging_dir.dir.remove(name.as_ref(), &staging_dir.temp.path().join(name))
            }
        };
    }
}

/// A complete file in the staging directory.
pub(crate) struct StagedFile {
    output_path: OutputPath,
    staging_dir: Arc<StagingDir>,
    name: String,
    force: bool,
    replaces: Option<ReplacedFile>,
    pub(crate) len: u64,
}

impl StagedFile {
    /// Renames it to its final name, in one step that no signal interrupts.
    pub(crate) fn publish(&self) -> Result<()> {
        self.move_into_place().inspect_err(|_| times::forget(&self.output_path.path))
    }

    fn move_into_place(&self) -> Result<()> {
        let Self { output_path, staging_dir, name, .. } = self;
        let from = staging_dir.temp.path().join(name);
        output_path.tree.mark_touched(output::parent_dir(&output_path.path));
        let hold = cancel::hold();
        if let Some(replaced) = &self.replaces {
            output_path.check_same(replaced)?;
        }
        let entry = DirEntry { name: name.as_ref(), path: &from };
        let to = DirEntry { name: &output_path.name, path: &output_path.path };
        let renamed = staging_dir.dir.rename(entry, &output_path.dir, to, self.force);
        drop(hold);
        match renamed {
            // Another file system is mounted at the destination.
            Err(unnamed) if unnamed.error.kind() == io::ErrorKind::CrossesDevices => {
                let file = staging_dir.dir.file(name.as_ref(), &from);
                let file = file.map_err(|error| Failure::io(&output_path.path, error))?;
                carry_over(file, &output_path.path, self.force, output_path.tree.sync)
                    .map_err(|unnamed| output_path.failure(unnamed))?;
                let removed = staging_dir.dir.remove(name.as_ref(), &from);
                removed.map_err(|error| output_path.failure(error.into()))
            }
            renamed => renamed.map_err(|unnamed| output_path.failure(unnamed)),
        }
    }
}

/// Copies a file to another file system, with permissions and time, through a private file next to
/// the destination.
fn carry_over(
    mut file: File,
    path: &Path,
    force: bool,
    sync: bool,
) -> std::result::Result<(), PublishError> {
    let metadata = file.metadata()?;
    let mut temp = PrivateFile::create(path)?;
    sparse::copy(&mut file, temp.file_mut())?;
    temp.flush()?;
    Attributes::of(&file)?.apply(temp.file());
    permissions::check(temp.file(), path, platform::mode(&metadata));
    times::set_modified(temp.file(), path, platform::modified(&metadata));
    if sync {
        filesystem::sync_file(temp.file())?;
    }
    temp.persist(path, force)?;
    if sync { Ok(filesystem::sync_dir(output::parent_dir(path))?) } else { Ok(()) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::output_tree::PublishLimits;
    use super::*;

    fn written(output_path: &OutputPath) -> Option<Staged> {
        let options =
            FileOptions { mode: 0o600, force: false, len: Some(4), modified: None, replaces: None };
        let mut made = output_path.create(options).ok()?;
        made.write_all(b"text").ok()?;
        made.finish().ok()?
    }

    #[test]
    fn a_full_folder_appears_and_the_next_files_wait_for_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let (input, root) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::create_dir(&input).unwrap();
        let limits = PublishLimits { files: 2, bytes: 1_000, file: 100 };
        let (tree, mut dirs) = OutputTree::new(&input, 0o750, &root, true, limits).unwrap();
        let mut output_path = |name: &str| dirs.output_path(Path::new(name));
        drop(written(&output_path("a")).unwrap());
        // A file that fails is gone, and counts for nothing.
        let failing =
            FileOptions { mode: 0o600, force: false, len: Some(4), modified: None, replaces: None };
        drop(output_path("failed").create(failing).unwrap());
        assert!(tree.is_private() && !tree.is_full() && !root.exists());
        tree.publish().unwrap();
        assert!(!tree.is_private() && root.join("a").exists());
        // What was not given its name is not there, whenever the run ends.
        let [first, second] = ["b", "c"].map(|name| written(&output_path(name)).unwrap());
        assert!(!root.join("b").exists());
        tree.sync().unwrap();
        let Staged::File(first) = first else { unreachable!("the folder has its name") };
        first.publish().unwrap();
        drop((first, second));
        tree.close();
        let mut names: Vec<_> =
            root.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "b"]);
        // A long file makes what is there appear, and enough files do.
        let root = dir.path().join("again");
        let (tree, mut dirs) = OutputTree::new(&input, 0o750, &root, true, limits).unwrap();
        drop(written(&dirs.output_path(Path::new("a"))).unwrap());
        assert!(!tree.is_full() && tree.is_private());
        drop(written(&dirs.output_path(Path::new("b"))).unwrap());
        assert!(tree.is_full() && tree.is_private());
        let long = FileOptions {
            mode: 0o600,
            force: false,
            len: Some(101),
            modified: None,
            replaces: None,
        };
        drop(dirs.output_path(Path::new("c")).create(long));
        assert!(root.join("b").exists() && !root.join("c").exists());
    }

    #[test]
    fn a_file_is_carried_to_another_file_system() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
        let (from, to) = (from.path().join("a"), to.path().join("b"));
        std::fs::write(&from, "text").unwrap();
        let then = SystemTime::UNIX_EPOCH + std::time::Duration::new(1_000_000, 7);
        let file = File::options().write(true).open(&from).unwrap();
        file.set_modified(then).unwrap();
        carry_over(File::open(&from).unwrap(), &to, false, true).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"text");
        assert_eq!(to.metadata().unwrap().modified().unwrap(), then);
        let again = carry_over(File::open(&from).unwrap(), &to, false, true).unwrap_err();
        assert_eq!(again.error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(output::parent_dir(&to).read_dir().unwrap().count(), 1);
    }
}
