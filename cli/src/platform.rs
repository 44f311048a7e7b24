//! What differs between operating systems: the identity of a file, its permissions, syncing a
//! folder, opening without following.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::path::Path;

#[cfg(unix)]
pub(crate) use unix::is_ignored;
#[cfg(unix)]
pub(crate) use unix::{
    FileId, Terminal, create_dir_like, create_private_dir, create_side, file_id, is_mine, mode,
    open_side, read_at, reserve, set_mode, start_writing, stdout_file, sync_dir, was_closed,
};

#[cfg(not(unix))]
pub(crate) use other::{
    FileId, Terminal, create_dir_like, create_private_dir, create_side, file_id, is_mine, mode,
    open_side, read_at, reserve, set_mode, start_writing, stdout_file, sync_dir, was_closed,
};

/// Permissions that nobody but the owner has.
pub(crate) const PRIVATE: u32 = 0o600;

#[cfg(unix)]
mod unix {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    };

    use rustix::fs::{Mode, OFlags};
    use rustix::termios::{OptionalActions, Termios};

    use super::*;

    /// Device and inode: the same for every alias of a file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct FileId(u64, u64);

    pub(crate) fn file_id(_path: &Path, metadata: &Metadata) -> io::Result<FileId> {
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    /// Permissions for an output made of this input: never wider, never executable, readable and
    /// writable for the owner.
    pub(crate) fn mode(metadata: &Metadata) -> u32 {
        (metadata.mode() & 0o666) | PRIVATE
    }

    pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(std::fs::Permissions::from_mode(mode))
    }

    /// A folder that lets others do what another one lets them, never more, and its owner
    /// everything.
    pub(crate) fn create_dir_like(path: &Path, like: &Metadata) -> io::Result<()> {
        let mode = (like.mode() & 0o777) | 0o700;
        std::fs::DirBuilder::new().mode(mode).create(path)?;
        // What the umask took away.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
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

    /// Whether a standard stream was closed when this process began: then Rust's runtime has put
    /// the null device there, open for reading *and* writing, which no shell does that redirects
    /// one way.
    pub(crate) fn was_closed(stream: impl AsFd) -> bool {
        let null = rustix::fs::stat("/dev/null").map(|null| null.st_rdev);
        let found = rustix::fs::fstat(&stream).map(|found| found.st_rdev);
        let flags = rustix::fs::fcntl_getfl(&stream).map(|flags| flags & OFlags::RWMODE);
        null.is_ok() && found == null && flags == Ok(OFlags::RDWR)
    }

    /// Whether it belongs to the user who runs this.
    pub(crate) fn is_mine(metadata: &Metadata) -> bool {
        metadata.uid() == rustix::process::geteuid().as_raw()
    }

    /// Whether this process was started with a signal ignored; known on Linux only.
    pub(crate) fn is_ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        let bit = u32::try_from(signal - 1).ok().and_then(|place| 1_u64.checked_shl(place));
        mask.zip(bit).is_some_and(|(mask, bit)| mask & bit != 0)
    }

    /// A terminal and its settings.
    pub(crate) struct Terminal(File, Termios);

    impl Terminal {
        pub(crate) fn save() -> Option<Self> {
            let terminal = File::open("/dev/tty").ok()?;
            let settings = rustix::termios::tcgetattr(&terminal).ok()?;
            Some(Self(terminal, settings))
        }

        pub(crate) fn restore(&self) {
            let _ = rustix::termios::tcsetattr(&self.0, OptionalActions::Now, &self.1);
        }
    }

    /// Stdout without a buffer of its own.
    pub(crate) fn stdout_file() -> io::Result<File> {
        Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// One system call for all slices.
    pub(crate) fn read_at(
        file: &File,
        out: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> io::Result<usize> {
        Ok(rustix::io::preadv(file, out, offset)?)
    }

    /// Takes the room for a part of a file before it is written; a system that cannot says nothing.
    pub(crate) fn reserve(file: &File, offset: u64, len: u64) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::FallocateFlags;
            use rustix::io::Errno;
            let reserved = rustix::fs::fallocate(file, FallocateFlags::empty(), offset, len);
            if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) = reserved {
                return Err(error.into());
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (file, offset, len);
        Ok(())
    }

    /// Lets the system begin to write a finished part to disk, so that a sync finds less to do.
    pub(crate) fn start_writing(file: &File, offset: u64, len: NonZeroU64) {
        // On Linux this starts writing back what is dirty, without waiting for it.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(file, offset, Some(len), rustix::fs::Advice::DontNeed);
        #[cfg(not(target_os = "linux"))]
        let _ = (file, offset, len);
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

    pub(crate) fn create_dir_like(path: &Path, _like: &Metadata) -> io::Result<()> {
        std::fs::create_dir(path)
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

    pub(crate) fn is_mine(_metadata: &Metadata) -> bool {
        true
    }

    /// Not known here.
    pub(crate) fn was_closed<T>(_stream: T) -> bool {
        false
    }

    /// The system restores what a console was.
    pub(crate) struct Terminal;

    impl Terminal {
        pub(crate) fn save() -> Option<Self> {
            None
        }

        pub(crate) fn restore(&self) {}
    }

    pub(crate) fn stdout_file() -> io::Result<io::Stdout> {
        Ok(io::stdout())
    }

    pub(crate) fn read_at(
        file: &File,
        out: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> io::Result<usize> {
        keystead::ReadAt::read_at(file, out, offset)
    }

    pub(crate) fn reserve(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn start_writing(_file: &File, _offset: u64, _len: NonZeroU64) {}
}
