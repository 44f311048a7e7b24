//! Handles differences between file systems: not all of them sync directories, lock, accept writes
//! in any order or rename a directory, and some store a file only when it is closed.

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(not(unix))]
pub(crate) use other::{
    close, file_system, flush, is_unsupported, may_move_times, renames_dirs, sync_dir, sync_file,
    takes_any_order,
};
#[cfg(unix)]
pub(crate) use unix::{
    close, file_system, flush, is_unsupported, may_move_times, renames_dirs, sync_dir, sync_file,
    takes_any_order,
};

#[cfg(unix)]
mod unix {
    use rustix::io::Errno;

    use super::*;
    use crate::output::parent_dir;

    /// Returns the name of the file system at a path, where the system knows it.
    pub(crate) fn file_system(path: &Path) -> Option<String> {
        let dir = parent_dir(path);
        let device = rustix::fs::stat(dir).ok()?.st_dev;
        let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mut mounts = mounts.lines().filter_map(|line| line.split_once(" - "));
        let (_, found) =
            mounts.find(|(mount, _)| mount.split(' ').nth(2) == Some(device.as_str()))?;
        found.split(' ').next().map(str::to_owned)
    }

    /// Closes a file. Some mounts store written bytes only now, and report failure only here.
    pub(crate) fn close(file: File) -> io::Result<()> {
        match nix::unistd::close(file) {
            Err(nix::errno::Errno::EINTR) => Ok(()),
            closed => Ok(closed?),
        }
    }

    /// Does what closing does, but leaves the file open and locked.
    pub(crate) fn flush(file: &File) -> io::Result<()> {
        file.try_clone().and_then(close)
    }

    /// Waits until a file is on disk. A file system without that call is assumed to need none.
    pub(crate) fn sync_file(file: &File) -> io::Result<()> {
        unless_unsupported(file.sync_all())
    }

    /// Waits until the names in a directory are on disk, as far as possible: some file systems sync
    /// no directories, and one that is not readable cannot be opened. The files in it are on disk
    /// by then.
    pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
        let synced = unless_unsupported(File::open(dir).and_then(|dir| dir.sync_all()));
        match synced.as_ref().err().and_then(Errno::from_io_error) {
            Some(Errno::BADF | Errno::ISDIR | Errno::ACCESS | Errno::PERM) => Ok(()),
            _ => synced,
        }
    }

    /// Ignores an error of a call that this file system does not have.
    fn unless_unsupported(done: io::Result<()>) -> io::Result<()> {
        done.or_else(|error| if is_unsupported(&error) { Ok(()) } else { Err(error) })
    }

    /// Returns whether an error says that a file system does not have a call, or has no locks.
    pub(crate) fn is_unsupported(error: &io::Error) -> bool {
        matches!(
            Errno::from_io_error(error),
            Some(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::NOTTY | Errno::NOLCK)
        )
    }

    /// Returns whether a file may be written in any order. Some FUSE file systems stream to a cloud
    /// and accept writes only in order.
    #[cfg(target_os = "linux")]
    pub(crate) fn takes_any_order(file: &File) -> bool {
        rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type != FUSE_MAGIC)
    }

    /// No such file system is known elsewhere.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn takes_any_order(_file: &File) -> bool {
        true
    }

    /// Returns whether the time of a file may change without a write: some FUSE file systems reset
    /// it whenever a file that is not stored yet is opened.
    #[cfg(target_os = "linux")]
    pub(crate) fn may_move_times(file: &File) -> bool {
        !takes_any_order(file)
    }

    /// Returns whether a directory can be renamed together with files just written in it. Some FUSE
    /// file systems cannot, some copy each file, and some lose sight of the files for a while.
    #[cfg(target_os = "linux")]
    pub(crate) fn renames_dirs(dir: &Path) -> bool {
        rustix::fs::statfs(dir).is_ok_and(|found| found.f_type != FUSE_MAGIC)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn may_move_times(_file: &File) -> bool {
        false
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn renames_dirs(_dir: &Path) -> bool {
        true
    }

    /// `statfs(2)`: the type of FUSE.
    #[cfg(target_os = "linux")]
    const FUSE_MAGIC: rustix::fs::FsWord = 0x6573_5546;
}

#[cfg(not(unix))]
mod other {
    use super::*;

    pub(crate) fn file_system(_path: &Path) -> Option<String> {
        None
    }

    /// Closes a file, which stores nothing on this system.
    pub(crate) fn close(file: File) -> io::Result<()> {
        drop(file);
        Ok(())
    }

    /// Does what closing does.
    pub(crate) fn flush(_file: &File) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn sync_file(file: &File) -> io::Result<()> {
        file.sync_all()
    }

    /// Does nothing: directories cannot be synced on this system.
    pub(crate) fn sync_dir(_dir: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn is_unsupported(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }

    pub(crate) fn takes_any_order(_file: &File) -> bool {
        true
    }

    pub(crate) fn may_move_times(_file: &File) -> bool {
        false
    }

    /// Returns false: an open file in a directory prevents its rename.
    pub(crate) fn renames_dirs(_dir: &Path) -> bool {
        false
    }
}
