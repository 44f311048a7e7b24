//! The place of an output in the mirror of a folder, and how a file gets there: complete and, where
//! that is wanted, on disk before it has its name.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::folder::{Folder, Status};
use super::mirror::{Bench, Mirror, Workshop};
use super::walk::Entry;
use crate::attributes::Attributes;
use crate::bulk::To;
use crate::cancel;
use crate::failure::{Failure, Result};
use crate::output;
use crate::platform;
use crate::temp::Temp;
use crate::times;

/// A name in a folder of a mirror.
#[derive(Clone)]
pub(crate) struct Place {
    pub(super) mirror: Arc<Mirror>,
    pub(super) folder: Arc<Folder>,
    pub(super) name: OsString,
    /// For people.
    pub(crate) path: PathBuf,
}

/// How a file is made.
pub(crate) struct Making {
    pub(crate) mode: u32,
    /// Replace what is there.
    pub(crate) force: bool,
    /// About its length, where that is known.
    pub(crate) len: Option<u64>,
    /// When it was last written, as it is to say.
    pub(crate) modified: Option<SystemTime>,
    /// The file whose name it takes, locked: it must still be there then.
    pub(crate) replaces: Option<Arc<File>>,
}

impl Place {
    /// What is there; nothing is where nobody sees the folder yet.
    pub(crate) fn status(&self) -> Result<Option<Status>> {
        if self.mirror.is_private() {
            return Ok(None);
        }
        let status = self.folder.status(&self.name, &self.path);
        status.map_err(|error| Failure::io(&self.path, error))
    }

    /// The file there, to be read.
    pub(crate) fn entry(&self) -> Entry {
        Entry::new(Arc::clone(&self.folder), self.name.clone(), self.path.clone())
    }

    /// A file that will be there.
    pub(crate) fn make(&self, making: Making) -> Result<Made> {
        let bench = self.mirror.bench(making.len)?;
        let _hold = cancel::hold();
        let file = match &bench {
            Bench::Own(_) => self.folder.create(&self.name, &self.path, making.mode),
            Bench::Workshop(shop, name) => {
                shop.folder.create(name.as_ref(), &shop.temp.path().join(name), making.mode)
            }
        };
        let file = file.map_err(|error| self.failure(error))?;
        Ok(Made { file, rest: Some(Rest { place: self.clone(), bench }), making, written: 0 })
    }

    /// Another process may have given the name to another file meanwhile: what it wrote stays.
    fn check_same(&self, file: &File) -> Result<()> {
        let failed = |error| Failure::io(&self.path, error);
        let expected = file
            .metadata()
            .and_then(|metadata| platform::file_id(&self.path, &metadata))
            .map_err(failed)?;
        let found = self.folder.status(&self.name, &self.path).map_err(failed)?;
        if found.is_some_and(|found| found.id == expected) {
            return Ok(());
        }
        Err(output::is_replaced(&self.path))
    }

    fn failure(&self, error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::AlreadyExists => output::exists(&self.path),
            _ => Failure::io(&self.path, error),
        }
    }
}

/// A file that is being written. Dropped without [`finish`](Self::finish), it is removed.
pub(crate) struct Made {
    file: File,
    /// Nothing once it is finished.
    rest: Option<Rest>,
    making: Making,
    written: u64,
}

struct Rest {
    place: Place,
    bench: Bench,
}

/// A complete file that waits for its name.
pub(crate) enum Staged {
    /// It comes with the folder that it lies in.
    Folder(Arc<Mirror>),
    File(StagedFile),
}

impl Staged {
    pub(crate) fn mirror(&self) -> &Arc<Mirror> {
        match self {
            Self::Folder(mirror) => mirror,
            Self::File(file) => &file.place.mirror,
        }
    }
}

impl Made {
    /// Complete: says what it still waits for, if for anything.
    pub(crate) fn finish(mut self) -> Result<Option<Staged>> {
        let Some(Rest { place, bench }) = &self.rest else { return Ok(None) };
        let failed = |error| Failure::io(&place.path, error);
        times::set(&self.file, &place.path, self.making.modified);
        let sync = place.mirror.sync;
        if sync && !cfg!(target_os = "linux") {
            self.file.sync_all().map_err(failed)?;
        }
        place.mirror.completed();
        let staged = match bench {
            Bench::Own(writing) => {
                writing.done(self.written);
                Some(Staged::Folder(Arc::clone(&place.mirror)))
            }
            Bench::Workshop(shop, name) => {
                let staged = StagedFile {
                    place: place.clone(),
                    shop: Arc::clone(shop),
                    name: name.clone(),
                    force: self.making.force,
                    replaces: self.making.replaces.take(),
                    len: self.written,
                };
                if sync {
                    Some(Staged::File(staged))
                } else {
                    staged.settle()?;
                    None
                }
            }
        };
        self.rest = None;
        Ok(staged)
    }
}

impl Made {
    /// Gives it the attributes of the file whose name it takes; returns what could not be kept.
    pub(crate) fn keep(&self, attributes: &Attributes) -> Vec<String> {
        attributes.apply(&self.file).lost
    }

    /// For so many bytes that are written at any place.
    pub(crate) fn place(&mut self, len: u64) -> To<'_> {
        self.written = len;
        let sync = self.rest.as_ref().is_some_and(|rest| rest.place.mirror.sync);
        To::new(&self.file, len, sync)
    }
}

impl Write for Made {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let Some(Rest { place, bench }) = &self.rest else { return };
        let _ = match bench {
            Bench::Own(_) => place.folder.remove(&place.name, &place.path),
            Bench::Workshop(shop, name) => {
                shop.folder.remove(name.as_ref(), &shop.temp.path().join(name))
            }
        };
    }
}

/// A complete file in the private folder of a public one.
pub(crate) struct StagedFile {
    place: Place,
    shop: Arc<Workshop>,
    name: String,
    force: bool,
    replaces: Option<Arc<File>>,
    pub(crate) len: u64,
}

impl StagedFile {
    /// Gives it its name, in one step that no signal cuts.
    pub(crate) fn settle(&self) -> Result<()> {
        let Self { place, shop, name, .. } = self;
        let from = shop.temp.path().join(name);
        place.mirror.touch(output::folder_of(&place.path));
        let hold = cancel::hold();
        if let Some(replaced) = &self.replaces {
            place.check_same(replaced)?;
        }
        let to = (&*place.name, &*place.path);
        let renamed = shop.folder.rename((name.as_ref(), &from), &place.folder, to, self.force);
        drop(hold);
        match renamed {
            // Another file system is mounted there.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let file = shop.folder.file(name.as_ref(), &from);
                let file = file.map_err(|error| Failure::io(&place.path, error))?;
                carry_over(file, &place.path, self.force, place.mirror.sync)
                    .map_err(|error| place.failure(error))?;
                shop.folder.remove(name.as_ref(), &from).map_err(|error| place.failure(error))
            }
            renamed => renamed.map_err(|error| place.failure(error)),
        }
    }
}

/// Copies a file to another file system, with its permissions and its time, through a private file
/// beside its place.
fn carry_over(mut file: File, path: &Path, force: bool, sync: bool) -> io::Result<()> {
    let metadata = file.metadata()?;
    let folder = output::folder_of(path);
    let mut temp = Temp::create(folder)?;
    io::copy(&mut file, temp.file_mut())?;
    Attributes::of(&file)?.apply(temp.file());
    times::set(temp.file(), path, platform::modified(&metadata));
    if sync {
        temp.file().sync_all()?;
    }
    temp.persist(path, force)?;
    if sync { platform::sync_dir(folder) } else { Ok(()) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::mirror::Limits;
    use super::*;

    fn written(place: &Place) -> Option<Staged> {
        let making =
            Making { mode: 0o600, force: false, len: Some(4), modified: None, replaces: None };
        let mut made = place.make(making).ok()?;
        made.write_all(b"text").ok()?;
        made.finish().ok()?
    }

    #[test]
    fn a_full_folder_appears_and_the_next_files_wait_for_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let (input, root) = (dir.path().join("in"), dir.path().join("out"));
        std::fs::create_dir(&input).unwrap();
        let limits = Limits { files: 2, bytes: 1_000, file: 100 };
        let (mirror, mut branch) = Mirror::new(&input, 0o750, &root, true, limits).unwrap();
        let mut place = |name: &str| branch.place(Path::new(name));
        drop(written(&place("a")).unwrap());
        // A file that fails is gone, and counts for nothing.
        let failing =
            Making { mode: 0o600, force: false, len: Some(4), modified: None, replaces: None };
        drop(place("failed").make(failing).unwrap());
        assert!(mirror.is_private() && !mirror.is_full() && !root.exists());
        mirror.appear().unwrap();
        assert!(!mirror.is_private() && root.join("a").exists());
        // What was not given its name is not there, whenever the run ends.
        let [first, second] = ["b", "c"].map(|name| written(&place(name)).unwrap());
        assert!(!root.join("b").exists());
        mirror.sync().unwrap();
        let Staged::File(first) = first else { unreachable!("the folder has its name") };
        first.settle().unwrap();
        drop((first, second));
        mirror.close();
        let mut names: Vec<_> =
            root.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "b"]);
        // A long file makes what is there appear, and enough files do.
        let root = dir.path().join("again");
        let (mirror, mut branch) = Mirror::new(&input, 0o750, &root, true, limits).unwrap();
        drop(written(&branch.place(Path::new("a"))).unwrap());
        assert!(!mirror.is_full() && mirror.is_private());
        drop(written(&branch.place(Path::new("b"))).unwrap());
        assert!(mirror.is_full() && mirror.is_private());
        let long =
            Making { mode: 0o600, force: false, len: Some(101), modified: None, replaces: None };
        drop(branch.place(Path::new("c")).make(long));
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
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(output::folder_of(&to).read_dir().unwrap().count(), 1);
    }
}
