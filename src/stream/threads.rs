//! How many threads a call may use, and whole buffers worked on by several.

use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::thread;

use super::batch::{self, BATCH_64, BATCH_SEALED, BATCH_TEXT};
use super::sequence::Sequence;
use super::{Reencrypted, buffer, chunks, pool, whole};
use crate::envelope::{EncryptOptions, PayloadKey};
use crate::error::Result;
use crate::format::context::{Context, Expected};
use crate::keys::{Keys, Recipients};
use crate::primitives::secret::wipe;

/// How many threads a call may use, the caller's own among them. They pay from about 8 MiB; a
/// shorter input is worked on by fewer.
///
/// A stream of unknown length asks for all of them. Where the system starts fewer, these do the
/// same work. A panic in one of them comes back to the caller when all have ended.
///
/// Each thread holds one batch of 64 chunks, 1 MiB, whatever the length; buffers need none.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// # use keystead::Keys;
/// use keystead::{Context, EncryptOptions, MasterKey, Recipients, Threads};
/// let key = MasterKey::generate()?;
/// let (recipients, context, options) =
///     (Recipients::from(&key), Context::new(), EncryptOptions::new());
/// let plaintext = vec![7; 9_000_000];
/// let len = keystead::encrypted_len(&recipients, plaintext.len(), &context, &options)?;
/// let mut object = vec![0; len];
/// let threads = Threads::available();
/// threads.encrypt_into(&recipients, &plaintext, &context, &options, &mut object)?;
/// # assert_eq!(keystead::decrypt(&Keys::from(key), &object, &context)?, plaintext);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads(
    /// Nothing is as many as there are, which is asked for where there is work for more than one.
    Option<NonZeroUsize>,
);

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
    pub(super) fn for_len(self, len: u64) -> Self {
        match usize::try_from(len / PAYS).unwrap_or(usize::MAX) {
            0 | 1 => Self::ONE,
            useful => Self::new(self.get().min(useful)),
        }
    }

    /// Encrypts as [`encrypt_into`](crate::encrypt_into), with these threads.
    ///
    /// # Errors
    /// As [`encrypt_into`](crate::encrypt_into).
    pub fn encrypt_into(
        self,
        recipients: &Recipients,
        plaintext: &[u8],
        context: &Context,
        options: &EncryptOptions,
        out: &mut [u8],
    ) -> Result<usize> {
        buffer::encrypt_into_by(self, recipients, plaintext, context, options, out)
    }

    /// Decrypts as [`decrypt_into`](crate::decrypt_into), with these threads.
    ///
    /// # Errors
    /// As [`decrypt_into`](crate::decrypt_into).
    pub fn decrypt_into<'e>(
        self,
        keys: &Keys,
        object: &[u8],
        expected: impl Into<Expected<'e>>,
        out: &mut [u8],
    ) -> Result<usize> {
        buffer::decrypt_into_by(self, keys, object, expected.into(), out)
    }

    /// Works as [`reencrypt`](crate::reencrypt), with these threads: while one encrypts, the others
    /// decrypt.
    ///
    /// # Errors
    /// As [`reencrypt`](crate::reencrypt).
    pub fn reencrypt<'e, W: Write + Send>(
        self,
        object: impl Read + Send,
        keys: &Keys,
        expected: impl Into<Expected<'e>>,
        recipients: &Recipients,
        options: &EncryptOptions,
        out: W,
    ) -> Result<Reencrypted<W>> {
        whole::reencrypt_by(self, object, keys, expected.into(), recipients, options, out)
    }

    /// Seals as [`chunks::seal`] from chunk 0, batch by batch.
    pub(super) fn seal(self, key: &PayloadKey, plaintext: &[u8], out: &mut [u8]) -> Result<()> {
        let threads = self.for_len(u64::try_from(plaintext.len()).unwrap_or(u64::MAX));
        if threads == Self::ONE {
            return chunks::seal(key, 0, plaintext, out);
        }
        // The last batch may have no plaintext at all, but always a chunk.
        let texts = plaintext.chunks(BATCH_TEXT).chain(std::iter::once(&[][..]));
        let jobs = texts.zip(out.chunks_mut(BATCH_SEALED));
        threads.each(jobs, |first, (text, sealed)| chunks::seal(key, first, text, sealed))
    }

    /// Opens as [`chunks::open`] from chunk 0, batch by batch. Where one fails, `out` is wiped.
    pub(super) fn open(self, key: &PayloadKey, sealed: &[u8], out: &mut [u8]) -> Result<()> {
        let threads = self.for_len(u64::try_from(out.len()).unwrap_or(u64::MAX));
        let opened = if threads == Self::ONE {
            chunks::open(key, 0, sealed, out)
        } else {
            // A batch that holds nothing but an empty last chunk has no plaintext to go to.
            let texts = out.chunks_mut(BATCH_TEXT).chain(std::iter::once(Default::default()));
            let jobs = sealed.chunks(BATCH_SEALED).zip(texts);
            threads.each(jobs, |first, (sealed, text)| chunks::open(key, first, sealed, text))
        };
        if opened.is_err() {
            wipe(out);
        }
        opened
    }

    /// Works on every job, a batch each; the number of its first chunk goes with it. The error is
    /// that of the earliest job that failed.
    pub(super) fn each<J: Send>(
        self,
        jobs: impl Iterator<Item = J> + Send,
        work: impl Fn(u64, J) -> Result<()> + Sync,
    ) -> Result<()> {
        let sequence = Sequence::new(jobs, ());
        pool::run(
            &sequence,
            |_| self.get(),
            || None,
            |jobs, _, job| {
                *job = jobs.next();
                Ok(job.is_some())
            },
            |ticket, job| {
                let first = ticket.number() * BATCH_64;
                ticket.settle(job.take().map_or(Ok(()), |job| work(first, job)));
            },
        );
        sequence.end().map(drop).map_err(batch::ended)
    }
}

/// Memory is the limit long before.
const MOST: usize = 64;
/// Bytes for which another thread pays.
const PAYS: u64 = 4 * 1_048_576;
