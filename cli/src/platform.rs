//! Handles differences between operating systems: the identity of a file, its permissions, opening
//! without following links.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

#[cfg(unix)]
pub(crate) use unix::{
    At, FileId, Terminal, create_private_dir, create_side, dir_lock, file_id, has_room,
    is_locked_by, is_mine, is_out_of_files, is_pipe, is_still_at, mode, mode_of, modified,
    next_data, open_many, open_side, punch, read_at, rename_dir, reserve, room_pays, set_mode,
    start_writing, stdout_file, umask,
};
#[cfg(unix)]
pub(crate) use unix::{is_ignored, time, wide};

#[cfg(not(unix))]
pub(crate) use other::{
    At, FileId, Terminal, create_private_dir, create_side, dir_lock, file_id, has_room,
    is_locked_by, is_mine, is_out_of_files, is_pipe, is_still_at, mode, mode_of, modified,
    next_data, open_many, open_side, punch, read_at, rename_dir, reserve, room_pays, set_mode,
    start_writing, stdout_file,
};

/// Permissions for the owner only.
pub(crate) const PRIVATE: u32 = 0o600;

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::fs::{
        DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _,
        PermissionsExt as _,
    };
    use std::sync::OnceLock;
    use std::time::Duration;

    use nix::sys::signal::Signal;
    use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, fstat, statat};
    use rustix::io::Errno;
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

    /// A name, relative to the working directory or to an open one.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct At<'a> {
        pub(crate) dir: BorrowedFd<'a>,
        pub(crate) path: &'a Path,
    }

    impl<'a> At<'a> {
        pub(crate) const fn path(path: &'a Path) -> Self {
            Self { dir: CWD, path }
        }

        pub(crate) fn entry(dir: &'a impl AsFd, name: &'a OsStr) -> Self {
            Self { dir: dir.as_fd(), path: Path::new(name) }
        }
    }

    /// Returns whether an open file still has its name. Some file systems derive the inode number
    /// from the path, so a new file has the number of the old one but another time.
    pub(crate) fn is_still_at(file: &File, at: At<'_>) -> bool {
        let stamp = |found: Stat| {
            (found.st_dev, found.st_ino, found.st_mtime, found.st_mtime_nsec, found.st_size)
        };
        let open = fstat(file).map(stamp);
        open.is_ok() && open == statat(at.dir, at.path, AtFlags::SYMLINK_NOFOLLOW).map(stamp)
    }

    pub(crate) fn file_id(_path: &Path, metadata: &Metadata) -> io::Result<FileId> {
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    /// Returns whether it is a FIFO or a pipe.
    pub(crate) fn is_pipe(metadata: &Metadata) -> bool {
        metadata.file_type().is_fifo()
    }

    /// Returns the permissions for an output of this input: never wider, never executable, readable
    /// and writable for the owner.
    pub(crate) fn mode(metadata: &Metadata) -> u32 {
        (metadata.mode() & 0o666) | PRIVATE
    }

    pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(std::fs::Permissions::from_mode(mode))
    }

    /// Returns the permissions that the file system shows.
    pub(crate) fn mode_of(file: &File) -> Option<u32> {
        file.metadata().ok().map(|found| found.mode() & 0o777)
    }

    /// Returns when it was last written.
    pub(crate) fn modified(metadata: &Metadata) -> Option<SystemTime> {
        time(metadata.mtime(), metadata.mtime_nsec())
    }

    /// Converts the time that a file system states. Some state negative nanoseconds before 1970, or
    /// more than a second has, which the standard library rejects.
    pub(crate) fn time(seconds: i64, nanos: i64) -> Option<SystemTime> {
        let moved = |from: SystemTime, by: Duration, back: bool| match back {
            true => from.checked_sub(by),
            false => from.checked_add(by),
        };
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let whole = moved(SystemTime::UNIX_EPOCH, whole, seconds < 0)?;
        moved(whole, Duration::from_nanos(nanos.unsigned_abs()), nanos < 0)
    }

    /// Creates a directory that only its owner may enter.
    pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(0o700).create(path)
    }

    /// Creates a private file. Fails if it exists.
    pub(crate) fn create_side(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
    }

    /// Opens for reading without following a link and without waiting for a writer.
    pub(crate) fn open_side(path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Opens the file to lock while working in a directory: the directory itself.
    pub(crate) fn dir_lock(path: &Path) -> io::Result<File> {
        open_side(path)
    }

    /// Returns whether the locked directory is still at this path.
    pub(crate) fn is_locked_by(lock: &File, path: &Path) -> bool {
        is_still_at(lock, At::path(path))
    }

    /// Renames a directory to a free name. Without a system call for that, a plain rename is used:
    /// a directory replaces no file, and only an empty directory, so nothing is lost.
    pub(crate) fn rename_dir(from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        {
            use rustix::fs::{RenameFlags, renameat_with};
            let renamed = renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE);
            match renamed {
                Err(error) if !crate::publish::is_answer(error) => {}
                renamed => return Ok(renamed?),
            }
        }
        if to.symlink_metadata().is_ok() {
            return Err(Errno::EXIST.into());
        }
        std::fs::rename(from, to)
    }

    /// Converts a number whose type differs between systems.
    pub(crate) fn wide<T: Default>(number: impl TryInto<T>) -> T {
        number.try_into().unwrap_or_default()
    }

    /// Returns the umask of this process.
    pub(crate) fn umask() -> u32 {
        static UMASK: OnceLock<u32> = OnceLock::new();
        *UMASK.get_or_init(|| {
            // The umask can only be read by setting it; the strictest value is used for that
            // moment.
            let mask = rustix::process::umask(Mode::RWXU | Mode::RWXG | Mode::RWXO);
            rustix::process::umask(mask);
            wide(mask.bits())
        })
    }

    /// Returns whether the limit of open files is reached, for this process or the system.
    pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        errno.is_some_and(|errno| errno == Errno::MFILE || errno == Errno::NFILE)
    }

    /// Raises the limit of open files, since a deep tree keeps every level open. Returns the limit.
    pub(crate) fn open_many() -> u64 {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
    }

    /// Returns whether it belongs to our user.
    pub(crate) fn is_mine(metadata: &Metadata) -> bool {
        metadata.uid() == rustix::process::geteuid().as_raw()
    }

    /// Returns whether this process was started to ignore a signal; known on Linux only.
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

    /// Returns stdout without a buffer.
    pub(crate) fn stdout_file() -> io::Result<File> {
        Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// Reads at an offset, with one system call for all slices.
    pub(crate) fn read_at(
        file: &File,
        out: &mut [IoSliceMut<'_>],
        offset: u64,
    ) -> io::Result<usize> {
        Ok(rustix::io::preadv(file, out, offset)?)
    }

    /// Returns whether reserving space before writing pays off. On tmpfs each page is then looked
    /// up twice, and writes to one file are serial there: it costs a third of the time.
    #[cfg(target_os = "linux")]
    pub(crate) fn room_pays(file: &File) -> bool {
        rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type != TMPFS_MAGIC)
    }

    /// Returns false: other systems do not reserve.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn room_pays(_file: &File) -> bool {
        false
    }

    /// `statfs(2)`: the type of tmpfs.
    #[cfg(target_os = "linux")]
    const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;

    /// Returns the next part of a file that is no hole, of the `len` bytes that it has.
    #[cfg(target_os = "linux")]
    pub(crate) fn next_data(file: &File, from: u64, len: u64) -> io::Result<Option<Range<u64>>> {
        use rustix::fs::{SeekFrom, seek};
        if from >= len {
            return Ok(None);
        }
        match seek(file, SeekFrom::Data(from)) {
            Ok(start) => Ok(Some(start..seek(file, SeekFrom::Hole(start))?)),
            Err(Errno::NXIO) => Ok(None),
            // The file system has no holes.
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(Some(from..len)),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the rest of the file: other systems read all of it.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn next_data(_file: &File, from: u64, len: u64) -> io::Result<Option<Range<u64>>> {
        Ok((from < len).then_some(from..len))
    }

    /// Releases the space of a part of a file, where the system can.
    pub(crate) fn punch(file: &File, offset: u64, len: u64) {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::FallocateFlags;
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = rustix::fs::fallocate(file, flags, offset, len);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (file, offset, len);
    }

    /// Returns whether the file system has space for so many bytes; true where unknown.
    #[cfg(target_os = "linux")]
    pub(crate) fn has_room(file: &File, bytes: u64) -> bool {
        rustix::fs::fstatvfs(file)
            .map_or(true, |found| found.f_bavail.saturating_mul(found.f_frsize) >= bytes)
    }

    /// Returns true: unused on other systems.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn has_room(_file: &File, _bytes: u64) -> bool {
        true
    }

    /// Reserves space for a part of a file, where the system can.
    pub(crate) fn reserve(file: &File, offset: u64, len: u64) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::FallocateFlags;
            let reserved = rustix::fs::fallocate(file, FallocateFlags::empty(), offset, len);
            if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) = reserved {
                return Err(error.into());
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (file, offset, len);
        Ok(())
    }

    /// Starts write-back of a finished part, so that a later sync has less to do.
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

    /// Unknown on this system.
    pub(crate) fn is_pipe(_metadata: &Metadata) -> bool {
        false
    }

    /// A name, by its full path.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct At<'a> {
        pub(crate) path: &'a Path,
    }

    impl<'a> At<'a> {
        pub(crate) const fn path(path: &'a Path) -> Self {
            Self { path }
        }
    }

    pub(crate) fn is_still_at(file: &File, at: At<'_>) -> bool {
        let id = |metadata: io::Result<Metadata>| {
            metadata.and_then(|metadata| file_id(at.path, &metadata)).ok()
        };
        let open = id(file.metadata());
        open.is_some() && open == id(at.path.symlink_metadata())
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

    /// Returns nothing: this system has no permission bits.
    pub(crate) fn mode_of(_file: &File) -> Option<u32> {
        None
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

    /// Opens a file in the directory to lock, since directories cannot be locked on this system.
    pub(crate) fn dir_lock(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(false).open(path.join("lock"))
    }

    pub(crate) fn is_locked_by(_lock: &File, path: &Path) -> bool {
        path.join("lock").exists()
    }

    pub(crate) fn rename_dir(from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// Unknown on this system.
    pub(crate) fn is_out_of_files(_error: &io::Error) -> bool {
        false
    }

    /// Returns a limit that no run reaches.
    pub(crate) fn open_many() -> u64 {
        u64::MAX
    }

    pub(crate) fn is_mine(_metadata: &Metadata) -> bool {
        true
    }

    /// Does nothing: the system restores the console.
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

    pub(crate) fn next_data(_file: &File, from: u64, len: u64) -> io::Result<Option<Range<u64>>> {
        Ok((from < len).then_some(from..len))
    }

    pub(crate) fn punch(_file: &File, _offset: u64, _len: u64) {}

    pub(crate) fn has_room(_file: &File, _bytes: u64) -> bool {
        true
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
