//! One open folder. On Unix everything in it is reached through the open folder itself, so that a
//! folder that somebody swaps for
//! a link in the meantime is not followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

/// What lies under a name.
pub(super) enum Kind {
    File {
        len: u64,
    },
    Folder,
    /// Nothing to be read as a file, and why.
    Other(&'static str),
}

#[cfg(unix)]
pub(super) use unix::Folder;

#[cfg(not(unix))]
pub(super) use other::Folder;

#[cfg(unix)]
mod unix {
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

    use super::*;

    #[derive(Debug)]
    pub(in super::super) struct Folder(OwnedFd);

    impl Folder {
        /// The folder that the user named, by a link perhaps.
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self(rustix::fs::open(path, FOLDER, Mode::empty())?))
        }

        /// A folder in it.
        pub(in super::super) fn folder(&self, name: &OsStr, _path: &Path) -> io::Result<Self> {
            let flags = FOLDER | OFlags::NOFOLLOW;
            Ok(Self(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
        }

        /// A file in it; a FIFO is not waited for.
        pub(in super::super) fn file(&self, name: &OsStr, _path: &Path) -> io::Result<File> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
        }

        pub(in super::super) fn kind(&self, name: &OsStr, _path: &Path) -> io::Result<Kind> {
            let found = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(match FileType::from_raw_mode(found.st_mode) {
                FileType::RegularFile => {
                    Kind::File { len: u64::try_from(found.st_size).unwrap_or(0) }
                }
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Other("a symbolic link"),
                FileType::Fifo => Kind::Other("a FIFO"),
                FileType::Socket => Kind::Other("a socket"),
                FileType::CharacterDevice | FileType::BlockDevice => Kind::Other("a device"),
                FileType::Unknown => Kind::Other("neither a file nor a folder"),
            })
        }

        /// The names in it, in the order of their bytes.
        pub(in super::super) fn names(&self, _path: &Path) -> io::Result<Vec<OsString>> {
            let mut names = Vec::new();
            for entry in Dir::read_from(&self.0)? {
                let entry = entry?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                if name != "." && name != ".." {
                    names.push(name.to_owned());
                }
            }
            names.sort_unstable();
            Ok(names)
        }
    }

    const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
}

#[cfg(not(unix))]
mod other {
    use super::*;

    /// Here a folder is a path, and a link is looked for before each step.
    #[derive(Debug)]
    pub(in super::super) struct Folder;

    impl Folder {
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            std::fs::read_dir(path).map(|_| Self)
        }

        pub(in super::super) fn folder(&self, _name: &OsStr, path: &Path) -> io::Result<Self> {
            no_link(path)?;
            Self::open(path)
        }

        pub(in super::super) fn file(&self, _name: &OsStr, path: &Path) -> io::Result<File> {
            no_link(path)?;
            File::open(path)
        }

        pub(in super::super) fn kind(&self, _name: &OsStr, path: &Path) -> io::Result<Kind> {
            let found = path.symlink_metadata()?;
            Ok(match found.file_type() {
                kind if kind.is_file() => Kind::File { len: found.len() },
                kind if kind.is_dir() => Kind::Folder,
                kind if kind.is_symlink() => Kind::Other("a symbolic link"),
                _ => Kind::Other("neither a file nor a folder"),
            })
        }

        pub(in super::super) fn names(&self, path: &Path) -> io::Result<Vec<OsString>> {
            let entries = std::fs::read_dir(path)?;
            let mut names: Vec<_> =
                entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
            names.sort_unstable();
            Ok(names)
        }
    }

    fn no_link(path: &Path) -> io::Result<()> {
        if path.symlink_metadata()?.file_type().is_symlink() {
            return Err(io::Error::other("a link took its place"));
        }
        Ok(())
    }
}
