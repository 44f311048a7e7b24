//! The one error type, sorted by whose fault it is; classes and numbers are SPEC R52.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// What went wrong. [`class`](Error::class) sorts it, [`hint`](Error::hint) says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading, writing or the operating system's generator failed.
    #[error(transparent)]
    Io(io::Error),
    /// The caller asked for what the format forbids a writer.
    #[error("{0}")]
    Usage(Detail),
    /// Not an object, damaged before any key is used, or made by a newer version.
    #[error("{0}")]
    Format(Detail),
    /// No record of the access list is for the keys given.
    #[error("none of the given keys opens this object")]
    NoKey,
    /// Everything that fails cryptographically; one text, so that nothing can be told apart.
    #[error("authentication failed: a wrong key, or the object was changed, cut or extended")]
    Auth,
    /// The object is authentic, but it is not the one asked for.
    #[error("{0}")]
    Context(Detail),
    /// The object is authentic, but older than the caller's floor.
    #[error("{0}")]
    Rollback(Detail),
    /// A bound is exceeded; found before memory was taken.
    #[error("{0}")]
    Limit(Detail),
    /// A key text or key file is not one.
    #[error("{0}")]
    KeyFile(Detail),
    /// An object store refused or lied.
    #[error("{0}")]
    Store(Detail),
    /// The caller stopped the work.
    #[error("cancelled")]
    Cancelled,
}

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// A message, and what to do about it where that can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    what: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
}

impl Detail {
    /// A message: what, and which.
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), hint: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for Detail {
    fn from(what: T) -> Self {
        Self::new(what)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// The class of an error: whose fault it is. Numbers are the same in Rust, exit codes and C (SPEC
/// R52).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Reading, writing, randomness, internal.
    Io,
    /// The caller's request.
    Usage,
    /// The input's form.
    Format,
    /// The keys given.
    NoKey,
    /// Cryptography.
    Auth,
    /// Another object than the one asked for.
    Context,
    /// An older header than the floor.
    Rollback,
    /// A bound.
    Limit,
    /// A key text or key file.
    KeyFile,
    /// An object store.
    Store,
    /// Work that found something left to do.
    Findings,
    /// Stopped by the caller.
    Cancelled,
}

impl ErrorClass {
    /// The stable number, from 1 to 130.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Io => 1,
            Self::Usage => 2,
            Self::Format => 3,
            Self::NoKey => 4,
            Self::Auth => 5,
            Self::Context => 6,
            Self::Rollback => 7,
            Self::Limit => 8,
            Self::KeyFile => 9,
            Self::Store => 10,
            Self::Findings => 11,
            Self::Cancelled => 130,
        }
    }

    /// The name used in SPEC.md, vectors and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Io => "IO",
            Self::Usage => "USAGE",
            Self::Format => "FORMAT",
            Self::NoKey => "NOKEY",
            Self::Auth => "AUTH",
            Self::Context => "CONTEXT",
            Self::Rollback => "ROLLBACK",
            Self::Limit => "LIMIT",
            Self::KeyFile => "KEYFILE",
            Self::Store => "STORE",
            Self::Findings => "FINDINGS",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl Error {
    /// The class of this error.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Io(_) => ErrorClass::Io,
            Self::Usage(_) => ErrorClass::Usage,
            Self::Format(_) => ErrorClass::Format,
            Self::NoKey => ErrorClass::NoKey,
            Self::Auth => ErrorClass::Auth,
            Self::Context(_) => ErrorClass::Context,
            Self::Rollback(_) => ErrorClass::Rollback,
            Self::Limit(_) => ErrorClass::Limit,
            Self::KeyFile(_) => ErrorClass::KeyFile,
            Self::Store(_) => ErrorClass::Store,
            Self::Cancelled => ErrorClass::Cancelled,
        }
    }

    /// What to do next, where that can be known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage(d)
            | Self::Format(d)
            | Self::Context(d)
            | Self::Rollback(d)
            | Self::Limit(d)
            | Self::KeyFile(d)
            | Self::Store(d) => d.hint.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn usage(what: impl Into<Detail>) -> Self {
        Self::Usage(what.into())
    }

    pub(crate) fn format(what: impl Into<Detail>) -> Self {
        Self::Format(what.into())
    }

    pub(crate) fn limit(what: impl Into<Detail>) -> Self {
        Self::Limit(what.into())
    }

    pub(crate) fn key_file(what: impl Into<Detail>) -> Self {
        Self::KeyFile(what.into())
    }

    pub(crate) fn context(what: impl Into<Detail>) -> Self {
        Self::Context(what.into())
    }
}

/// An error of ours comes back whole from a reader or writer that it passed through.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::from_io(error)
    }
}

/// An error of ours travels through `io::Read` and `io::Write` whole: `into_inner` and `downcast`
/// give it back.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

impl Error {
    /// The keystead error inside an `io::Error` that a reader or writer of ours returned; other
    /// errors become [`Error::Io`].
    #[must_use]
    pub fn from_io(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}
