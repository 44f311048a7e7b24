//! stdin, stdout and stderr: whether they can be used, and which files they lead to.

use std::fs::File;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use keystead::ErrorKind;
pub(crate) use keystead_startup::Stream;

use crate::failure::{Failure, Result};
use crate::keys;
use crate::platform::FileId;

/// What a stream leads to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) id: FileId,
    pub(crate) kind: Kind,
    pub(crate) len: u64,
    reads: bool,
    writes: bool,
}

/// How far what is written to a stream can change what is read elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file or a block device: its bytes stay.
    File,
    /// A FIFO or pipe: its bytes can be read once.
    Pipe,
    /// A terminal, the null device, a socket.
    Other,
}

/// Returns what a stream leads to, as it was at the first call. Returns nothing where the system
/// does not say.
pub(crate) fn target(stream: Stream) -> Option<&'static Target> {
    static STDIN: OnceLock<Option<Target>> = OnceLock::new();
    static STDOUT: OnceLock<Option<Target>> = OnceLock::new();
    static STDERR: OnceLock<Option<Target>> = OnceLock::new();
    let known = match stream {
        Stream::Stdin => &STDIN,
        Stream::Stdout => &STDOUT,
        Stream::Stderr => &STDERR,
    };
    known.get_or_init(|| system::target(stream)).as_ref()
}

/// Returns the file that a stream leads to, if its bytes stay.
pub(crate) fn file(stream: Stream) -> Option<&'static Target> {
    target(stream).filter(|target| target.kind == Kind::File)
}

/// Returns the name of the file that a stream leads to, where the system knows it.
pub(crate) fn path(stream: Stream) -> Option<PathBuf> {
    system::name(stream).read_link().ok()
}

/// Fails where stdin cannot be read. A missing input is not an empty one.
pub(crate) fn check_stdin() -> Result<()> {
    let hint = "name a file, or give a pipe; `< /dev/null` is an empty input";
    if Stream::Stdin.was_closed() {
        return Err(Failure::new(ErrorKind::Io, "stdin is closed").hint(hint));
    }
    // `nohup` does so where stdin is a terminal.
    if target(Stream::Stdin).is_some_and(|target| !target.reads) {
        return Err(Failure::new(ErrorKind::Io, "stdin is not open for reading").hint(hint));
    }
    Ok(())
}

/// Fails where stdout is not writable, or leads to a file with a secret key.
pub(crate) fn check_stdout() -> Result<()> {
    static CHECKED: OnceLock<Option<Failure>> = OnceLock::new();
    let checked = CHECKED.get_or_init(|| {
        let hint = "redirect it to a file; `> /dev/null` throws the output away";
        if Stream::Stdout.was_closed() {
            return Some(Failure::new(ErrorKind::Io, "stdout is closed").hint(hint));
        }
        if target(Stream::Stdout).is_some_and(|target| !target.writes) {
            let what = "stdout is not open for writing";
            return Some(Failure::new(ErrorKind::Io, what).hint(hint));
        }
        leads_to_secret(Stream::Stdout).then(|| {
            Failure::usage("stdout goes to a file that holds a secret key")
                .hint("redirect it to another file; a key file is never written to")
        })
    });
    checked.clone().map_or(Ok(()), Err)
}

/// Returns whether nothing may be written to stderr: it would go into a secret key, or into an
/// input.
pub(crate) fn is_stderr_muted() -> bool {
    static INTO_SECRET: OnceLock<bool> = OnceLock::new();
    MUTED.load(Ordering::Relaxed) || *INTO_SECRET.get_or_init(|| leads_to_secret(Stream::Stderr))
}

/// Writes nothing more to stderr from now on.
pub(crate) fn mute_stderr() {
    MUTED.store(true, Ordering::Relaxed);
}

static MUTED: AtomicBool = AtomicBool::new(false);

/// Returns whether a stream writes into a file that holds a secret key.
fn leads_to_secret(stream: Stream) -> bool {
    file(stream).is_some_and(|target| {
        target.writes
            && target.len > 0
            && File::open(system::name(stream))
                .is_ok_and(|mut file| keys::holds_secret(&mut file, target.len))
    })
}

#[cfg(unix)]
mod system {
    use std::path::Path;

    use rustix::fs::{FileType, OFlags};
    use rustix::stdio::{stderr, stdin, stdout};

    use super::{Kind, Stream, Target};
    use crate::platform::{FileId, wide};

    pub(super) fn target(stream: Stream) -> Option<Target> {
        let descriptor = match stream {
            Stream::Stdin => stdin(),
            Stream::Stdout => stdout(),
            Stream::Stderr => stderr(),
        };
        let found = rustix::fs::fstat(descriptor).ok()?;
        let mode = rustix::fs::fcntl_getfl(descriptor).ok()? & OFlags::RWMODE;
        let kind = match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile | FileType::BlockDevice => Kind::File,
            FileType::Fifo => Kind::Pipe,
            _ => Kind::Other,
        };
        let (reads, writes) = (mode != OFlags::WRONLY, mode != OFlags::RDONLY);
        let id = FileId::of(wide(found.st_dev), wide(found.st_ino));
        Some(Target { id, kind, len: wide(found.st_size), reads, writes })
    }

    /// Returns the name under which the system opens it once more.
    pub(super) fn name(stream: Stream) -> &'static Path {
        Path::new(match stream {
            Stream::Stdin => "/dev/fd/0",
            Stream::Stdout => "/dev/fd/1",
            Stream::Stderr => "/dev/fd/2",
        })
    }
}

#[cfg(not(unix))]
mod system {
    use std::path::Path;

    use super::{Stream, Target};

    /// Unknown on this system.
    pub(super) fn target(_stream: Stream) -> Option<Target> {
        None
    }

    pub(super) fn name(_stream: Stream) -> &'static Path {
        Path::new("")
    }
}
