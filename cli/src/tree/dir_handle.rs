//! Reads and writes one open directory. On Unix every access goes through the open directory, so a
//! directory that is swapped for a link meanwhile is not followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::skip_reason::SkipReason;
use crate::platform::FileId;

/// What the system says about a name.
#[derive(Debug)]
pub(crate) struct Status {
    /// Length of a regular file, which a link is not.
    pub(crate) len: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
    pub(crate) id: FileId,
    pub(crate) is_dir: bool,
}

/// A name in an open directory, and its path. Only one of the two is used, depending on the system.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "Unix uses the name, other systems the path")]
pub(super) struct DirEntry<'a> {
    pub(super) name: &'a OsStr,
    pub(super) path: &'a Path,
}

/// A name in a directory, and its kind where the directory has it.
pub(super) type Name = (OsString, Option<Kind>);

/// What a name refers to.
pub(super) enum Kind {
    File,
    Directory,
    /// Neither a file nor a directory, with the reason why it is skipped.
    Other(SkipReason),
}

#[cfg(unix)]
pub(super) use unix::DirHandle;

#[cfg(not(unix))]
pub(super) use other::DirHandle;

#[cfg(unix)]
mod unix {
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
    use rustix::io::Errno;

    use super::*;
    use crate::claim;
    use crate::platform::{self, At, wide};
    use crate::publish::{self, PublishError};

    #[derive(Debug)]
    pub(in super::super) struct DirHandle(OwnedFd);

    impl DirHandle {
        /// Opens a directory that the user named, possibly through a link.
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self(rustix::fs::open(path, FOLDER, Mode::empty())?))
        }

        /// Opens a directory that this run has made, without following a link.
        pub(in super::super) fn open_own(path: &Path) -> io::Result<Self> {
            Ok(Self(rustix::fs::open(path, FOLDER | OFlags::NOFOLLOW, Mode::empty())?))
        }

        /// Opens a subdirectory.
        pub(in super::super) fn dir(&self, name: &OsStr, _path: &Path) -> io::Result<Self> {
            let flags = FOLDER | OFlags::NOFOLLOW;
            Ok(Self(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
        }

        /// Opens a file in it without blocking on a FIFO.
        pub(in super::super) fn file(&self, name: &OsStr, _path: &Path) -> io::Result<File> {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
        }

        pub(in super::super) fn kind(&self, name: &OsStr, _path: &Path) -> io::Result<Kind> {
            let found = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let kind = kind(FileType::from_raw_mode(found.st_mode));
            Ok(kind.unwrap_or(Kind::Other(SkipReason::NoFile)))
        }

        /// Returns the status of a name, or nothing where it is free.
        pub(in super::super) fn status(
            &self,
            name: &OsStr,
            _path: &Path,
        ) -> io::Result<Option<Status>> {
            let found = match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => return Ok(None),
                found => found?,
            };
            let kind = FileType::from_raw_mode(found.st_mode);
            let is_file = kind == FileType::RegularFile;
            Ok(Some(Status {
                len: is_file.then(|| wide(found.st_size)),
                modified: platform::time(wide(found.st_mtime), wide(found.st_mtime_nsec)),
                id: FileId::of(wide(found.st_dev), wide(found.st_ino)),
                is_dir: kind == FileType::Directory,
            }))
        }

        /// Returns the permissions for a copy of this directory, in which the owner may do
        /// everything.
        pub(in super::super) fn mode(&self, _path: &Path) -> io::Result<u32> {
            let found = rustix::fs::fstat(&self.0)?.st_mode;
            Ok(wide((Mode::from_raw_mode(found) & RIGHTS | Mode::RWXU).bits()))
        }

        /// Creates a subdirectory with these permissions, whatever the umask.
        pub(in super::super) fn make(
            &self,
            name: &OsStr,
            path: &Path,
            mode: u32,
        ) -> io::Result<Self> {
            let bits = mode_of(mode);
            rustix::fs::mkdirat(&self.0, name, bits)?;
            let made = self.dir(name, path)?;
            made.set_mode(path, mode);
            Ok(made)
        }

        /// Sets the permissions, as far as the file system can.
        pub(in super::super) fn set_mode(&self, _path: &Path, mode: u32) {
            let _ = rustix::fs::fchmod(&self.0, mode_of(mode));
        }

        /// Creates a file in it, unless the name is taken.
        pub(in super::super) fn create(
            &self,
            name: &OsStr,
            _path: &Path,
            mode: u32,
        ) -> io::Result<File> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
            let flags = flags | OFlags::CLOEXEC;
            let file = File::from(rustix::fs::openat(&self.0, name, flags, mode_of(mode))?);
            if mode & platform::umask() != 0 {
                // The file was created private, so a failure here is harmless.
                let _ = platform::set_mode(&file, mode);
            }
            Ok(file)
        }

        /// Renames a file of this directory into another one.
        pub(in super::super) fn rename(
            &self,
            from: DirEntry<'_>,
            dir: &Self,
            to: DirEntry<'_>,
            replace: bool,
        ) -> Result<(), PublishError> {
            if replace {
                let renamed = rustix::fs::renameat(&self.0, from.name, &dir.0, to.name);
                return renamed
                    .map_err(|error| PublishError::new("renaming it over the old file", error));
            }
            publish::rename_new(At::entry(&self.0, from.name), At::entry(&dir.0, to.name))
        }

        /// Removes the claim that a killed run left at a name, and its marker.
        pub(in super::super) fn recover(&self, name: &OsStr) {
            claim::recover(At::entry(&self.0, name));
        }

        /// Returns whether a file of this length may be a claim.
        pub(in super::super) fn may_be_claim(len: u64) -> bool {
            claim::may_be_claim(len)
        }

        pub(in super::super) fn remove(&self, name: &OsStr, _path: &Path) -> io::Result<()> {
            Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
        }

        /// Removes an empty subdirectory.
        pub(in super::super) fn remove_dir(&self, name: &OsStr, _path: &Path) -> io::Result<()> {
            Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
        }

        /// Waits until everything on the file system of this directory is on disk.
        #[cfg(target_os = "linux")]
        pub(in super::super) fn sync_fs(&self) -> io::Result<()> {
            match rustix::fs::syncfs(&self.0) {
                // Without `syncfs`, everything is synced.
                Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => {
                    rustix::fs::sync();
                    Ok(())
                }
                synced => Ok(synced?),
            }
        }

        /// Returns the names in it, in byte order.
        pub(in super::super) fn names(&self, _path: &Path) -> io::Result<Vec<Name>> {
            let mut names = Vec::new();
            for entry in Dir::read_from(&self.0)? {
                let entry = entry?;
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                if name != "." && name != ".." {
                    names.push((name.to_owned(), kind(entry.file_type())));
                }
            }
            names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            Ok(names)
        }
    }

    fn kind(found: FileType) -> Option<Kind> {
        Some(match found {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Other(SkipReason::Symlink),
            FileType::Fifo => Kind::Other(SkipReason::Fifo),
            FileType::Socket => Kind::Other(SkipReason::Socket),
            FileType::CharacterDevice | FileType::BlockDevice => Kind::Other(SkipReason::Device),
            FileType::Unknown => return None,
        })
    }

    fn mode_of(mode: u32) -> Mode {
        Mode::from_bits_truncate(wide(mode))
    }

    const RIGHTS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);
    const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
}

#[cfg(not(unix))]
mod other {
    use super::*;
    use crate::platform::At;
    use crate::publish::{self, PublishError};

    /// A directory is a path on this system; each step checks for a link first.
    #[derive(Debug)]
    pub(in super::super) struct DirHandle;

    impl DirHandle {
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            std::fs::read_dir(path).map(|_| Self)
        }

        pub(in super::super) fn open_own(path: &Path) -> io::Result<Self> {
            no_link(path)?;
            Self::open(path)
        }

        pub(in super::super) fn dir(&self, _name: &OsStr, path: &Path) -> io::Result<Self> {
            no_link(path)?;
            Self::open(path)
        }

        pub(in super::super) fn file(&self, _name: &OsStr, path: &Path) -> io::Result<File> {
            no_link(path)?;
            File::open(path)
        }

        pub(in super::super) fn kind(&self, _name: &OsStr, path: &Path) -> io::Result<Kind> {
            Ok(kind(path.symlink_metadata()?.file_type()))
        }

        pub(in super::super) fn status(
            &self,
            _name: &OsStr,
            path: &Path,
        ) -> io::Result<Option<Status>> {
            let found = match path.symlink_metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                found => found?,
            };
            Ok(Some(Status {
                len: found.is_file().then(|| found.len()),
                modified: found.modified().ok(),
                id: crate::platform::file_id(path, &found)?,
                is_dir: found.is_dir(),
            }))
        }

        pub(in super::super) fn mode(&self, _path: &Path) -> io::Result<u32> {
            Ok(0o700)
        }

        pub(in super::super) fn make(
            &self,
            _name: &OsStr,
            path: &Path,
            _mode: u32,
        ) -> io::Result<Self> {
            std::fs::create_dir(path)?;
            Self::open(path)
        }

        pub(in super::super) fn set_mode(&self, _path: &Path, _mode: u32) {}

        pub(in super::super) fn create(
            &self,
            _name: &OsStr,
            path: &Path,
            _mode: u32,
        ) -> io::Result<File> {
            File::options().write(true).create_new(true).open(path)
        }

        pub(in super::super) fn rename(
            &self,
            from: DirEntry<'_>,
            _dir: &Self,
            to: DirEntry<'_>,
            replace: bool,
        ) -> Result<(), PublishError> {
            if replace {
                return Ok(std::fs::rename(from.path, to.path)?);
            }
            publish::rename_new(At::path(from.path), At::path(to.path))
        }

        /// Does nothing: there are no claims on this system.
        pub(in super::super) fn recover(&self, _name: &OsStr) {}

        pub(in super::super) fn may_be_claim(_len: u64) -> bool {
            false
        }

        pub(in super::super) fn remove(&self, _name: &OsStr, path: &Path) -> io::Result<()> {
            std::fs::remove_file(path)
        }

        pub(in super::super) fn remove_dir(&self, _name: &OsStr, path: &Path) -> io::Result<()> {
            no_link(path)?;
            std::fs::remove_dir(path)
        }

        pub(in super::super) fn names(&self, path: &Path) -> io::Result<Vec<Name>> {
            let named =
                |entry: std::fs::DirEntry| (entry.file_name(), entry.file_type().ok().map(kind));
            let entries = std::fs::read_dir(path)?;
            let mut names: Vec<_> =
                entries.map(|entry| entry.map(named)).collect::<io::Result<_>>()?;
            names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            Ok(names)
        }
    }

    fn kind(found: std::fs::FileType) -> Kind {
        match found {
            found if found.is_file() => Kind::File,
            found if found.is_dir() => Kind::Directory,
            found if found.is_symlink() => Kind::Other(SkipReason::Symlink),
            _ => Kind::Other(SkipReason::NoFile),
        }
    }

    fn no_link(path: &Path) -> io::Result<()> {
        if path.symlink_metadata()?.file_type().is_symlink() {
            return Err(io::Error::other("a link took its place"));
        }
        Ok(())
    }
}
