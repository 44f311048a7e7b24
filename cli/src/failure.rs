//! The error of the command line: a class (the exit code), one message and, where possible, a hint.

use std::io;
use std::path::Path;

use keystead::{Error, ErrorKind};

use crate::filesystem;
use crate::report::shown;

/// Result of every fallible function in the command line.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// An error as the user sees it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) class: ErrorKind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The reader of our output is gone, so nothing is printed.
    pub(crate) silent: bool,
}

impl Failure {
    pub(crate) fn new(class: ErrorKind, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None, silent: false }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Sets the hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the hint unless a better one is there.
    pub(crate) fn or_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Makes a failure of a library error about `name`, which is already escaped.
    pub(crate) fn at(name: &str, error: Error) -> Self {
        let failure = Self::from(error);
        Self { message: format!("{name}: {}", failure.message), ..failure }
    }

    /// Makes a failure that names the step that failed on the way to a file.
    pub(crate) fn step(path: &Path, step: &str, error: io::Error) -> Self {
        let failure = Self::from(Error::from_io(error));
        let system = filesystem::file_system(path);
        let system = system.map(|name| format!(" (the file system is {name})")).unwrap_or_default();
        let message = format!("{}: {step}: {}{system}", shown(path), failure.message);
        Self { message, ..failure }.hint(ELSEWHERE)
    }

    /// Makes a failure of an I/O error about a path.
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::at(&shown(path), Error::from_io(error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let class = error.kind();
        let hint = match &error {
            // All authentication errors have the same text.
            Error::Auth => Some(AUTH.to_owned()),
            error => error.hint().map(in_options),
        };
        let Error::Io(io) = &error else {
            return Self { hint, ..Self::new(class, error.to_string()) };
        };
        Self {
            class,
            message: system_message(io),
            hint: io_hint(io.kind()).map(str::to_owned),
            silent: io.kind() == io::ErrorKind::BrokenPipe,
        }
    }
}

/// Items of the library that its hints name, and the options that do the same; and hints that fit no
/// option, or only some verbs, in words that fit all.
const OPTIONS: [(&str, &str); 7] = [
    // No option allows more passes or lanes.
    (
        "if you trust who made it, allow more work: `Keys::with_passphrase_ceiling`",
        "no keystead makes such a record unasked: ask who made it",
    ),
    (
        "give the key file with -k, the object as input",
        "it is an object: name the file of the key that opens it",
    ),
    ("`Keys::with_passphrase_ceiling`", "--passphrase-memory MIB"),
    ("`Keys::with_passphrase_runs`", "--passphrase-runs N"),
    (
        "`reencrypt` vouches for what it holds, `Changes::vouch` for its header alone",
        "`keystead reencrypt --vouch` vouches for what it holds, --vouch here for its header alone",
    ),
    ("`Changes::vouch`", "--vouch"),
    ("`EncryptOptions::vouch`", "--vouch"),
];

/// Returns a hint of the library in the words of the command line.
fn in_options(hint: &str) -> String {
    OPTIONS.iter().fold(hint.to_owned(), |hint, (item, option)| hint.replace(item, option))
}

const ELSEWHERE: &str = "nothing was replaced; if this happens again, work on another file \
system, and copy the file from there";
const AUTH: &str =
    "get the object again from its source; `keystead inspect` shows who should open it";

/// Returns the system's text without its number.
fn system_message(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) if error.raw_os_error().is_some() => text[..end].to_owned(),
        _ => text,
    }
}

const fn io_hint(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::NotFound => Some("check the name, and the directory that you are in"),
        io::ErrorKind::PermissionDenied => Some("check who owns it, and who may read and write it"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room and run it again")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("the file system is read-only: choose another place")
        }
        io::ErrorKind::InvalidFilename => Some("choose a shorter name"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_of_the_library_name_options() {
        for (item, option) in OPTIONS {
            assert_eq!(in_options(&format!("try {item}, then")), format!("try {option}, then"));
        }
    }
}
