//! Where bytes come from: a file or stdin.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use keystead::ErrorClass;

use crate::failure::{Failure, Result};
use crate::platform::{self, FileId};
use crate::report::shown;
use crate::tree::Entry;

/// An input as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
    /// Found in a folder.
    Entry(Entry),
}

impl Input {
    /// `-`, and nothing at all, is stdin.
    pub(crate) fn list(paths: &[PathBuf]) -> Result<Vec<Self>> {
        let inputs: Vec<_> = paths.iter().map(|path| Self::of(path)).collect();
        if inputs.iter().filter(|input| **input == Self::Stdin).count() > 1 {
            return Err(Failure::usage("stdin can be read only once").hint("give one `-`"));
        }
        Ok(if inputs.is_empty() { vec![Self::Stdin] } else { inputs })
    }

    pub(crate) fn of(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// Its name for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => shown(path),
            Self::Entry(entry) => shown(&entry.path),
        }
    }

    /// Where it lies, if it is a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::File(path) => Some(path),
            Self::Entry(entry) => Some(&entry.path),
        }
    }

    pub(crate) fn open(&self) -> Result<Opened> {
        match self {
            // An input that nobody gave is not an empty one.
            Self::Stdin if platform::was_closed(io::stdin()) => {
                Err(Failure::new(ErrorClass::Io, "stdin is closed")
                    .hint("name a file, or give a pipe; `< /dev/null` is an empty input"))
            }
            Self::Stdin => Ok(Opened {
                reader: Reader::Stdin(io::stdin()),
                len: None,
                id: stdin_id(),
                mode: platform::PRIVATE,
                modified: None,
            }),
            Self::File(path) => {
                let file = File::open(path).map_err(|error| Failure::io(path, error))?;
                opened(path, file)
            }
            Self::Entry(entry) => match opened(&entry.path, entry.open()?) {
                Ok(Opened { reader: Reader::Pipe(_), .. }) => Err(entry.is_gone()),
                opened => opened,
            },
        }
    }
}

/// An open input, and what the system says about it.
pub(crate) struct Opened {
    pub(crate) reader: Reader,
    /// Length of a regular file.
    pub(crate) len: Option<u64>,
    /// Identity of a file.
    pub(crate) id: Option<FileId>,
    /// Permissions for an output made of it.
    pub(crate) mode: u32,
    /// When a regular file was last written.
    pub(crate) modified: Option<SystemTime>,
}

/// The bytes.
pub(crate) enum Reader {
    Stdin(io::Stdin),
    /// A regular file: it has a length and can be sought in.
    Regular(File),
    /// A FIFO or device.
    Pipe(File),
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stdin(stdin) => stdin.read(out),
            Self::Regular(file) | Self::Pipe(file) => file.read(out),
        }
    }

    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Self::Stdin(stdin) => stdin.read_vectored(out),
            Self::Regular(file) | Self::Pipe(file) => file.read_vectored(out),
        }
    }
}

fn opened(path: &Path, file: File) -> Result<Opened> {
    let failed = |error| Failure::io(path, error);
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        let failure = Failure::usage(format!("{}: a folder, not a file", shown(path)));
        return Err(failure.hint("-r takes folders, with all that is in them"));
    }
    let id = Some(platform::file_id(path, &metadata).map_err(failed)?);
    let mode = platform::mode(&metadata);
    if metadata.is_file() {
        let (len, modified) = (Some(metadata.len()), platform::modified(&metadata));
        return Ok(Opened { reader: Reader::Regular(file), len, id, mode, modified });
    }
    let mode = platform::PRIVATE;
    Ok(Opened { reader: Reader::Pipe(file), len: None, id, mode, modified: None })
}

/// Stdin may be a file that the output must not be: `keystead encrypt -o x < x`.
#[cfg(unix)]
fn stdin_id() -> Option<FileId> {
    use std::os::fd::AsFd as _;
    let file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    platform::file_id(Path::new("-"), &metadata).ok()
}

#[cfg(not(unix))]
fn stdin_id() -> Option<FileId> {
    None
}

/// Fills `out` as far as the input goes.
pub(crate) fn read_full(input: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        match input.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
