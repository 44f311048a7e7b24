//! What the bytes of a fuzzer choose. Bytes that are used up choose 0, and 0 is always the plain
//! case: a short input makes an honest object.

use crate::crypto::sha256;

/// The choices of one input.
pub struct Choices<'a> {
    rest: &'a [u8],
    hash: [u8; 32],
}

impl<'a> Choices<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input, hash: sha256(&[input]) }
    }

    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// A number below `n`; 0 where there is none below.
    pub fn below(&mut self, n: usize) -> usize {
        if n <= 256 {
            return usize::from(self.byte()) % n.max(1);
        }
        let bytes = self.bytes::<3>();
        let number = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        usize::try_from(number).unwrap() % n
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// True for one of `n` values of a byte.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    /// True for one of `n` inputs. It depends on the hash of the whole input, so that a fuzzer that
    /// follows coverage cannot hold on to costly cases: each change of the input draws again.
    pub fn lottery(&self, which: usize, n: u32) -> bool {
        let word = self.hash[4 * which..].first_chunk().unwrap();
        u32::from_be_bytes(*word).is_multiple_of(n)
    }

    /// A name for deterministic randomness of this input.
    pub fn name(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
