//! Passphrases: asked on the terminal, read from a file descriptor one a line, or printed by a
//! command; never from the arguments.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keystead::{Error, ErrorKind, Keys, MasterKey, PassphraseCosts};
use zeroize::Zeroizing;

use crate::args::Source;
use crate::cancel;
use crate::conflicts::{self, Role};
use crate::failure::{Failure, Result};
use crate::platform;

/// Bytes of twenty passphrases of maximum length.
const MAX_INPUT: u64 = 81_920;
/// The capacity for it, reserved at once, so that a growing buffer leaves no copy.
const MAX_INPUT_LEN: usize = 81_952;

/// Hint where the source of a passphrase is given but -p is not.
pub(crate) const NOT_ASKED: &str =
    "add -p: --passphrase-fd and --passphrase-command only say where a passphrase comes from";
const COMMAND: &str = "--passphrase-command";
/// Environment variable that tells a command which passphrase is wanted.
const ASKED_FOR: &str = "KEYSTEAD_PASSPHRASE_FOR";

/// The source of passphrases and the maximum cost of trying one.
pub(crate) struct Passphrases {
    origin: Origin,
    used: Cell<bool>,
    ceiling: PassphraseCosts,
    /// Argon2id runs that may open nothing, unless it is the library's default.
    runs: Option<u32>,
    /// Why the run would fail whatever is answered.
    obstacle: Option<Failure>,
}

enum Origin {
    Terminal,
    /// Run in a shell for each.
    Command(OsString),
    /// Lines not used yet.
    Lines(RefCell<VecDeque<Zeroizing<Vec<u8>>>>),
}

impl Default for Passphrases {
    fn default() -> Self {
        let ceiling = PassphraseCosts::CEILING;
        Self {
            origin: Origin::Terminal,
            used: Cell::new(false),
            ceiling,
            runs: None,
            obstacle: None,
        }
    }
}

impl Passphrases {
    /// Reads them from `--passphrase-fd`; a command or the terminal waits until one is asked for.
    pub(crate) fn new(source: &Source) -> Result<Self> {
        let origin = match (source.passphrase_fd, &source.passphrase_command) {
            (Some(fd), _) => Origin::read(fd)?,
            (None, Some(command)) => Origin::Command(command.clone()),
            (None, None) => Origin::Terminal,
        };
        Ok(Self { origin, ..Self::default() })
    }

    /// Fails where a passphrase was given but never needed: it would protect nothing.
    pub(crate) fn check_used(&self) -> Result<()> {
        self.check_needed(self.used.get())
    }

    /// Fails where a passphrase was given but is not needed.
    pub(crate) fn check_needed(&self, needed: bool) -> Result<()> {
        if self.are_given() && !needed {
            let option = match self.origin {
                Origin::Command(_) => COMMAND,
                Origin::Lines(_) | Origin::Terminal => "--passphrase-fd",
            };
            let what = format!("{option} is given, but nothing asks for a passphrase");
            return Err(Failure::usage(what).hint(NOT_ASKED));
        }
        Ok(())
    }

    /// Returns whether the arguments say where they come from.
    pub(crate) const fn are_given(&self) -> bool {
        !matches!(self.origin, Origin::Terminal)
    }

    /// Lets a passphrase record cost as many MiB of memory (`--passphrase-memory`).
    pub(crate) fn with_memory_limit(mut self, mib: Option<u32>) -> Self {
        if let Some(mib) = mib {
            self.ceiling.memory_kib = mib.saturating_mul(1_024);
        }
        self
    }

    /// Lets passphrases be tried in vain as often (`--passphrase-runs`).
    pub(crate) const fn with_runs(mut self, runs: Option<u32>) -> Self {
        self.runs = runs;
        self
    }

    /// Sets the failure to return instead of asking for a passphrase in vain.
    pub(crate) fn with_obstacle(mut self, obstacle: Option<Failure>) -> Self {
        self.obstacle = obstacle;
        self
    }

    fn check_obstacle(&self) -> Result<()> {
        self.obstacle.clone().map_or(Ok(()), Err)
    }

    /// Returns keys that spend no more than was allowed on a passphrase.
    pub(crate) fn limit(&self, keys: Keys) -> Keys {
        let keys = keys.with_passphrase_ceiling(self.ceiling);
        match self.runs {
            Some(runs) => keys.with_passphrase_runs(runs),
            None => keys,
        }
    }

    /// Asks for a passphrase that exists already.
    pub(crate) fn ask(&self, what: &str) -> Result<MasterKey> {
        self.check_obstacle()?;
        self.used.set(true);
        let passphrase = match &self.origin {
            Origin::Terminal => prompt(&format!("Passphrase of {what}: "))?,
            Origin::Command(command) => run(command, what)?,
            Origin::Lines(lines) => next(lines, what)?,
        };
        MasterKey::passphrase(&*passphrase).map_err(Failure::from)
    }

    /// Asks for a new passphrase, twice on a terminal: a typing error would lock its owner out.
    pub(crate) fn ask_new(&self, what: &str) -> Result<MasterKey> {
        self.check_obstacle()?;
        self.used.set(true);
        let passphrase = match &self.origin {
            Origin::Command(command) => run(command, &format!("new: {what}"))?,
            Origin::Terminal => {
                let first = prompt(&format!("New passphrase for {what}: "))?;
                let second = prompt("The same again: ")?;
                if *first != *second {
                    let failure = Failure::usage("the two passphrases differ");
                    return Err(failure.hint("nothing was written; run it again"));
                }
                first
            }
            Origin::Lines(lines) => next(lines, what)?,
        };
        MasterKey::passphrase(&*passphrase).map_err(Failure::from)
    }
}

impl Origin {
    /// Reads one passphrase per line.
    fn read(fd: u32) -> Result<Self> {
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_INPUT_LEN));
        let read = if fd == 0 {
            conflicts::take_stdin("the passphrase")?;
            io::stdin().take(MAX_INPUT).read_to_end(&mut text)
        } else {
            let path = PathBuf::from(format!("/dev/fd/{fd}"));
            conflicts::check_once(&path)?;
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

/// Opens the file of a descriptor and protects it from being an output.
fn open(path: &Path, name: &str) -> Result<io::Result<File>> {
    let file = File::open(path);
    let found = file.as_ref().ok().and_then(|file| file.metadata().ok());
    if let Some(id) = found.and_then(|found| platform::file_id(path, &found).ok()) {
        conflicts::check_source(name, &id)?;
        conflicts::register(Role::Passphrases, name, id);
    }
    Ok(file)
}

fn next(lines: &RefCell<VecDeque<Zeroizing<Vec<u8>>>>, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    lines.borrow_mut().pop_front().ok_or_else(|| {
        Failure::usage(format!("--passphrase-fd has no line for the passphrase of {what}"))
            .hint("give one passphrase per line, in the order of the keys, that of -p last")
    })
}

/// Runs a command and returns the first line that it prints. Its messages go where ours go.
fn run(command: &OsStr, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut shell = shell(command);
    shell.env(ASKED_FOR, what).stdout(Stdio::piped());
    // Our stdin is data unless it is a terminal.
    if !io::stdin().is_terminal() {
        shell.stdin(Stdio::null());
    }
    let failed = |error| Failure::at(COMMAND, Error::Io(error));
    let ended = cancel::with_terminal(|| {
        let mut child = shell.spawn()?;
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_INPUT_LEN));
        if let Some(out) = child.stdout.take() {
            out.take(MAX_INPUT).read_to_end(&mut text)?;
        }
        child.wait().map(|status| (status, text))
    })?;
    let (status, text) = ended.map_err(failed)?;
    if !status.success() {
        return Err(Failure::new(
            ErrorKind::Io,
            format!("{COMMAND}: the command failed ({status}), asked for the passphrase of {what}"),
        )
        .hint("run it by itself: it has to print the passphrase and to end with 0"));
    }
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::usage(format!("{COMMAND}: the command printed no passphrase"))
            .hint("the first line that it prints is the passphrase"));
    }
    Ok(Zeroizing::new(line.to_vec()))
}

#[cfg(not(windows))]
fn shell(command: &OsStr) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(windows)]
fn shell(command: &OsStr) -> Command {
    use std::os::windows::process::CommandExt as _;
    let mut shell = Command::new("cmd");
    shell.arg("/C").raw_arg(command);
    shell
}

fn prompt(text: &str) -> Result<Zeroizing<Vec<u8>>> {
    let answer = cancel::with_terminal(|| rpassword::prompt_password(text))?;
    let answer = answer.map_err(|error| match error.kind() {
        // rpassword takes Ctrl-C from the terminal itself.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => {
            Failure::new(ErrorKind::Cancelled, "cancelled")
        }
        _ => Failure::usage("there is no terminal to ask for a passphrase")
            .hint("--passphrase-fd N reads it from a file descriptor, --passphrase-command CMD from a command"),
    })?;
    Ok(Zeroizing::new(answer.into_bytes()))
}
