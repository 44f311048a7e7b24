//! What differs between operating systems: the identity of a file, its permissions, syncing a
//! folder, opening without following.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

#[cfg(unix)]
pub(crate) use unix::{
    At, FileId, Terminal, create_private_dir, create_side, file_id, folder_lock, has_room,
    is_locked_by, is_mine, is_out_of_files, is_pipe, is_still_at, mode, mode_of, modified,
    next_data, open_many, open_side, punch, read_at, rename_folder, reserve, room_pays, set_mode,
    start_writing, stdout_file, umask,
};
#[cfg(unix)]
pub(crate) use unix::{is_ignored, time, wide};

#[cfg(not(unix))]
pub(crate) use other::{
    At, FileId, Terminal, create_private_dir, create_side, file_id, folder_lock, has_room,
    is_locked_by, is_mine, is_out_of_files, is_pipe, is_still_at, mode, mode_of, modified,
    next_data, open_many, open_side, punch, read_at, rename_folder, reserve, room_pays, set_mode,
    start_writing, stdout_file,
};

/// Permissions that nobody but the owner has.
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

    /// A name, in the working folder or in an open one.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct At<'a> {
        pub(crate) folder: BorrowedFd<'a>,
        pub(crate) path: &'a Path,
    }

    impl<'a> At<'a> {
        pub(crate) const fn path(path: &'a Path) -> Self {
            Self { folder: CWD, path }
        }

        pub(crate) fn entry(folder: &'a impl AsFd, name: &'a OsStr) -> Self {
            Self { folder: folder.as_fd(), path: Path::new(name) }
        }
    }

    /// Whether an open file is still what has its name. Some file systems number a file by its
    /// path, so that a new file there has the number of the old one but another time.
    pub(crate) fn is_still_at(file: &File, at: At<'_>) -> bool {
        let stamp = |found: Stat| {
            (found.st_dev, found.st_ino, found.st_mtime, found.st_mtime_nsec, found.st_size)
        };
        let open = fstat(file).map(stamp);
        open.is_ok() && open == statat(at.folder, at.path, AtFlags::SYMLINK_NOFOLLOW).map(stamp)
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

    /// The permissions that the file system shows.
    pub(crate) fn mode_of(file: &File) -> Option<u32> {
        file.metadata().ok().map(|found| found.mode() & 0o777)
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
        is_still_at(lock, At::path(path))
    }

    /// Gives a folder another name that is free. Where the system has no such call, a plain rename
    /// does it: a folder replaces no file, and no other folder unless that is empty, in which case
    /// nothing is lost.
    pub(crate) fn rename_folder(from: &Path, to: &Path) -> io::Result<()> {
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

    /// Whether no more files can be opened, by this process or by the system.
    pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        errno.is_some_and(|errno| errno == Errno::MFILE || errno == Errno::NFILE)
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
            // A file system that knows no holes.
            Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(Some(from..len)),
            Err(error) => Err(error.into()),
        }
    }

    /// Elsewhere all of it is read.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn next_data(_file: &File, from: u64, len: u64) -> io::Result<Option<Range<u64>>> {
        Ok((from < len).then_some(from..len))
    }

    /// Gives back the room of a part of a file; a system that cannot leaves it.
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

    /// Whether the file system of a file has room for so many bytes. One that does not say has.
    #[cfg(target_os = "linux")]
    pub(crate) fn has_room(file: &File, bytes: u64) -> bool {
        rustix::fs::fstatvfs(file)
            .map_or(true, |found| found.f_bavail.saturating_mul(found.f_frsize) >= bytes)
    }

    /// Elsewhere nobody asks.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn has_room(_file: &File, _bytes: u64) -> bool {
        true
    }

    /// Takes the room for a part of a file before it is written; a system that cannot says nothing.
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

    /// A name, by its whole path.
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

    /// Nobody is told by numbers here who may read a file.
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

    /// Not known here.
    pub(crate) fn is_out_of_files(_error: &io::Error) -> bool {
        false
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
