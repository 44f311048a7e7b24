//! What differs between operating systems: the identity of a file, its permissions, syncing a
//! folder, opening without following.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::path::Path;
use std::time::SystemTime;

#[cfg(unix)]
pub(crate) use unix::{
    FileId, Terminal, create_private_dir, create_side, file_id, folder_lock, for_each_name,
    is_locked_by, is_mine, is_pipe, mode, modified, open_many, open_side, read_at, rename_folder,
    reserve, room_pays, set_mode, start_writing, stdout_file, sync_dir, umask,
};
#[cfg(unix)]
pub(crate) use unix::{is_ignored, time, wide};

#[cfg(not(unix))]
pub(crate) use other::{
    FileId, Terminal, create_private_dir, create_side, file_id, folder_lock, for_each_name,
    is_locked_by, is_mine, is_pipe, mode, modified, open_many, open_side, read_at, rename_folder,
    reserve, room_pays, set_mode, start_writing, stdout_file, sync_dir,
};

/// Permissions that nobody but the owner has.
pub(crate) const PRIVATE: u32 = 0o600;

#[cfg(unix)]
mod unix {
    use std::os::fd::AsFd;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{
        DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _,
        PermissionsExt as _,
    };
    use std::sync::OnceLock;
    use std::time::Duration;

    use nix::sys::signal::Signal;
    use rustix::fs::{Dir, Mode, OFlags};
    use rustix::termios::{OptionalActions, Termios};

    use super::*;

    /// Device and inode: the same for every alias of a file.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub(crate) struct FileId(u64, u64);

    impl FileId {
        pub(crate) const fn of(device: u64, inode: u64) -> Self {
            Self(device, inode)
        }
    }

    pub(crate) fn file_id(_path: &Path, metadata: &Metadata) -> io::Result<FileId> {
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    /// Whether it is a FIFO or a pipe.
    pub(crate) fn is_pipe(metadata: &Metadata) -> bool {
        metadata.file_type().is_fifo()
    }

    /// Permissions for an output made of this input: never wider, never executable, readable and
    /// writable for the owner.
    pub(crate) fn mode(metadata: &Metadata) -> u32 {
        (metadata.mode() & 0o666) | PRIVATE
    }

    pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(std::fs::Permissions::from_mode(mode))
    }

    /// When it was last written.
    pub(crate) fn modified(metadata: &Metadata) -> Option<SystemTime> {
        time(metadata.mtime(), metadata.mtime_nsec())
    }

    /// The time that a file system states. Some state times before 1970 with negative nanoseconds,
    /// and some more of them than a second has, where the standard library has no time at all.
    pub(crate) fn time(seconds: i64, nanos: i64) -> Option<SystemTime> {
        let moved = |from: SystemTime, by: Duration, back: bool| match back {
            true => from.checked_sub(by),
            false => from.checked_add(by),
        };
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let whole = moved(SystemTime::UNIX_EPOCH, whole, seconds < 0)?;
        moved(whole, Duration::from_nanos(nanos.unsigned_abs()), nanos < 0)
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

    /// What is locked as long as somebody works in a folder: the folder itself.
    pub(crate) fn folder_lock(path: &Path) -> io::Result<File> {
        open_side(path)
    }

    /// Whether it is this folder that was locked.
    pub(crate) fn is_locked_by(lock: &File, path: &Path) -> bool {
        let id = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let held = lock.metadata().map(id).ok();
        held.is_some() && held == path.symlink_metadata().map(id).ok()
    }

    /// Gives a folder another name that is free; nothing but an empty folder is replaced anywhere.
    pub(crate) fn rename_folder(from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            use rustix::io::Errno;
            match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
                // A file system that cannot.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                renamed => return Ok(renamed?),
            }
        }
        std::fs::rename(from, to)
    }

    /// What the system tells has other types on other systems.
    pub(crate) fn wide<T: Default>(number: impl TryInto<T>) -> T {
        number.try_into().unwrap_or_default()
    }

    /// Permissions that this process does not give to what it makes.
    pub(crate) fn umask() -> u32 {
        static UMASK: OnceLock<u32> = OnceLock::new();
        *UMASK.get_or_init(|| {
            // It can only be read by setting it: for this moment to the strictest.
            let mask = rustix::process::umask(Mode::RWXU | Mode::RWXG | Mode::RWXO);
            rustix::process::umask(mask);
            wide(mask.bits())
        })
    }

    /// Lets this run hold as many files open as it may: a deep tree holds each of its levels.
    /// Returns how many that are.
    pub(crate) fn open_many() -> u64 {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
    }

    /// Whether it belongs to the user who runs this.
    pub(crate) fn is_mine(metadata: &Metadata) -> bool {
        metadata.uid() == rustix::process::geteuid().as_raw()
    }

    /// Tells every name in a folder, those of the folder and its parent too.
    pub(crate) fn for_each_name(folder: &Path, mut tell: impl FnMut(&OsStr)) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder, flags, Mode::empty())?;
        for entry in Dir::new(folder)? {
            tell(OsStr::from_bytes(entry?.file_name().to_bytes()));
        }
        Ok(())
    }

    /// Whether this process was started to ignore a signal; known on Linux only.
    #[allow(clippy::as_conversions, reason = "the number that a signal is")]
    pub(crate) fn is_ignored(signal: Signal) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
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

    /// Whether taking room before writing pays. A file system in memory looks up each page twice then,
    /// and writes into one file are serial there: a third of the time.
    #[cfg(target_os = "linux")]
    pub(crate) fn room_pays(file: &File) -> bool {
        rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type != TMPFS_MAGIC)
    }

    /// Elsewhere it is not done.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn room_pays(_file: &File) -> bool {
        false
    }

    /// `statfs(2)`: the type of tmpfs.
    #[cfg(target_os = "linux")]
    const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;

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
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub(crate) struct FileId(PathBuf);

    pub(crate) fn file_id(path: &Path, _metadata: &Metadata) -> io::Result<FileId> {
        path.canonicalize().map(FileId)
    }

    /// Not known here.
    pub(crate) fn is_pipe(_metadata: &Metadata) -> bool {
        false
    }

    pub(crate) fn mode(_metadata: &Metadata) -> u32 {
        PRIVATE
    }

    pub(crate) fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn modified(metadata: &Metadata) -> Option<SystemTime> {
        metadata.modified().ok()
    }

    pub(crate) fn for_each_name(folder: &Path, mut tell: impl FnMut(&OsStr)) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            tell(&entry?.file_name());
        }
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

    /// A folder cannot be locked here, but a file in it can.
    pub(crate) fn folder_lock(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(false).open(path.join("lock"))
    }

    pub(crate) fn is_locked_by(_lock: &File, path: &Path) -> bool {
        path.join("lock").exists()
    }

    pub(crate) fn rename_folder(from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// A limit that no run here reaches.
    pub(crate) fn open_many() -> u64 {
        u64::MAX
    }

    pub(crate) fn is_mine(_metadata: &Metadata) -> bool {
        true
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

    pub(crate) fn room_pays(_file: &File) -> bool {
        false
    }

    pub(crate) fn reserve(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn start_writing(_file: &File, _offset: u64, _len: NonZeroU64) {}
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_may_have_any_seconds_and_nanoseconds() {
        let epoch = SystemTime::UNIX_EPOCH;
        for (seconds, nanos, expected) in [
            (0, 0, Some(epoch)),
            (10, 7, Some(epoch + Duration::new(10, 7))),
            (-10, 7, Some(epoch - Duration::new(9, 999_999_993))),
            // As macOS states times before 1970.
            (-10, -7, Some(epoch - Duration::new(10, 7))),
            (0, -1, Some(epoch - Duration::new(0, 1))),
            (10, 1_500_000_000, Some(epoch + Duration::new(11, 500_000_000))),
            (1 << 33, 0, Some(epoch + Duration::new(1 << 33, 0))),
            (i64::MIN, -1, None),
        ] {
            assert_eq!(time(seconds, nanos), expected, "{seconds} {nanos}");
        }
    }
}
