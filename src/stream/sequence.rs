//! Which chunk may come next: none after the last, none that the stated length does not allow, none
//! after an error (SPEC R31, R32).

use std::io;

use crate::error::{Error, ErrorKind, Result};
use crate::format::layout::{Chunks, MAX_INDEX, SEALED_CHUNK};

/// The place in the row of chunks.
pub(super) struct Sequence {
    /// The chunks that there are, where the length is known.
    stated: Option<Chunks>,
    next: u64,
    ended: bool,
    failure: Option<Failure>,
}

impl Sequence {
    pub(super) const fn new(stated: Option<Chunks>) -> Self {
        Self { stated, next: 0, ended: false, failure: None }
    }

    /// Makes another sequence of the same chunks, which begins with chunk `index`.
    pub(super) const fn at(&self, index: u64) -> Self {
        Self { next: index, ..Self::new(self.stated) }
    }

    /// Returns the number of the next chunk.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Goes on from another chunk than the next.
    pub(super) const fn skip_to(&mut self, index: u64) {
        self.next = index;
    }

    /// Returns whether the last chunk is over.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) const fn end(&mut self) {
        self.ended = true;
    }

    /// Returns whether a chunk may follow.
    pub(super) const fn is_open(&self) -> bool {
        !self.ended && self.failure.is_none()
    }

    /// Checks that a chunk of this sealed length may be the next. A full one is never the last, a
    /// shorter one always is (R31).
    pub(super) fn check(&self, sealed_len: usize) -> Result<()> {
        let last = sealed_len < SEALED_CHUNK;
        if self.next >= MAX_INDEX && !last {
            return Err(Error::limit("more than 4 PiB - 1 of plaintext"));
        }
        // R32: a chunk that the stated length does not allow is refused before it is released.
        let fits = self.stated.is_none_or(|chunks| {
            self.next <= chunks.last
                && sealed_len == chunks.sealed_len(self.next)
                && last == (self.next == chunks.last)
        });
        if fits && !self.ended { Ok(()) } else { Err(Error::Auth) }
    }

    /// Goes on to the chunk after one of this sealed length.
    pub(super) const fn advance(&mut self, sealed_len: usize) {
        self.next += 1;
        self.ended = sealed_len < SEALED_CHUNK;
    }

    /// Begins a step that ends in [`settle`](Self::settle). Where a panic leaves that out, the
    /// sequence has failed: nobody knows how much of the input or output is gone.
    ///
    /// # Errors
    /// That of an earlier step.
    pub(super) fn begin(&mut self) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.repeat());
        }
        self.failure = Some(Failure::BROKEN_OFF);
        Ok(())
    }

    /// Ends a step; its error repeats.
    pub(super) fn settle<T>(&mut self, step: Result<T>) -> Result<T> {
        self.failure = step.as_ref().err().map(Failure::of);
        step
    }
}

/// An error that repeats.
struct Failure {
    kind: ErrorKind,
    io: io::ErrorKind,
}

impl Failure {
    const BROKEN_OFF: Self = Self { kind: ErrorKind::Io, io: io::ErrorKind::Other };

    fn of(error: &Error) -> Self {
        let io = match error {
            // Callers try again after an interruption, for ever if it repeats.
            Error::Io(e) if e.kind() != io::ErrorKind::Interrupted => e.kind(),
            _ => io::ErrorKind::Other,
        };
        Self { kind: error.kind(), io }
    }

    fn repeat(&self) -> Error {
        match self.kind {
            ErrorKind::Auth => Error::Auth,
            ErrorKind::Limit => Error::limit("more than 4 PiB - 1 of plaintext"),
            ErrorKind::Io if self.io != io::ErrorKind::Other => io::Error::from(self.io).into(),
            // What a caller's function returned says nothing of the object.
            _ => io::Error::other("an earlier call failed").into(),
        }
    }
}
