//! Secrets as a type: made in place, not cloned, not shown, compared in constant time, wiped when
//! dropped.

use std::fmt;
use std::ops::{Deref, DerefMut};

use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, optimization_barrier};

/// `N` secret bytes.
pub(crate) struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Lets `fill` write the bytes in their place.
    pub(crate) fn make(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self([0; N]);
        fill(&mut secret.0);
        secret
    }

    pub(crate) fn copy_of(bytes: &[u8; N]) -> Self {
        Self::make(|out| out.copy_from_slice(bytes))
    }

    pub(crate) const fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        let Self(bytes) = self;
        wipe(bytes);
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Overwrites bytes, and the compiler cannot leave it out. As `Zeroize` does it, but in words as
/// long as the machine has, where that writes byte after byte.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    optimization_barrier(bytes);
}

/// Bytes of any number, wiped when dropped, with all room that they had.
#[derive(Default)]
pub(crate) struct Wiped(pub(crate) Vec<u8>);

impl Wiped {
    /// Returns the bytes, which are then no longer wiped.
    pub(crate) fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        let Self(bytes) = self;
        bytes.resize(bytes.capacity(), 0);
        wipe(bytes);
    }
}

impl ZeroizeOnDrop for Wiped {}

/// Compares tags, commitments and keys in constant time: word by word, without a branch.
pub(crate) fn equal<const N: usize>(a: &[u8; N], b: &[u8; N]) -> bool {
    let (a_words, a_rest) = a.as_chunks();
    let (b_words, b_rest) = b.as_chunks();
    let words = a_words.iter().zip(b_words);
    let words = words.map(|(a, b)| u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b));
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| u64::from(a ^ b));
    words.chain(rest).fold(0, |differ, word| differ | word).ct_eq(&0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_anywhere_makes_unequal() {
        let a: [u8; 59] = std::array::from_fn(|i| i.to_le_bytes()[0]);
        assert!(equal(&a, &a));
        for bit in 0..a.len() * 8 {
            let mut b = a;
            b[bit / 8] ^= 1 << (bit % 8);
            assert!(!equal(&a, &b), "bit {bit}");
        }
    }
}
