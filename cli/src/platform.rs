//! What differs between operating systems: the identity of a file, its permissions, syncing a folder, opening without following.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(unix)]
pub(crate) use unix::{
    FileId, create_private_dir, create_side, file_id, mode, open_side, set_mode, stdout_file,
    sync_dir,
};

#[cfg(not(unix))]
pub(crate) use other::{
    FileId, create_private_dir, create_side, file_id, mode, open_side, set_mode, stdout_file,
    sync_dir,
};

/// Permissions that nobody but the owner has.
pub(crate) const PRIVATE: u32 = 0o600;

#[cfg(unix)]
mod unix {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    };

    use rustix::fs::{Mode, OFlags};

    use super::*;

    /// Device and inode: the same for every alias of a file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct FileId(u64, u64);

    pub(crate) fn file_id(_path: &Path, metadata: &Metadata) -> io::Result<FileId> {
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    /// Permissions for an output made of this input: never wider, never executable, readable and writable for the owner.
    pub(crate) fn mode(metadata: &Metadata) -> u32 {
        (metadata.mode() & 0o666) | PRIVATE
    }

    pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(std::fs::Permissions::from_mode(mode))
    }

    pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    /// A folder that only its owner enters.
    pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(0o700).create(path)
    }

    /// A new private file; one that exists is left alone.
    pub(crate) fn create_side(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
    }

    /// Opens for reading without following a link and without waiting for a writer.
    pub(crate) fn open_side(path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Stdout without a buffer of its own.
    pub(crate) fn stdout_file() -> io::Result<File> {
        Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }
}

#[cfg(not(unix))]
mod other {
    use std::path::PathBuf;

    use super::*;

    /// The resolved path: sees through links and spellings, not through hard links.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct FileId(PathBuf);

    pub(crate) fn file_id(path: &Path, _metadata: &Metadata) -> io::Result<FileId> {
        path.canonicalize().map(FileId)
    }

    pub(crate) fn mode(_metadata: &Metadata) -> u32 {
        PRIVATE
    }

    pub(crate) fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    /// A rename is as durable as this system makes it.
    pub(crate) fn sync_dir(_dir: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    pub(crate) fn create_side(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(crate) fn open_side(path: &Path) -> io::Result<File> {
        if path.symlink_metadata()?.file_type().is_symlink() {
            return Err(io::Error::other("a link"));
        }
        File::open(path)
    }

    pub(crate) fn stdout_file() -> io::Result<io::Stdout> {
        Ok(io::stdout())
    }
}
