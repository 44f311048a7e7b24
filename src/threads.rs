//! How many threads a call may use.

use std::num::NonZeroUsize;
use std::thread;

/// How many threads a call may use, the caller's own among them: an option of encrypting,
/// [`EncryptOptions::threads`](crate::EncryptOptions::threads), and of opening,
/// [`Expected::threads`](crate::Expected::threads). They pay from about 8 MiB; a shorter input is
/// worked on by fewer.
///
/// A stream of unknown length asks for all of them. Where the system starts fewer, these do the
/// same work. A panic in one of them comes back to the caller when all have ended.
///
/// Each thread holds one batch of 64 chunks, 1 MiB, whatever the length; buffers need none.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Context, EncryptOptions, Expected, Keys, MasterKey, Recipients, Threads};
/// let key = MasterKey::generate()?;
/// let (recipients, context) = (Recipients::from(&key), Context::new());
/// let options = EncryptOptions::new().threads(Threads::available());
/// let plaintext = vec![7; 9_000_000];
/// let object = keystead::encrypt_with(&recipients, &plaintext, &context, &options)?;
///
/// let expected = Expected::from(&context).threads(Threads::available());
/// assert_eq!(keystead::decrypt(&Keys::from(key), &object, expected)?, plaintext);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads(
    /// Nothing is as many as there are, which is asked for where there is work for more than one.
    Option<NonZeroUsize>,
);

impl Default for Threads {
    /// Returns [`ONE`](Self::ONE).
    fn default() -> Self {
        Self::ONE
    }
}

impl Threads {
    /// The caller's thread alone.
    pub const ONE: Self = Self(Some(NonZeroUsize::MIN));

    /// Asks for this many threads; zero is one.
    #[must_use]
    pub const fn new(threads: usize) -> Self {
        match NonZeroUsize::new(threads) {
            None => Self::ONE,
            threads => Self(threads),
        }
    }

    /// Asks for as many as the system lets this process run at a time, at most 64.
    #[must_use]
    pub const fn available() -> Self {
        Self(None)
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> usize {
        let available = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.0.map_or_else(|| available().min(MOST), NonZeroUsize::get)
    }

    /// Takes no more than pay for this many bytes: one for each 4 MiB.
    pub(crate) fn for_len(self, len: u64) -> Self {
        match usize::try_from(len / PAYS).unwrap_or(usize::MAX) {
            0 | 1 => Self::ONE,
            useful => Self::new(self.get().min(useful)),
        }
    }
}

/// Memory is the limit long before.
const MOST: usize = 64;
/// Bytes for which another thread pays.
const PAYS: u64 = 4 * 1_048_576;
