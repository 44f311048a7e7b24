//! Writes outputs. A file appears under its name complete and synced, or not at all; an old file
//! stays until then.

use std::fs::File;
use std::io::{self, IsTerminal as _, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::attributes::Attributes;
use crate::cancel;
use crate::conflicts;
use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::hold_back::PlaintextBuffer;
use crate::input::Input;
use crate::permissions;
use crate::platform::{self, FileId};
use crate::positional::PositionalWriter;
use crate::progress;
use crate::report::shown;
use crate::staging::{self, PrivateFile};
use crate::stdio;
use crate::times;
use crate::tree::{FileOptions, OutputFile, OutputPath, Staged, Status};
use keystead::{Detail, Error, ErrorKind};

/// An output as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Stdout,
    File(PathBuf),
}

/// How an output is written.
pub(crate) struct OutputOptions {
    /// Whether to replace an existing file.
    pub(crate) force: bool,
    /// Whether to sync the file and its directory before reporting success.
    pub(crate) sync: bool,
    /// Permissions of the finished file.
    pub(crate) mode: u32,
    /// A file that the output must not be, under any of its names.
    pub(crate) not: Option<FileId>,
    /// The modification time to set; now, where there is none.
    pub(crate) modified: Option<SystemTime>,
    /// Whether it is text that a terminal may show.
    pub(crate) text: bool,
}

impl Target {
    /// Returns the target of `-o`, or one named after the input. Stdin goes to stdout.
    pub(crate) fn of(
        explicit: Option<&Path>,
        input: &Input,
        name: impl FnOnce(&Path) -> Result<PathBuf>,
    ) -> Result<Self> {
        match (explicit, input.path()) {
            (Some(path), _) if path == Path::new("-") => Ok(Self::Stdout),
            (Some(path), _) => Ok(Self::File(path.to_owned())),
            (None, None) => Ok(Self::Stdout),
            (None, Some(path)) => name(path).map(Self::File),
        }
    }

    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Stdout => "stdout".to_owned(),
            Self::File(path) => shown(path),
        }
    }
}

/// An open output. Dropped without [`commit`](Self::commit), it leaves nothing behind.
pub(crate) enum Output {
    Stream {
        out: Box<dyn Write + Send>,
        name: String,
        /// The whole output, until it is complete.
        held: Option<PlaintextBuffer>,
    },
    File(Box<AtomicFile>),
    /// A file in an output tree.
    InTree(Box<OutputFile>),
}

impl Output {
    /// Creates the output of a file that was found in a directory.
    pub(crate) fn create_in_tree(output_path: &OutputPath, options: FileOptions) -> Result<Self> {
        conflicts::check_name(&output_path.path)?;
        if options.force
            && let Some(Status { id, len: Some(len), .. }) = output_path.status()?
        {
            let open = || output_path.entry().open_file();
            conflicts::check_replaced(&output_path.path, &id, len, open)?;
        }
        output_path.create(options).map(|made| Self::InTree(Box::new(made)))
    }

    pub(crate) fn open(target: &Target, options: OutputOptions) -> Result<Self> {
        let path = match target {
            Target::Stdout => return stdout(options.text),
            Target::File(path) => path,
        };
        conflicts::check_name(path)?;
        conflicts::check_output(path)?;
        staging::remove_leftovers(path);
        // A device or FIFO is written to, never replaced.
        if let Ok(metadata) = path.metadata() {
            check_alias(path, &metadata, options.not.as_ref())?;
            if metadata.is_dir() {
                let failure = Failure::usage(format!("{}: the output is a directory", shown(path)));
                return Err(failure.hint("name a file in it with -o"));
            }
            if !metadata.is_file() {
                // A FIFO may block until someone reads.
                cancel::listen()?;
                let file = std::fs::OpenOptions::new().write(true).open(path);
                let out = Box::new(file.map_err(|error| Failure::io(path, error))?);
                return Ok(Self::Stream { out, name: shown(path), held: None });
            }
            if options.force {
                let id = platform::file_id(path, &metadata);
                let id = id.map_err(|error| Failure::io(path, error))?;
                conflicts::check_replaced(path, &id, metadata.len(), || File::open(path))?;
            }
        }
        AtomicFile::create(path, options).map(|file| Self::File(Box::new(file)))
    }

    /// Opens the replacement of a key file that this run has read: the only key that may be
    /// replaced.
    pub(crate) fn replace(path: &Path, options: OutputOptions) -> Result<Self> {
        staging::remove_leftovers(path);
        AtomicFile::create(path, options).map(|file| Self::File(Box::new(file)))
    }

    /// Holds a stream of about `len` bytes back until [`commit`](Self::commit). A file never
    /// appears earlier anyway.
    pub(crate) fn hold_back(&mut self, len: Option<u64>) -> keystead::Result<()> {
        if let Self::Stream { held, .. } = self {
            *held = Some(PlaintextBuffer::new(len)?);
        }
        Ok(())
    }

    /// Returns the file, which only this process sees yet. A stream has none.
    pub(crate) fn file(&self) -> Option<&File> {
        match self {
            Self::Stream { .. } => None,
            Self::File(file) => Some(file.temp.file()),
            Self::InTree(made) => made.file(),
        }
    }

    /// Leaves a hole of `len` bytes in the file and continues after it.
    pub(crate) fn skip(&mut self, len: usize) -> io::Result<usize> {
        let Some(mut file) = self.file() else { return Err(io::ErrorKind::NotSeekable.into()) };
        file.seek_relative(i64::try_from(len).map_err(io::Error::other)?)?;
        progress::add_bytes(len);
        Ok(len)
    }

    /// Returns whether others see the output before it is complete.
    pub(crate) const fn shows_at_once(&self) -> bool {
        matches!(self, Self::Stream { held: None, .. })
    }

    /// Returns a writer for `len` bytes at any offset, where the output supports that.
    pub(crate) fn positional_writer(&mut self, len: u64) -> Option<PositionalWriter<'_>> {
        match self {
            Self::Stream { .. } => None,
            Self::File(file) => PositionalWriter::new(file.temp.file(), len, file.options.sync),
            Self::InTree(made) => made.positional_writer(len),
        }
    }

    /// Sets the attributes of the file that the output replaces. Returns those that could not be
    /// kept.
    pub(crate) fn copy_attributes(&mut self, attributes: &Attributes) -> Vec<String> {
        match self {
            Self::Stream { .. } => Vec::new(),
            Self::File(file) => {
                let applied = attributes.apply(file.temp.file());
                file.options.mode = applied.mode;
                applied.lost
            }
            Self::InTree(made) => made.copy_attributes(attributes),
        }
    }

    /// Makes the output visible under its name.
    pub(crate) fn commit(self) -> Result<()> {
        self.finish().map(drop)
    }

    /// Commits the output. In an output tree, it may have to wait for others to be published.
    pub(crate) fn finish(self) -> Result<Option<Staged>> {
        match self {
            Self::InTree(made) => return made.finish(),
            Self::Stream { mut out, name, held } => {
                let written = held.map_or(Ok(()), |held| held.write_to(&mut out));
                let written = written.and_then(|()| out.flush());
                written.map_err(|error| Failure::at(&name, Error::from_io(error)))
            }
            Self::File(file) => file.commit(),
        }
        .map(|()| None)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream { held: Some(held), .. } => {
                held.push(bytes).map(|()| bytes.len()).map_err(io::Error::from)
            }
            Self::Stream { out, .. } => out.write(bytes),
            Self::File(file) => file.temp.file_mut().write(bytes),
            Self::InTree(made) => made.write(bytes),
        }
        .inspect(|written| progress::add_bytes(*written))
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stream { out, .. } => out.flush(),
            Self::File(file) => file.temp.file_mut().flush(),
            Self::InTree(made) => made.flush(),
        }
    }
}

/// A private file beside the target that takes its name when it is complete.
pub(crate) struct AtomicFile {
    temp: PrivateFile,
    path: PathBuf,
    options: OutputOptions,
}

impl AtomicFile {
    fn create(path: &Path, options: OutputOptions) -> Result<Self> {
        if !options.force && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let dir = parent_dir(path);
        // The link /dev/stdout would be replaced by a file.
        let devices = dir.starts_with("/dev") && !dir.starts_with("/dev/shm");
        if devices || dir.starts_with("/proc") {
            let failure = Failure::usage(format!("{}: files are not made here", shown(path)));
            return Err(failure.hint("`-o -` writes to stdout"));
        }
        let temp = PrivateFile::create(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if !dir.exists() => no_directory(dir),
            _ => Failure::io(path, error),
        })?;
        Ok(Self { temp, path: path.to_owned(), options })
    }

    /// Sets permissions and time, syncs, renames, and syncs the directory. The file is flushed
    /// first: on some mounts nothing can be set until it is stored.
    fn commit(self) -> Result<()> {
        let Self { temp, path, options } = self;
        let failed = |error| Failure::io(&path, error);
        temp.flush().map_err(failed)?;
        permissions::set(temp.file(), &path, options.mode);
        times::set_modified(temp.file(), &path, options.modified);
        if options.sync {
            filesystem::sync_file(temp.file()).map_err(failed)?;
        }
        let named = temp.persist(&path, options.force);
        named.inspect_err(|_| times::forget(&path)).map_err(|unnamed| {
            match unnamed.error.kind() {
                io::ErrorKind::AlreadyExists => exists(&path),
                _ => unnamed.failure(&path),
            }
        })?;
        if options.sync {
            filesystem::sync_dir(parent_dir(&path)).map_err(failed)?;
        }
        Ok(())
    }
}

/// Returns the directory that contains a path.
pub(crate) fn parent_dir(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(crate) fn exists(path: &Path) -> Failure {
    Failure::usage(format!("{}: the output exists already", shown(path)))
        .hint("--force replaces it; -o names another")
}

/// Fails where the directory of an output is missing.
pub(crate) fn check_directory(path: &Path) -> Result<()> {
    let dir = parent_dir(path);
    if dir.exists() { Ok(()) } else { Err(no_directory(dir)) }
}

fn no_directory(dir: &Path) -> Failure {
    Failure::new(ErrorKind::Io, format!("{}: no such directory", shown(dir)))
        .hint("make it, or name an output elsewhere")
}

/// Fails where the output is the input under another name.
fn check_alias(path: &Path, metadata: &std::fs::Metadata, not: Option<&FileId>) -> Result<()> {
    let id = platform::file_id(path, metadata).map_err(|error| Failure::io(path, error))?;
    if not != Some(&id) {
        return Ok(());
    }
    Err(is_input(path))
}

/// Returns the failure for an output that another process replaced.
pub(crate) fn is_replaced(path: &Path) -> Failure {
    let what = format!("{}: another process replaced it", shown(path));
    Failure::new(ErrorKind::Io, what).hint("what it wrote was left alone; run it again")
}

pub(crate) fn is_input(path: &Path) -> Failure {
    let failure = Failure::usage(format!("{}: the output is the input itself", shown(path)));
    failure.hint("name another output with -o")
}

fn stdout(text: bool) -> Result<Output> {
    stdio::check_stdout()?;
    check_terminal(text)?;
    let terminal = io::stdout().is_terminal();
    if terminal {
        progress::hide();
    }
    let name = "stdout".to_owned();
    let file = platform::stdout_file().map_err(|error| Failure::at(&name, Error::Io(error)))?;
    let out: Box<dyn Write + Send> =
        if terminal { Box::new(Terminal(file)) } else { Box::new(file) };
    Ok(Output::Stream { out, name, held: None })
}

/// Fails where binary output would go to a terminal.
pub(crate) fn check_terminal(text: bool) -> Result<()> {
    if text || !io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage("binary output is not written to a terminal")
        .hint("-o FILE writes a file, --armor writes text"))
}

/// Passes text through and refuses control characters.
struct Terminal<W>(W);

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let steers = |byte: &u8| matches!(byte, 0..=8 | 11 | 14..=31 | 127);
        // C1 controls are two bytes in UTF-8; what is not UTF-8 is not text.
        let c1 = |pair: &[u8]| pair[0] == 0xc2 && (0x80..=0x9f).contains(&pair[1]);
        if bytes.iter().any(steers) || bytes.windows(2).any(c1) {
            let what = "binary output is not written to a terminal";
            let detail = Detail::new(what).hint("-o FILE writes a file");
            return Err(Error::Usage(detail).into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
