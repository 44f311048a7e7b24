//! Holds plaintext back in memory until all of it has verified.

use std::io::{self, Write};

use keystead::{Detail, Error};

/// Limit of `--buffer`.
const MOST: u64 = 256 * 1024 * 1024;
/// Bytes allocated at a time where the length is not known.
const PART: usize = 1_048_576;

/// Plaintext in order. Parts are never copied to grow, so peak memory is their length.
#[derive(Default)]
pub(crate) struct PlaintextBuffer {
    parts: Vec<Part>,
    len: u64,
}

/// A part, wiped when dropped. One fill is faster than `Zeroizing`, which writes byte by byte.
struct Part(Vec<u8>);

impl Drop for Part {
    fn drop(&mut self) {
        let Self(bytes) = self;
        bytes.fill(0);
        zeroize::optimization_barrier(bytes.as_slice());
    }
}

impl PlaintextBuffer {
    /// Allocates `len` bytes, where that is known. Fails with LIMIT above the maximum or without
    /// enough memory.
    pub(crate) fn new(len: Option<u64>) -> keystead::Result<Self> {
        let mut held = Self::default();
        if let Some(len) = len {
            check(len)?;
            held.grow(usize::try_from(len).unwrap_or(usize::MAX))?;
        }
        Ok(held)
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> keystead::Result<()> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        check(self.len.saturating_add(more))?;
        self.len += more;
        while !bytes.is_empty() {
            let room = |Part(part): &Part| part.capacity() - part.len();
            if self.parts.last().map_or(0, room) == 0 {
                self.grow(PART)?;
            }
            if let Some(last) = self.parts.last_mut() {
                let (now, later) = bytes.split_at(bytes.len().min(room(last)));
                last.0.extend_from_slice(now);
                bytes = later;
            }
        }
        Ok(())
    }

    pub(crate) fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        self.parts.iter().try_for_each(|Part(part)| out.write_all(part))
    }

    fn grow(&mut self, len: usize) -> keystead::Result<()> {
        let mut part = Vec::new();
        part.try_reserve_exact(len).map_err(|_| {
            let what = format!("{len} bytes cannot be allocated");
            Error::Limit(Detail::new(what).hint(HINT))
        })?;
        self.parts.push(Part(part));
        Ok(())
    }
}

fn check(len: u64) -> keystead::Result<()> {
    if len <= MOST {
        return Ok(());
    }
    Err(Error::Limit(Detail::new("--buffer holds at most 256 MiB").hint(HINT)))
}

const HINT: &str = "`keystead decrypt -o FILE` takes any size, and the file appears whole, too";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_comes_out_in_order() {
        let bytes: Vec<u8> = (0..=250).cycle().take(3 * PART + 7).collect();
        for len in [None, Some(0), Some(10), Some(u64::try_from(bytes.len()).unwrap())] {
            let mut held = PlaintextBuffer::new(len).unwrap();
            bytes.chunks(100_000).for_each(|part| held.push(part).unwrap());
            let mut out = Vec::new();
            held.write_to(&mut out).unwrap();
            assert!(out == bytes, "{len:?}");
        }
        assert!(PlaintextBuffer::new(Some(MOST + 1)).is_err());
        let mut held = PlaintextBuffer { parts: Vec::new(), len: MOST };
        assert!(held.push(&[0]).is_err());
    }
}
