//! Passphrases: asked on the terminal, or read from a file descriptor one a line; never from the
//! arguments.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use keystead::{Error, ErrorClass, MasterKey, PassphraseCosts};
use zeroize::Zeroizing;

use crate::cancel;
use crate::failure::{Failure, Result};
use crate::guard::{self, Role};
use crate::platform;

/// Twenty passphrases of the longest kind.
const MAX_INPUT: u64 = 81_920;
/// The same, reserved at once, so that no grown buffer leaves a copy behind.
const MAX_INPUT_LEN: usize = 81_952;

/// For who takes the place of a passphrase for the wish to use one.
pub(crate) const NOT_ASKED: &str = "add -p: --passphrase-fd only says where to read it";

/// Where passphrases come from, and the most that one may cost to try.
pub(crate) struct Passphrases {
    source: Source,
    used: Cell<bool>,
    ceiling: PassphraseCosts,
}

enum Source {
    Terminal,
    /// Lines not used yet.
    Lines(RefCell<VecDeque<Zeroizing<Vec<u8>>>>),
}

impl Passphrases {
    /// From `--passphrase-fd`, or the terminal.
    pub(crate) fn new(fd: Option<u32>) -> Result<Self> {
        let source = fd.map_or(Ok(Source::Terminal), Source::read)?;
        Ok(Self { source, used: Cell::new(false), ceiling: PassphraseCosts::CEILING })
    }

    /// A passphrase that was given and asked for by nothing protects nothing.
    pub(crate) fn check_used(&self) -> Result<()> {
        if self.are_given() && !self.used.get() {
            return Err(Failure::usage(
                "--passphrase-fd is given, but nothing asks for a passphrase",
            )
            .hint(NOT_ASKED));
        }
        Ok(())
    }

    /// Whether `--passphrase-fd` is given.
    pub(crate) const fn are_given(&self) -> bool {
        matches!(self.source, Source::Lines(_))
    }

    /// Lets a passphrase record cost as many MiB of memory (`--passphrase-memory`).
    pub(crate) fn spending(mut self, mib: Option<u32>) -> Self {
        if let Some(mib) = mib {
            self.ceiling.memory_kib = mib.saturating_mul(1_024);
        }
        self
    }

    /// A passphrase that exists already.
    pub(crate) fn ask(&self, what: &str) -> Result<MasterKey> {
        self.used.set(true);
        let passphrase = match &self.source {
            Source::Terminal => prompt(&format!("Passphrase of {what}: "))?,
            Source::Lines(lines) => next(lines, what)?,
        };
        Ok(MasterKey::passphrase(&*passphrase)?.with_passphrase_ceiling(self.ceiling))
    }

    /// A new passphrase: twice on a terminal, for a typing error would lock its owner out.
    pub(crate) fn ask_new(&self, what: &str) -> Result<MasterKey> {
        self.used.set(true);
        let passphrase = match &self.source {
            Source::Terminal => {
                let first = prompt(&format!("New passphrase for {what}: "))?;
                let second = prompt("The same again: ")?;
                if *first != *second {
                    let failure = Failure::usage("the two passphrases differ");
                    return Err(failure.hint("nothing was written; run it again"));
                }
                first
            }
            Source::Lines(lines) => next(lines, what)?,
        };
        MasterKey::passphrase(&*passphrase).map_err(Failure::from)
    }
}

impl Source {
    /// One passphrase a line.
    fn read(fd: u32) -> Result<Self> {
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_INPUT_LEN));
        let read = if fd == 0 {
            guard::take_stdin("the passphrase")?;
            io::stdin().take(MAX_INPUT).read_to_end(&mut text)
        } else {
            let path = PathBuf::from(format!("/dev/fd/{fd}"));
            guard::check_once(&path)?;
            open(&path, &format!("--passphrase-fd {fd}"))?
                .and_then(|file| file.take(MAX_INPUT).read_to_end(&mut text))
        };
        read.map_err(|error| {
            Failure::usage(format!(
                "--passphrase-fd {fd}: {}",
                Failure::from(Error::Io(error)).message
            ))
            .hint("open it in the shell: `keystead … --passphrase-fd 3 3< FILE`")
        })?;
        let lines = text.strip_suffix(b"\n").unwrap_or(&text).split(|byte| *byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        Ok(Self::Lines(RefCell::new(lines.map(|line| Zeroizing::new(line.to_vec())).collect())))
    }
}

/// Opens the file of a descriptor; no output takes its place.
fn open(path: &Path, name: &str) -> Result<io::Result<File>> {
    let file = File::open(path);
    let found = file.as_ref().ok().and_then(|file| file.metadata().ok());
    if let Some(id) = found.and_then(|found| platform::file_id(path, &found).ok()) {
        guard::check_source(name, &id)?;
        guard::keep(Role::Passphrases, name, id);
    }
    Ok(file)
}

fn next(lines: &RefCell<VecDeque<Zeroizing<Vec<u8>>>>, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    lines.borrow_mut().pop_front().ok_or_else(|| {
        Failure::usage(format!("--passphrase-fd has no line for the passphrase of {what}"))
            .hint("give one passphrase a line, in the order of the keys, that of -p last")
    })
}

fn prompt(text: &str) -> Result<Zeroizing<Vec<u8>>> {
    let answer = cancel::with_terminal(|| rpassword::prompt_password(text))?;
    let answer = answer.map_err(|error| match error.kind() {
        // rpassword takes Ctrl-C from the terminal itself.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => {
            Failure::new(ErrorClass::Cancelled, "cancelled")
        }
        _ => Failure::usage("there is no terminal to ask for a passphrase")
            .hint("--passphrase-fd N reads it from a file descriptor"),
    })?;
    Ok(Zeroizing::new(answer.into_bytes()))
}
