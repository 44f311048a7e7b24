//! Notices which standard streams were closed when the process began.
//!
//! Rust's runtime opens the null device in place of a closed stream before `main`, both ways. So do
//! Python's `DEVNULL`, `daemon()` and service managers, on purpose. Only a look before the runtime
//! tells the one from the other.

use std::sync::atomic::{AtomicU8, Ordering};

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 0.
    Stdin,
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

impl Stream {
    /// Returns whether the stream was closed when the process began. Always false where the system
    /// is not Unix.
    #[must_use]
    pub fn was_closed(self) -> bool {
        CLOSED.load(Ordering::Relaxed) & self.bit() != 0
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Stdin => 1,
            Self::Stdout => 2,
            Self::Stderr => 4,
        }
    }
}

/// One bit for each stream that was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

#[cfg(unix)]
ctor::declarative::ctor! {
    // Sound before the runtime is up: it makes system calls, stores a number, and cannot panic.
    #[ctor(unsafe)]
    fn notice_closed_streams() {
        use rustix::{io::fcntl_getfd, stdio};
        let streams = [
            (Stream::Stdin, stdio::stdin()),
            (Stream::Stdout, stdio::stdout()),
            (Stream::Stderr, stdio::stderr()),
        ];
        for (stream, descriptor) in streams {
            // A closed descriptor is the one reason for which this fails.
            if fcntl_getfd(descriptor).is_err() {
                CLOSED.fetch_or(stream.bit(), Ordering::Relaxed);
            }
        }
    }
}
