//! Reads and writes the side file of a rewrap (SPEC R48): a header that counts only after a key has
//! proved it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSliceMut, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keystead::{Decryptor, Error, Expected, Keys, OpenedBy, ReadAt, SealedHeader};

use crate::cancel;
use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::input::read_full;
use crate::output::parent_dir;
use crate::platform;
use crate::positional::PositionalReader;
use crate::report::shown;
use crate::times;

/// Bytes of the preamble, the length of the header in its last two (SPEC section 2).
const PREAMBLE: usize = 9;

/// Returns `NAME.ks-rewrap`, next to the target where `path` is a link.
pub(crate) fn side_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    name.push(".ks-rewrap");
    PathBuf::from(name)
}

/// Returns whether a rewrap of the object at `path` has left a side file.
pub(crate) fn exists(path: &Path) -> bool {
    side_path(path).symlink_metadata().is_ok()
}

/// Opens the object in `file` with its own header or, where that fails before the first chunk, with
/// the side header. `start` holds the bytes of the file that were read already. Returns the side
/// header if it was used. Writes nothing.
pub(crate) fn open_object<T>(
    path: &Path,
    file: &File,
    start: &[u8],
    attempt: impl Fn(HeaderOverlay) -> keystead::Result<T>,
) -> keystead::Result<(T, Option<Vec<u8>>)> {
    let overlay = |head: Vec<u8>| HeaderOverlay::new(file.try_clone()?, Some(head));
    let first = match attempt(overlay(start.to_vec())?) {
        Ok(opened) => return Ok((opened, None)),
        Err(error) => error,
    };
    // R48: another failure, such as another context, is an answer and not a torn header.
    if !matches!(first, Error::Format(_) | Error::NoKey(_) | Error::Auth) {
        return Err(first);
    }
    if let Some(header) = candidate(path, file) {
        let head = [&header, start.get(header.len()..).unwrap_or_default()].concat();
        return attempt(overlay(head)?).map(|opened| (opened, Some(header))).map_err(|_| first);
    }
    // A rewrap in place that is over by now may have changed the header while it was read.
    let mut now = vec![0; start.len()];
    let read = read_full(&mut HeaderOverlay::new(file.try_clone()?, None)?, &mut now)?;
    if read < start.len() || now == start {
        return Err(first);
    }
    attempt(overlay(now)?).map(|opened| (opened, None)).map_err(|_| first)
}

/// Returns the header in the side file, if it passes every check of R48 that needs no key.
fn candidate(path: &Path, file: &File) -> Option<Vec<u8>> {
    let len = header_len(file)?;
    let mut side = platform::open_side(&side_path(path)).ok()?;
    let metadata = side.metadata().ok()?;
    if !metadata.is_file() || usize::try_from(metadata.len()) != Ok(len) {
        return None;
    }
    let mut header = vec![0; len];
    if read_full(&mut side, &mut header).ok()? != len {
        return None;
    }
    (SealedHeader::parse(&header).ok()?.len() == len && !is_of_another(&header, file))
        .then_some(header)
}

/// Returns whether a side header belongs to another object, so that trying a passphrase on it would
/// be wasted. Unknown where the object's own header is torn.
fn is_of_another(side: &[u8], file: &File) -> bool {
    let mut own = vec![0; side.len()];
    let read = file.try_clone().and_then(|file| {
        let mut file = HeaderOverlay::new(file, None)?;
        read_full(&mut file, &mut own)
    });
    match (read, keystead::inspect(&own, None), keystead::inspect(side, None)) {
        (Ok(_), Ok(own), Ok(side)) => own.object_id != side.object_id,
        _ => false,
    }
}

/// Returns the header length in the object's own preamble, which a rewrap in place never changes.
fn header_len(file: &File) -> Option<usize> {
    let mut file = HeaderOverlay::new(file.try_clone().ok()?, None).ok()?;
    let mut preamble = [0; PREAMBLE];
    (read_full(&mut file, &mut preamble).ok()? == PREAMBLE).then_some(())?;
    stated_len(&preamble)
}

/// Returns the header length that the first bytes of an object state.
pub(crate) fn stated_len(start: &[u8]) -> Option<usize> {
    let preamble = start.first_chunk::<PREAMBLE>()?;
    SealedHeader::stated_len(preamble).ok()
}

/// Writes a proven side header over the object's own, or removes a side file that the object does
/// not need. Changes nothing where neither header opens. Returns the key that opened.
pub(crate) fn restore(
    path: &Path,
    file: &File,
    keys: &Keys,
    expected: Expected<'_>,
    sync: bool,
) -> Result<Option<OpenedBy>> {
    let opened = open_object(path, file, &[], |overlay| {
        Decryptor::new(overlay, keys, expected).map(|reader| reader.info().opened_by)
    });
    let (by, header) = match opened {
        Ok(opened) => opened,
        Err(Error::Format(_) | Error::NoKey(_) | Error::Auth) => return Ok(None),
        Err(error) => return Err(Failure::at(&shown(path), error)),
    };
    // Signals wait until the object is whole again.
    let _hold = cancel::hold();
    // Where the header was written and the time was not, the side file still has it.
    let time = read_time(path, file, header.as_deref());
    if let Some(header) = header {
        overwrite(path, file, &header, time, sync).map_err(|error| interrupted(path, error))?;
    } else {
        times::set_modified(file, path, time);
    }
    remove(path, sync)?;
    Ok(Some(by))
}

/// Replaces the header by another one of the same length. At every moment one of the two is whole
/// (SPEC R48).
pub(crate) fn replace_header(path: &Path, file: &File, header: &[u8], sync: bool) -> Result<()> {
    let side = side_path(path);
    let failed = |error| Failure::io(&side, error);
    let modified = file.metadata().ok().and_then(|metadata| platform::modified(&metadata));
    let modified = times::after_change(modified);
    let dir = parent_dir(&side);
    // Signals wait: this takes a few writes, whatever the size of the object.
    let _hold = cancel::hold();
    let mut out = platform::create_side(&side).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => failed(error)
            .hint("a rewrap was interrupted here, or another one is running: give the key of that one, too"),
        _ => failed(error),
    })?;
    let written = out.write_all(header).and_then(|()| {
        times::set_modified(&out, path, modified);
        if sync {
            filesystem::sync_file(&out).and_then(|()| filesystem::sync_dir(dir))
        } else {
            Ok(())
        }
    });
    if let Err(error) = written {
        // The object has not been touched yet.
        let _ = std::fs::remove_file(&side);
        return Err(failed(error));
    }
    overwrite(path, file, header, modified, sync).map_err(|error| interrupted(path, error))?;
    remove(path, sync)
}

fn overwrite(
    path: &Path,
    mut file: &File,
    header: &[u8],
    modified: Option<SystemTime>,
    sync: bool,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header)?;
    times::set_modified(file, path, modified);
    if sync { filesystem::sync_file(file) } else { Ok(()) }
}

/// Returns the modification time of an object whose rewrap was interrupted, from the side file. The
/// run may have been stopped before the object got it.
pub(crate) fn read_time(path: &Path, file: &File, header: Option<&[u8]>) -> Option<SystemTime> {
    let written = |side: &Vec<u8>| {
        let mut own = vec![0; side.len()];
        PositionalReader(file).read_at(&mut [IoSliceMut::new(&mut own)], 0).is_ok() && own == *side
    };
    if header.is_none() {
        candidate(path, file).filter(written)?;
    }
    platform::modified(&side_path(path).symlink_metadata().ok()?)
}

/// Adds the hint to keep the side file, which makes the object whole.
fn interrupted(path: &Path, error: io::Error) -> Failure {
    let side = side_path(path);
    Failure::io(path, error).hint(format!(
        "keep {}: the object opens with it, and the next rewrap finishes",
        shown(&side)
    ))
}

/// Removes the side file of an object that needs none.
pub(crate) fn remove(path: &Path, sync: bool) -> Result<()> {
    let side = side_path(path);
    match std::fs::remove_file(&side) {
        // A name that has no room for the suffix has no side file.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) =>
        {
            return Ok(());
        }
        removed => removed.map_err(|error| Failure::io(&side, error))?,
    }
    if sync {
        filesystem::sync_dir(parent_dir(&side)).map_err(|error| Failure::io(&side, error))?;
    }
    Ok(())
}

/// A file whose first bytes are those of another header.
pub(crate) struct HeaderOverlay {
    file: File,
    head: Vec<u8>,
    position: u64,
}

impl HeaderOverlay {
    /// Returns the first bytes, where they replace the file's.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Reads `file` from its start; `head` replaces its first bytes.
    pub(crate) fn new(mut file: File, head: Option<Vec<u8>>) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { file, head: head.unwrap_or_default(), position: 0 })
    }
}

impl Read for HeaderOverlay {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let at = usize::try_from(self.position).unwrap_or(usize::MAX);
        let read = match self.head.get(at..).filter(|head| !head.is_empty()) {
            Some(head) => {
                let taken = head.len().min(out.len());
                out[..taken].copy_from_slice(&head[..taken]);
                // The file moves along, so that reading continues after the head.
                self.file.seek_relative(i64::try_from(taken).map_err(io::Error::other)?)?;
                taken
            }
            None => self.file.read(out)?,
        };
        self.position += u64::try_from(read).map_err(io::Error::other)?;
        Ok(read)
    }
}

impl ReadAt for HeaderOverlay {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        match self.head.get(at..).filter(|head| !head.is_empty()) {
            Some(mut head) => head.read_vectored(out),
            None => PositionalReader(&self.file).read_at(out, offset),
        }
    }
}

impl Seek for HeaderOverlay {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use keystead::{Changes, Context, MasterKey};

    use super::*;

    /// R48: a header of another object is not worth an Argon2id.
    #[test]
    fn a_side_header_of_another_object_is_not_tried() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ks");
        let keys = Keys::from(MasterKey::generate().unwrap());
        let context = Context::new();
        let object = keystead::encrypt(&keys.recipients(), b"text", &context).unwrap();
        let other = keystead::encrypt(&keys.recipients(), b"text", &context).unwrap();
        let next = keystead::rewrap(&object, &keys, &context, &Changes::new()).unwrap();
        std::fs::write(&path, &object).unwrap();
        let tried = |side: &[u8]| {
            std::fs::write(side_path(&path), side).unwrap();
            candidate(&path, &File::open(&path).unwrap()).is_some()
        };
        assert!(tried(&next.header));
        assert!(!tried(&other[..next.old_len]));
        // Where the object's own header says nothing, the side file may be all that is left.
        let mut torn = object.clone();
        torn[60..].fill(0xff);
        std::fs::write(&path, &torn).unwrap();
        assert!(tried(&next.header));
        assert!(tried(&other[..next.old_len]));
    }
}
