//! Claims a name on a file system with neither hard links nor an exclusive rename: a file that only
//! one program can have created takes the name of the output, and the complete private file is then
//! renamed over it.
//!
//! A marker next to it, created exclusively and locked, exists meanwhile: one run at a time claims
//! a name, and a marker without a lock is left over from a killed run. The claim says in words what
//! it is. A run that is killed between creating it and writing these words leaves an empty file;
//! its unusual permissions tell it from a file of the user's, or where a file system has no
//! permissions, its time, which is the marker's.

use std::fs::{File, Metadata};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::filesystem;
use crate::platform::{At, PRIVATE, is_still_at, wide};
use crate::private_names::{Part, private_name};
use crate::publish::PublishError;

/// The name of an output, held by this run.
pub(crate) struct Claim<'a> {
    to: At<'a>,
    marker: Marker<'a>,
}

impl<'a> Claim<'a> {
    /// Claims the name of a new output, unless it is taken.
    pub(crate) fn take(to: At<'a>) -> Result<Self, PublishError> {
        let marker = Marker::create(to)?;
        let mut created = create(to, UNUSUAL);
        if matches!(created, Err(Errno::EXIST)) && is_claim(to) {
            // The marker is ours, so no live run has written these words.
            let _ = unlinkat(to.dir, to.path, AtFlags::empty());
            created = create(to, UNUSUAL);
        }
        match created {
            Ok(file) => {
                let claim = Self { to, marker };
                claim.write(file)?;
                Ok(claim)
            }
            Err(error) => {
                marker.remove();
                Err(PublishError::new(CLAIMING, error))
            }
        }
    }

    fn write(&self, mut file: File) -> Result<(), PublishError> {
        let written = file.write_all(WORDS).and_then(|()| filesystem::close(file));
        let written = written.and_then(|()| (&self.marker.file).write_all(CLAIMED));
        written.map_err(|error| {
            self.release();
            PublishError::new(CLAIMING, error)
        })
    }

    /// Renames a complete file over the claim, unless somebody has put something else there.
    pub(crate) fn replace_with(self, from: At<'_>) -> Result<(), PublishError> {
        let to = self.to;
        if !is_claim(to) {
            self.marker.remove();
            return Err(PublishError::new(RENAMING, Errno::EXIST));
        }
        let mut renamed = renameat(from.dir, from.path, to.dir, to.path);
        if renamed == Err(Errno::EXIST) {
            // A file system whose rename never replaces needs no claim.
            let _ = unlinkat(to.dir, to.path, AtFlags::empty());
            renamed = renameat(from.dir, from.path, to.dir, to.path);
        }
        match renamed {
            Ok(()) => {
                self.marker.remove();
                Ok(())
            }
            Err(error) => {
                self.release();
                Err(PublishError::new(RENAMING, error))
            }
        }
    }

    /// Removes the claim, if it still exists, and its marker.
    fn release(&self) {
        if read_words(self.to).is_some_and(|words| WORDS.starts_with(&words)) {
            let _ = unlinkat(self.to.dir, self.to.path, AtFlags::empty());
        }
        self.marker.remove();
    }
}

/// The marker file that exists while a run claims a name.
struct Marker<'a> {
    to: At<'a>,
    path: PathBuf,
    file: File,
}

impl<'a> Marker<'a> {
    /// Creates the marker. Waits while another run claims the name: afterwards it is taken, or that
    /// run has failed.
    fn create(to: At<'a>) -> Result<Self, PublishError> {
        let path = marker_path(to);
        for _ in 0..WAITS {
            match create(At { path: &path, ..to }, PRIVATE) {
                Ok(file) => {
                    // Without locks, a marker never counts as left over.
                    let _ = file.lock();
                    // Before it was locked, another run may have taken it for a leftover and
                    // removed it.
                    if is_still_at(&file, At { path: &path, ..to }) {
                        return Ok(Self { to, path, file });
                    }
                }
                Err(Errno::EXIST) if recover(to) == Leftover::Busy => std::thread::sleep(WAIT),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(PublishError::new(CLAIMING, error)),
            }
        }
        Err(PublishError::new(CLAIMING, Errno::BUSY))
    }

    /// On some mounts a file that is removed before it is closed reappears.
    fn remove(&self) {
        let _ = filesystem::flush(&self.file);
        let _ = unlinkat(self.to.dir, &self.path, AtFlags::empty());
    }
}

/// What an earlier run left at a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// No leftover any more.
    None,
    /// A marker that another run may still need.
    Busy,
}

/// Removes the claim and the marker that a killed run left at the name of an output.
pub(crate) fn recover(to: At<'_>) -> Leftover {
    let path = marker_path(to);
    let marker = match openat(to.dir, &path, OFlags::RDONLY | FLAGS, Mode::empty()) {
        Ok(marker) => File::from(marker),
        Err(Errno::NOENT) => return Leftover::None,
        // Some mounts cannot open a file for reading while it is written.
        Err(_) => return Leftover::Busy,
    };
    let Ok(found) = marker.metadata() else { return Leftover::Busy };
    let is_free = found.is_file() && marker.try_lock().is_ok();
    if !is_free || !is_still_at(&marker, At { path: &path, ..to }) {
        return Leftover::Busy;
    }
    let is_left = is_claim(to) || is_begun_claim(to, &found);
    if is_left && unlinkat(to.dir, to.path, AtFlags::empty()).is_err() {
        return Leftover::Busy;
    }
    match unlinkat(to.dir, &path, AtFlags::empty()) {
        Ok(()) => Leftover::None,
        Err(_) => Leftover::Busy,
    }
}

/// Returns whether a file of this length may be a claim.
pub(crate) fn may_be_claim(len: u64) -> bool {
    len == 0 || usize::try_from(len) == Ok(WORDS.len())
}

fn marker_path(to: At<'_>) -> PathBuf {
    let name = private_name(to.path.file_name().unwrap_or_default(), Part::Marker);
    to.path.with_file_name(name)
}

/// Creates a file exclusively.
fn create(at: At<'_>, mode: u32) -> Result<File, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | FLAGS;
    openat(at.dir, at.path, flags, Mode::from_bits_truncate(wide(mode))).map(File::from)
}

/// Returns whether the file at a name is a claim, by its text.
fn is_claim(to: At<'_>) -> bool {
    read_words(to).is_some_and(|words| words == WORDS)
}

/// Reads the start of the regular file at a name, enough to tell whether it is a claim.
fn read_words(to: At<'_>) -> Option<Vec<u8>> {
    let (file, _) = open(to)?;
    let mut words = Vec::with_capacity(WORDS.len() + 1);
    let most = u64::try_from(words.capacity()).ok()?;
    file.take(most).read_to_end(&mut words).ok()?;
    Some(words)
}

/// Returns whether an empty file was created by the run that left this marker. A marker that is not
/// empty states that the claim was written.
fn is_begun_claim(to: At<'_>, marker: &Metadata) -> bool {
    let Some((_, found)) = open(to) else { return false };
    if found.len() > 0 || marker.len() > 0 || found.uid() != marker.uid() {
        return false;
    }
    let keeps_permissions = marker.mode() & 0o777 == PRIVATE;
    if keeps_permissions {
        return found.mode() & 0o777 == UNUSUAL;
    }
    let times = found.modified().ok().zip(marker.modified().ok());
    times.and_then(|(found, marker)| found.duration_since(marker).ok()).is_some_and(|d| d <= SOON)
}

/// Opens the regular file at a name without following a link.
fn open(at: At<'_>) -> Option<(File, Metadata)> {
    let file = openat(at.dir, at.path, OFlags::RDONLY | FLAGS, Mode::empty()).ok()?;
    let file = File::from(file);
    let found = file.metadata().ok()?;
    found.is_file().then_some((file, found))
}

const FLAGS: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
/// The text of a claim, which users may read.
const WORDS: &[u8] = b"keystead was stopped before it could put a file here. Run the same command \
again, or remove this one.\n";
/// The text of a marker once its claim is written.
const CLAIMED: &[u8] = b"claimed\n";
/// Permissions of a claim, which no other program gives to an empty file.
const UNUSUAL: u32 = 0o500;
/// The most that a claim is younger than its marker.
const SOON: Duration = Duration::from_secs(2);
/// Pause between attempts while another run claims the name.
const WAIT: Duration = Duration::from_millis(20);
const WAITS: usize = 500;
const CLAIMING: &str = "claiming its name by an exclusive file";
const RENAMING: &str = "renaming the finished file over its claim";
