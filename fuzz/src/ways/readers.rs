//! Readers as the world has them: few bytes at a time, interrupted, failing.

use std::io::{self, IoSliceMut, Read};

/// Hands out an object in pieces of given lengths, in turns.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
    lens: Vec<usize>,
    turn: usize,
    /// Fails with this at the end in place of reporting it.
    failure: Option<io::ErrorKind>,
    /// Every other call is interrupted.
    interrupts: bool,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(object: &'a [u8], lens: &[usize]) -> Self {
        let interrupts = lens.len() > 1;
        Self { rest: object, lens: lens.to_vec(), turn: 0, failure: None, interrupts }
    }

    /// The bytes of `object`, then an error.
    pub(super) fn failing(object: &'a [u8], lens: &[usize], failure: io::ErrorKind) -> Self {
        Self { failure: Some(failure), ..Self::new(object, lens) }
    }

    /// How many bytes the next call gives.
    fn next_len(&mut self) -> io::Result<usize> {
        self.turn += 1;
        if self.interrupts && self.turn.is_multiple_of(2) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match (self.rest.is_empty(), self.failure) {
            (true, Some(failure)) => Err(failure.into()),
            _ => Ok(self.lens[self.turn % self.lens.len()].max(1)),
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.next_len()?;
        let mut taken = self.rest.take(u64::try_from(len).unwrap());
        let read = taken.read(out)?;
        self.rest = &self.rest[read..];
        Ok(read)
    }

    /// Over the borders of slices, as files do it.
    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let len = self.next_len()?;
        let len = len.min(self.rest.len());
        let read = (&self.rest[..len]).read_vectored(out)?;
        self.rest = &self.rest[read..];
        Ok(read)
    }
}
