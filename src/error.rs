//! The one error type, sorted by whose fault it is. Kinds and numbers are those of SPEC R52.

use std::borrow::Cow;
use std::fmt;
use std::io;

/// What went wrong. [`kind`](Error::kind) says whose fault it is, [`hint`](Error::hint) what to do
/// next.
///
/// Out of `Read`, `Write` and their async forms it comes inside an `io::Error`:
/// [`from_io`](Error::from_io) takes it out.
///
/// No message holds a secret, or a value of an object's context: names only, for what was expected
/// and what is there may belong to two tenants.
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
    /// None of the keys given opens the object; says which keys would.
    #[error("none of the given keys opens this object")]
    NoKey(Box<WaysIn>),
    /// Everything that fails cryptographically; one text, so that nothing can be told apart.
    #[error("authentication failed: a wrong key, or the object was changed, cut or extended")]
    Auth,
    /// The object is authentic, but it is not the one asked for.
    #[error("{detail}")]
    Context {
        /// The name of the context entry that is missing, different or not expected; none where the
        /// place is another one.
        name: Option<String>,
        /// The message.
        detail: Detail,
    },
    /// The object is authentic, but older than the caller's floor.
    #[error("{detail}")]
    Rollback {
        /// The generation of the floor.
        floor: u64,
        /// The generation of the object.
        found: u64,
        /// The message.
        detail: Detail,
    },
    /// A bound is exceeded; found before memory was taken.
    #[error("{0}")]
    Limit(Detail),
    /// A key text or key file is not one.
    #[error("{0}")]
    KeyFile(Detail),
    /// The caller stopped the work: what a callback of the caller's may return.
    #[error("cancelled")]
    Cancelled,
}

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What would open an object that none of the keys given opens. It is what the header claims;
/// nothing of it is authentic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaysIn {
    pub(crate) key_ids: Vec<[u8; 16]>,
    pub(crate) anonymous: usize,
    pub(crate) has_passphrase: bool,
}

impl WaysIn {
    /// Returns the number of records without a key id.
    #[must_use]
    pub const fn anonymous(&self) -> usize {
        self.anonymous
    }

    /// Returns whether a passphrase opens the object.
    #[must_use]
    pub const fn has_passphrase(&self) -> bool {
        self.has_passphrase
    }
}

/// A message, and what to do about it where that can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    what: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
}

impl Detail {
    /// Makes a message: what, and which.
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

/// Whose fault an error is: the classes of SPEC R52, whose numbers are the same in Rust, exit codes
/// and C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
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
    /// Stopped by the caller.
    Cancelled,
}

impl ErrorKind {
    /// Returns the stable number, from 1 to 130.
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
            Self::Cancelled => 130,
        }
    }

    /// Returns the name used in SPEC.md, vectors and JSON.
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
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl Error {
    /// Returns whose fault it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(_) => ErrorKind::Io,
            Self::Usage(_) => ErrorKind::Usage,
            Self::Format(_) => ErrorKind::Format,
            Self::NoKey(_) => ErrorKind::NoKey,
            Self::Auth => ErrorKind::Auth,
            Self::Context { .. } => ErrorKind::Context,
            Self::Rollback { .. } => ErrorKind::Rollback,
            Self::Limit(_) => ErrorKind::Limit,
            Self::KeyFile(_) => ErrorKind::KeyFile,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// Returns what to do next, where that can be known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage(detail)
            | Self::Format(detail)
            | Self::Context { detail, .. }
            | Self::Rollback { detail, .. }
            | Self::Limit(detail)
            | Self::KeyFile(detail) => detail.hint.as_deref(),
            Self::Io(_) | Self::NoKey(_) | Self::Auth | Self::Cancelled => None,
        }
    }

    /// Returns whether the same call may succeed later, with nothing changed: an interruption, a
    /// timeout, a connection that broke. Everything else fails again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        use io::ErrorKind as Io;
        let Self::Io(error) = self else { return false };
        matches!(
            error.kind(),
            Io::Interrupted
                | Io::WouldBlock
                | Io::TimedOut
                | Io::ResourceBusy
                | Io::ConnectionRefused
                | Io::ConnectionReset
                | Io::ConnectionAborted
                | Io::NotConnected
                | Io::HostUnreachable
                | Io::NetworkUnreachable
                | Io::NetworkDown
        )
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

    pub(crate) fn context(name: Option<&str>, what: impl Into<Detail>) -> Self {
        Self::Context { name: name.map(str::to_owned), detail: what.into() }
    }
}

/// An error of ours comes back whole from a reader or writer that it passed through.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::from_io(error)
    }
}

/// An error of ours travels through `io::Read` and `io::Write` whole: [`Error::from_io`], `into_inner`
/// and `downcast` give it back.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

impl Error {
    /// Returns the keystead error inside an `io::Error` that a reader or writer of ours returned;
    /// other errors become [`Error::Io`]. In a function that returns [`Result`], `?` does the same.
    ///
    /// ```
    /// # fn main() -> keystead::Result<()> {
    /// use keystead::{Context, Decryptor, Error, Keys, MasterKey};
    /// # use std::io::Read;
    /// # let keys = Keys::from(MasterKey::generate()?);
    /// # let object = keystead::encrypt(&keys.recipients(), &[7; 100_000], &Context::new())?;
    /// let cut = &object[..50_000];
    /// let mut reader = Decryptor::new(cut, &keys, &Context::new())?;
    /// let error = reader.read_to_end(&mut Vec::new()).unwrap_err();          // an io::Error
    /// assert!(matches!(Error::from_io(error), Error::Auth));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn from_io(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}
