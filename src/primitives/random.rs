//! Randomness: one call to the operating system for all bytes of an object.
//!
//! No generator of ours lives longer than a call: after a fork it would give its bytes twice.

use zeroize::Zeroize;

use super::secret::Secret;
use crate::error::{Error, Result};

/// Bytes drawn at once, handed out in order, wiped when dropped.
pub(crate) struct Randomness {
    bytes: Vec<u8>,
    used: usize,
    refill: bool,
}

impl Randomness {
    /// Draws `len` bytes. A failing generator is IO.
    pub(crate) fn draw(len: usize) -> Result<Self> {
        let mut bytes = vec![0; len];
        fill(&mut bytes)?;
        Ok(Self { bytes, used: 0, refill: true })
    }

    /// Hands out the caller's bytes; asking for more than there are is USAGE.
    #[cfg(feature = "hazmat")]
    pub(crate) fn given(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), used: 0, refill: false }
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        if self.bytes.len() - self.used < N {
            if !self.refill {
                return Err(Error::usage("more randomness is needed than was given"));
            }
            *self = Self::draw(N)?;
        }
        let mut out = [0; N];
        let taken = &mut self.bytes[self.used..self.used + N];
        out.copy_from_slice(taken);
        taken.zeroize();
        self.used += N;
        Ok(out)
    }

    pub(crate) fn take_secret<const N: usize>(&mut self) -> Result<Secret<N>> {
        let mut bytes = self.take()?;
        let secret = Secret::copy_of(&bytes);
        bytes.zeroize();
        Ok(secret)
    }
}

impl Drop for Randomness {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// A new secret straight from the operating system.
pub(crate) fn secret<const N: usize>() -> Result<Secret<N>> {
    let mut result = Ok(());
    let secret = Secret::make(|out| result = fill(out));
    result.map(|()| secret)
}

fn fill(out: &mut [u8]) -> Result<()> {
    getrandom::fill(out).map_err(|e| Error::Io(std::io::Error::other(e)))
}
