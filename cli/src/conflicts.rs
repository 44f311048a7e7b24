//! Detects conflicts between what a run reads and what it writes: an output is never an input, a
//! key file or a file with a secret key, under any name; and a pipe or stdin is read only once.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::output;
use crate::platform::{self, FileId};
use crate::report::shown;
use crate::stdio::{self, Kind, Stream};

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    KeyFile,
    PublicHalf,
    Passphrases,
}

impl Role {
    const fn text(self) -> &'static str {
        match self {
            Self::Input => "the input",
            Self::KeyFile => "the key file",
            Self::PublicHalf => "the public half",
            Self::Passphrases => "the passphrases in",
        }
    }
}

/// Files that this run reads, and which no output of it replaces.
static READ_FILES: LazyLock<Mutex<HashMap<FileId, (Role, String)>>> = LazyLock::new(Mutex::default);
/// Directories that this run reads, by their real paths.
static INPUT_DIRS: Mutex<Vec<(PathBuf, FileId)>> = Mutex::new(Vec::new());
/// Pipes that were opened.
static OPENED_PIPES: LazyLock<Mutex<HashSet<FileId>>> = LazyLock::new(Mutex::default);
/// What stdin is read for.
static STDIN_PURPOSE: Mutex<Option<&'static str>> = Mutex::new(None);

/// Remembers a file that this run reads.
pub(crate) fn register(role: Role, name: &str, id: FileId) {
    lock(&READ_FILES).entry(id).or_insert_with(|| (role, name.to_owned()));
}

/// Remembers the named inputs: one of them may be the output path of another.
pub(crate) fn register_inputs(inputs: &[Input]) {
    for path in inputs.iter().filter_map(Input::path) {
        let Ok(found) = path.metadata() else { continue };
        let Ok(id) = platform::file_id(path, &found) else { continue };
        match path.canonicalize() {
            Ok(real) if found.is_dir() => lock(&INPUT_DIRS).push((real, id)),
            _ => register(Role::Input, &shown(path), id),
        }
    }
}

/// Fails where an output goes into a directory that this run reads. `real` is its path without
/// links.
pub(crate) fn check_outside(path: &Path, real: &Path) -> Result<()> {
    match lock(&INPUT_DIRS).iter().any(|(tree, _)| real.starts_with(tree)) {
        true => Err(output_in_input(path)),
        false => Ok(()),
    }
}

/// Fails where the output with this name goes into a directory that this run reads.
pub(crate) fn check_output(path: &Path) -> Result<()> {
    if lock(&INPUT_DIRS).is_empty() {
        return Ok(());
    }
    // Without its directory, the output cannot be created.
    output::parent_dir(path).canonicalize().map_or(Ok(()), |real| check_outside(path, &real))
}

/// Fails where a directory for outputs is one that this run reads.
pub(crate) fn check_dir(path: &Path, id: &FileId) -> Result<()> {
    match lock(&INPUT_DIRS).iter().any(|(_, tree)| tree == id) {
        true => Err(output_in_input(path)),
        false => Ok(()),
    }
}

fn output_in_input(path: &Path) -> Failure {
    Failure::usage(format!("{}: the output is in the input directory", shown(path)))
        .hint("name another place with -o")
}

/// Fails where stdout or stderr is written to one of the inputs that were named. Checked before the
/// first message, which would change the input.
pub(crate) fn check_inputs(inputs: &[Input]) -> Result<()> {
    if stdio::file(Stream::Stdout).is_none() && stdio::file(Stream::Stderr).is_none() {
        return Ok(());
    }
    for input in inputs {
        let id = match input {
            Input::Stdin => stdio::file(Stream::Stdin).map(|target| target.id.clone()),
            Input::File(path) => path.metadata().ok().and_then(|found| id_of(path, &found)),
            Input::Entry(_) => None,
        };
        if let Some(id) = id {
            check_source(&input.shown(), &id)?;
        }
        input.path().map_or(Ok(()), check_stderr_below)?;
    }
    Ok(())
}

/// Fails where stderr is written to an object in this directory. Messages about earlier files would
/// change it.
fn check_stderr_below(dir: &Path) -> Result<()> {
    let Some(_) = stdio::file(Stream::Stderr).filter(|_| dir.is_dir()) else { return Ok(()) };
    let Some(written) = stdio::path(Stream::Stderr).filter(|path| is_object(path)) else {
        return Ok(());
    };
    if !dir.canonicalize().is_ok_and(|real| written.starts_with(real)) {
        return Ok(());
    }
    stdio::mute_stderr();
    let what = format!("{}: stderr is written to an object in it", shown(dir));
    Err(Failure::usage(what).hint("redirect stderr to another file"))
}

fn is_object(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("ks"))
}

/// Fails where stdout or stderr is written to a file that is found in a directory. A log may
/// receive messages about itself, but an object may not.
pub(crate) fn check_found(path: &Path, id: &FileId) -> Result<()> {
    check_streams_apart(&shown(path), id, !is_object(path))
}

/// Fails where stdout or stderr is written to a file that is read.
pub(crate) fn check_source(name: &str, id: &FileId) -> Result<()> {
    check_streams_apart(name, id, false)
}

fn check_streams_apart(name: &str, id: &FileId, is_log: bool) -> Result<()> {
    let leads_here = |stream| stdio::file(stream).filter(|target| target.id == *id);
    let stderr = leads_here(Stream::Stderr).is_some();
    if stderr && !is_log {
        // The message itself would change the file.
        stdio::mute_stderr();
    }
    if let Some(target) = leads_here(Stream::Stdout) {
        let hint = match target.len {
            0 => "redirect stdout to another file; the shell emptied this one",
            _ => "redirect stdout to another file",
        };
        let what = format!("{name}: stdout is written to this file, which is read");
        return Err(Failure::usage(what).hint(hint));
    }
    if stderr {
        let what = format!("{name}: stderr is written to this file, which is read");
        return Err(Failure::usage(what).hint("redirect stderr to another file"));
    }
    Ok(())
}

/// Fails where stdout or stderr is the side file of a rewrap, whose bytes are a header.
pub(crate) fn check_streams() -> Result<()> {
    for (stream, name) in [(Stream::Stdout, "stdout"), (Stream::Stderr, "stderr")] {
        if stdio::file(stream).is_some()
            && stdio::path(stream).is_some_and(|path| is_side_file(&path))
        {
            if stream == Stream::Stderr {
                stdio::mute_stderr();
            }
            let what = format!("{name} is written to the side file of a rewrap");
            return Err(Failure::usage(what).hint(format!("redirect {name} to another file")));
        }
    }
    Ok(())
}

/// Fails where an output would be taken for the side file of a rewrap.
pub(crate) fn check_name(path: &Path) -> Result<()> {
    if !is_side_file(path) || path.with_extension("").symlink_metadata().is_err() {
        return Ok(());
    }
    let what = format!("{}: rewrap keeps this name for the file beside it", shown(path));
    Err(Failure::usage(what).hint("choose another output"))
}

fn is_side_file(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("ks-rewrap"))
}

/// Fails where an output would replace a file that this run reads or writes otherwise, or one that
/// holds a secret key. `open` opens what is there.
pub(crate) fn check_replaced(
    path: &Path,
    id: &FileId,
    len: u64,
    open: impl FnOnce() -> io::Result<File>,
) -> Result<()> {
    if let Some((role, name)) = lock(&READ_FILES).get(id) {
        let what = format!("{}: the output would replace {} {name}", shown(path), role.text());
        return Err(Failure::usage(what).hint("choose another output"));
    }
    for (stream, name) in [(Stream::Stdout, "stdout"), (Stream::Stderr, "stderr")] {
        if stdio::file(stream).is_some_and(|target| target.id == *id) {
            let what = format!("{}: {name} is written to this file, too", shown(path));
            return Err(Failure::usage(what).hint("choose another output"));
        }
    }
    // A file that cannot be read holds no key in use.
    if open().is_ok_and(|mut file| keys::holds_secret(&mut file, len)) {
        let what = format!("{}: the output would replace a secret key", shown(path));
        return Err(Failure::usage(what).hint(
            "what the key opens would be lost with it: choose another output, or move the key away",
        ));
    }
    Ok(())
}

/// Fails where a pipe was opened before, since its bytes are gone. Call this before opening it.
pub(crate) fn check_once(path: &Path) -> Result<()> {
    let Ok(found) = path.metadata() else { return Ok(()) };
    match id_of(path, &found) {
        Some(id) if platform::is_pipe(&found) => register_pipe(&shown(path), id),
        _ => Ok(()),
    }
}

/// Fails where stdin is read already, for another purpose.
pub(crate) fn take_stdin(purpose: &'static str) -> Result<()> {
    stdio::check_stdin()?;
    if let Some(other) = lock(&STDIN_PURPOSE).replace(purpose) {
        return Err(stdin_conflict(other, purpose));
    }
    match stdio::target(Stream::Stdin) {
        Some(target) if target.kind == Kind::Pipe => register_pipe("stdin", target.id.clone()),
        _ => Ok(()),
    }
}

/// Returns the failure for reading stdin for two purposes.
pub(crate) fn stdin_conflict(one: &str, other: &str) -> Failure {
    let what = match one == other {
        true => format!("stdin can be read only once, and is named twice as {one}"),
        false => format!("stdin cannot hold both {one} and {other}"),
    };
    Failure::usage(what).hint("put one of them in a file and name that")
}

fn register_pipe(name: &str, id: FileId) -> Result<()> {
    if lock(&OPENED_PIPES).insert(id) {
        return Ok(());
    }
    Err(Failure::usage(format!("{name}: named twice, but a pipe can be read only once"))
        .hint("save it to a file and name that"))
}

fn id_of(path: &Path, found: &Metadata) -> Option<FileId> {
    if found.is_dir() { None } else { platform::file_id(path, found).ok() }
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
