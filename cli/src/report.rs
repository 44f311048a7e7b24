//! Writes all messages to stderr and all results to stdout. Nothing in a name or from a provider
//! can control the terminal.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use keystead::Error;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::progress;
use crate::stdio::{self, Stream};

/// Maximum number of remembered hints.
const MAX_GIVEN: usize = 1_000;

/// What is printed, and in which form.
pub(crate) struct Report {
    quiet: bool,
    /// Results as JSON, one object a line.
    pub(crate) json: bool,
    /// Hints already printed: files that fail alike share one.
    given: Mutex<BTreeSet<String>>,
}

impl Report {
    pub(crate) const fn new(quiet: bool, json: bool) -> Self {
        Self { quiet, json, given: Mutex::new(BTreeSet::new()) }
    }

    /// Prints a hint; nothing with `-q`.
    pub(crate) fn hint(&self, hint: &str) {
        if !self.quiet && self.is_new(hint) {
            say("hint", hint);
        }
    }

    /// Prints a key that opens an object after a change; nothing with `-q` or `--json`.
    pub(crate) fn opens(&self, what: &str, record: &str) {
        if !self.quiet && !self.json {
            say(what, record);
        }
    }

    /// Prints a question, whose answer is typed on the same line.
    pub(crate) fn ask(&self, question: &str) -> io::Result<()> {
        let text = format!("keystead: {} [y/N] ", escaped(question));
        progress::suspend_bar(|| {
            let mut out = io::stderr().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        })
    }

    /// Prints an object that a question is about.
    pub(crate) fn to_delete(&self, name: &str) {
        say("to delete", name);
    }

    /// Prints a skipped input and the reason; nothing with `-q`.
    pub(crate) fn skipped(&self, what: &str) {
        if !self.quiet {
            say("skipped", what);
        }
    }

    /// Prints an error that is no failure of one input.
    pub(crate) fn error(&self, what: &str) {
        say("error", what);
    }

    /// Prints an error and its hint, on two lines.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.silent {
            return;
        }
        say("error", &failure.message);
        if let Some(hint) = failure.hint.as_ref().filter(|hint| self.is_new(hint)) {
            say("hint", hint);
        }
    }

    /// Returns whether this hint is new.
    fn is_new(&self, hint: &str) -> bool {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if given.len() >= MAX_GIVEN {
            given.clear();
        }
        given.insert(hint.to_owned())
    }

    /// Returns whether to draw progress.
    pub(crate) fn has_progress(&self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }

    /// Returns the exit code of a finished verb.
    pub(crate) fn end(&self, end: Result<u8>) -> ExitCode {
        ExitCode::from(end.unwrap_or_else(|failure| {
            self.failure(&failure);
            failure.class.code()
        }))
    }

    /// Prints text to stdout, whatever the form.
    pub(crate) fn print(&self, text: &str) -> Result<()> {
        stdio::check_stdout()?;
        let written = progress::suspend_bar(|| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        });
        written.map_err(|error| Failure::at("stdout", Error::Io(error)))
    }

    /// Prints a line to stdout; nothing with `-q` or `--json`.
    pub(crate) fn line(&self, text: &str) -> Result<()> {
        if self.is_silent() { Ok(()) } else { self.print(&format!("{}\n", escaped(text))) }
    }

    /// Prints escaped text with colours to stdout; nothing with `-q` or `--json`.
    pub(crate) fn styled(&self, text: &str) -> Result<()> {
        if self.is_silent() { Ok(()) } else { self.print(text) }
    }

    /// Returns whether to omit lines for the user, as when stdout is closed.
    fn is_silent(&self) -> bool {
        self.quiet || self.json || Stream::Stdout.was_closed()
    }

    /// Prints a result object to stdout; nothing without `--json`.
    pub(crate) fn result(&self, value: &Value) -> Result<()> {
        if self.json { self.print(&format!("{}\n", escaped_json(value))) } else { Ok(()) }
    }
}

/// Returns an error as a JSON object.
pub(crate) fn failure_json(failure: &Failure) -> Value {
    json!({
        "class": failure.class.name(),
        "code": failure.class.code(),
        "message": escaped(&failure.message),
        "hint": failure.hint.as_deref().map(escaped),
    })
}

/// Escapes a path for messages: control characters, invalid UTF-8 and, where names may contain it,
/// the backslash, so that two names never look alike.
pub(crate) fn shown(path: &Path) -> String {
    let mut out = String::new();
    for part in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        let valid = escaped_backslash(part.valid());
        out.push_str(&escaped(&valid));
        for byte in part.invalid() {
            push(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out
}

/// On Windows it separates names.
fn escaped_backslash(text: &str) -> Cow<'_, str> {
    match cfg!(unix) && text.contains('\\') {
        true => text.replace('\\', "\\\\").into(),
        false => text.into(),
    }
}

/// Escapes text so that nothing controls a terminal or reorders what is seen.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => push(&mut out, format_args!("\\x{:02x}", u32::from(c))),
            c if steers(c) => push(&mut out, format_args!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Escapes JSON so that nothing controls a terminal: serde escapes only characters below space.
fn escaped_json(value: &Value) -> String {
    let mut out = String::new();
    for character in value.to_string().chars() {
        if steers(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                push(&mut out, format_args!("\\u{unit:04x}"));
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// Returns whether a character can mislead a terminal: C1 controls, line separators, bidirectional
/// overrides and marks, byte order marks.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = out.write_fmt(text);
}

/// Writes one line to stderr and ignores a closed one.
fn say(what: &str, text: &str) {
    let line = format!("keystead: {what}: {}\n", escaped(text));
    let _ = progress::suspend_bar(|| match stdio::is_stderr_muted() {
        false => io::stderr().lock().write_all(line.as_bytes()),
        // Stdout may still be a terminal.
        true if io::stdout().is_terminal() => io::stdout().lock().write_all(line.as_bytes()),
        true => Ok(()),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(escaped("a\nb\x1b[2J\u{202e}c\u{9b}"), "a\\nb\\x1b[2J\\u{202e}c\\u{9b}");
        assert_eq!(escaped("Grüße, 世界"), "Grüße, 世界");
        assert_eq!(escaped("a\u{61c}b\u{200b}"), "a\\u{61c}b\\u{200b}");
        let json = escaped_json(&json!({ "name": "a\u{9b}2J\u{202e}\x1b\n" }));
        assert_eq!(json, r#"{"name":"a\u009b2J\u202e\u001b\n"}"#);
    }

    #[cfg(unix)]
    #[test]
    fn invalid_utf8_is_shown_by_its_bytes() {
        use std::os::unix::ffi::OsStrExt as _;
        let name = std::ffi::OsStr::from_bytes(b"a\xff\nb");
        assert_eq!(shown(Path::new(name)), "a\\xff\\nb");
        assert_eq!(shown(Path::new("a\\nb")), "a\\\\nb");
    }
}
