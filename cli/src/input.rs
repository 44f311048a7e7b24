//! Opens inputs: files and stdin.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, IoSliceMut, Read};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use keystead::{Error, ErrorKind};

use crate::conflicts;
use crate::failure::{Failure, Result};
use crate::platform::{self, FileId};
use crate::report::shown;
use crate::stdio::{self, Stream};
use crate::tree::Entry;

/// An input as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    Stdin,
    File(PathBuf),
    /// Found in a directory.
    Entry(Entry),
}

impl Input {
    /// Returns the inputs with these names. `-` and an empty list mean stdin.
    pub(crate) fn list(paths: &[PathBuf]) -> Result<Vec<Self>> {
        let inputs: Vec<_> = paths.iter().map(|path| Self::of(path)).collect();
        if inputs.iter().filter(|input| **input == Self::Stdin).count() > 1 {
            return Err(Failure::usage("stdin can be read only once").hint("give one `-`"));
        }
        let inputs = if inputs.is_empty() { vec![Self::Stdin] } else { inputs };
        conflicts::check_inputs(&inputs)?;
        Ok(inputs)
    }

    /// Returns each input once, for verbs that write. The second time would find the output of the
    /// first.
    pub(crate) fn list_once(paths: &[PathBuf]) -> Result<Vec<Self>> {
        let mut seen = HashSet::new();
        let mut inputs = Self::list(paths)?;
        inputs.retain(|input| input.path().is_none_or(|path| seen.insert(normalized(path))));
        Ok(inputs)
    }

    pub(crate) fn of(path: &Path) -> Self {
        if path == Path::new("-") { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// Its name in messages.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => shown(path),
            Self::Entry(entry) => shown(&entry.path),
        }
    }

    /// Returns its path, if it is a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::File(path) => Some(path),
            Self::Entry(entry) => Some(&entry.path),
        }
    }

    pub(crate) fn open(&self) -> Result<OpenInput> {
        match self {
            Self::Stdin => {
                conflicts::take_stdin("the data")?;
                let id = stdio::file(Stream::Stdin).map(|target| target.id.clone());
                if let Some(id) = &id {
                    conflicts::check_source("stdin", id)?;
                }
                let reader = Reader::Stdin(ReadOnce::new(io::stdin()));
                Ok(OpenInput { reader, len: None, id, mode: platform::PRIVATE, modified: None })
            }
            Self::File(path) => {
                conflicts::check_once(path)?;
                let file = File::open(path).map_err(|error| Failure::io(path, error))?;
                let opened = describe_file(path, file)?;
                if let Some(id) = &opened.id {
                    conflicts::check_source(&shown(path), id)?;
                }
                Ok(opened)
            }
            Self::Entry(entry) => {
                let opened = describe_file(&entry.path, entry.open()?)?;
                if let Some(id) = &opened.id {
                    conflicts::check_found(&entry.path, id)?;
                }
                match opened.reader {
                    Reader::Pipe(_) => Err(entry.is_gone()),
                    _ => Ok(opened),
                }
            }
        }
    }
}

/// An open input, and what the system says about it.
pub(crate) struct OpenInput {
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

impl OpenInput {
    /// Returns what tells later whether another program wrote to it since it was opened.
    pub(crate) const fn state(&self) -> FileState {
        FileState { len: self.len, modified: self.modified }
    }
}

/// What the system said of a file before it was read; nothing of what is no regular file.
#[derive(Clone, Copy)]
pub(crate) struct FileState {
    len: Option<u64>,
    modified: Option<SystemTime>,
}

impl FileState {
    /// Fails where the file was written to since: what was read may be a mixture of old and new
    /// bytes. The change time is left out, because new permissions, names and links set it as well;
    /// the inode is left out, because an open file keeps it.
    pub(crate) fn check(self, name: &str, reader: &Reader) -> Result<()> {
        let (Reader::Regular(file), Some(len)) = (reader, self.len) else { return Ok(()) };
        let now = file.metadata().map_err(|error| Failure::at(name, Error::from_io(error)))?;
        if now.len() == len && platform::modified(&now) == self.modified {
            return Ok(());
        }
        Err(changed(name))
    }
}

/// Returns the failure for an input that another program wrote to while it was read.
pub(crate) fn changed(name: &str) -> Failure {
    let what = format!("{name}: the file changed while it was read");
    Failure::new(ErrorKind::Io, what).hint("run the command again when nothing writes to it")
}

/// A source of bytes.
pub(crate) enum Reader {
    Stdin(ReadOnce<io::Stdin>),
    /// A regular file, which has a length and can seek.
    Regular(File),
    /// A FIFO or device.
    Pipe(ReadOnce<File>),
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stdin(stdin) => stdin.read(out),
            Self::Regular(file) => file.read(out),
            Self::Pipe(pipe) => pipe.read(out),
        }
    }

    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Self::Stdin(stdin) => stdin.read_vectored(out),
            Self::Regular(file) => file.read_vectored(out),
            Self::Pipe(pipe) => pipe.read_vectored(out),
        }
    }
}

/// A reader that ends once. After the end of a terminal or a FIFO, another read would block.
pub(crate) struct ReadOnce<R> {
    reader: R,
    ended: bool,
}

impl<R: Read> ReadOnce<R> {
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, ended: false }
    }

    fn read_unless_ended(
        &mut self,
        wanted: bool,
        read: impl FnOnce(&mut R) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        read(&mut self.reader).inspect(|read| self.ended = wanted && *read == 0)
    }
}

impl<R: Read> Read for ReadOnce<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.read_unless_ended(!out.is_empty(), |reader| reader.read(out))
    }

    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let wanted = out.iter().any(|slice| !slice.is_empty());
        self.read_unless_ended(wanted, |reader| reader.read_vectored(out))
    }
}

impl<R: BufRead> BufRead for ReadOnce<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ended {
            return Ok(&[]);
        }
        let text = self.reader.fill_buf()?;
        self.ended = text.is_empty();
        Ok(text)
    }

    fn consume(&mut self, len: usize) {
        self.reader.consume(len);
    }
}

fn describe_file(path: &Path, file: File) -> Result<OpenInput> {
    let failed = |error| Failure::io(path, error);
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(is_directory(path));
    }
    let id = Some(platform::file_id(path, &metadata).map_err(failed)?);
    let mode = platform::mode(&metadata);
    if metadata.is_file() {
        let (len, modified) = (Some(metadata.len()), platform::modified(&metadata));
        return Ok(OpenInput { reader: Reader::Regular(file), len, id, mode, modified });
    }
    let mode = platform::PRIVATE;
    Ok(OpenInput { reader: Reader::Pipe(ReadOnce::new(file)), len: None, id, mode, modified: None })
}

/// Returns the failure for a directory where `-r` is not given.
pub(crate) fn is_directory(path: &Path) -> Failure {
    let failure = Failure::usage(format!("{}: a directory, not a file", shown(path)));
    failure.hint("-r recurses into directories")
}

/// Returns the path without `.` components.
fn normalized(path: &Path) -> PathBuf {
    path.components().filter(|component| *component != Component::CurDir).collect()
}

/// Fills `out` or reads to the end of the input. Returns the number of bytes.
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
