//! Randomness: one call to the operating system for all bytes of an object.
//!
//! No generator of ours lives longer than a call: after a fork it would give its bytes twice.

use super::secret::{Secret, wipe};
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
        wipe(taken);
        self.used += N;
        Ok(out)
    }

    pub(crate) fn take_secret<const N: usize>(&mut self) -> Result<Secret<N>> {
        let mut bytes = self.take()?;
        let secret = Secret::copy_of(&bytes);
        wipe(&mut bytes);
        Ok(secret)
    }
}

impl Drop for Randomness {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

/// Returns a new secret straight from the operating system.
pub(crate) fn secret<const N: usize>() -> Result<Secret<N>> {
    let mut result = Ok(());
    let secret = Secret::make(|out| result = fill(out));
    result.map(|()| secret)
}

fn fill(out: &mut [u8]) -> Result<()> {
    getrandom::fill(out).map_err(|e| Error::Io(std::io::Error::other(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_wiped_and_never_given_twice() {
        let mut randomness = Randomness::draw(96).unwrap();
        let before = randomness.bytes.clone();
        let first: [u8; 32] = randomness.take().unwrap();
        let second: Secret<24> = randomness.take_secret().unwrap();
        assert_eq!(first[..], before[..32]);
        assert_eq!(second.expose()[..], before[32..56]);
        assert_eq!(randomness.bytes[..56], [0; 56]);
        assert_eq!(randomness.bytes[56..], before[56..], "the rest waits");
    }

    #[test]
    fn more_than_was_drawn_is_drawn() {
        let mut randomness = Randomness::draw(16).unwrap();
        let a: [u8; 32] = randomness.take().unwrap();
        let b: [u8; 32] = randomness.take().unwrap();
        assert_ne!(a, b);
        assert!(a != [0; 32] && b != [0; 32]);
    }

    #[cfg(feature = "hazmat")]
    #[test]
    fn given_randomness_ends() {
        let mut randomness = Randomness::given(&[7; 40]);
        assert_eq!(randomness.take::<32>().unwrap(), [7; 32]);
        assert!(matches!(randomness.take::<16>(), Err(Error::Usage(_))));
        assert_eq!(randomness.take::<8>().unwrap(), [7; 8]);
    }
}
