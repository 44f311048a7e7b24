//! Decrypting without a reader: for async code, event loops and other languages, which have bytes
//! as they come.

use super::decryptor::check_chunk;
use super::{ObjectInfo, chunks};
use crate::envelope::{OpenedHeader, PayloadKey};
use crate::error::{Error, Result};
use crate::format::layout::{BODY_PREFIX, Chunks, SEALED_CHUNK, TAG};
use crate::primitives::secret::wipe;

/// A decryptor that is given the body piece by piece, of any size, and gives each chunk when it has
/// verified. Its counterpart is an [`Encryptor`](crate::Encryptor) of a `Vec`, whose bytes
/// [`get_mut`](crate::Encryptor::get_mut) takes.
///
/// It holds one chunk, 16,400 bytes, whatever the length.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// # use keystead::{Context, Keys, MasterKey, PushDecryptor, SealedHeader};
/// # let (keys, context) = (Keys::from(MasterKey::generate()?), Context::new());
/// # let object = keystead::encrypt(&keys.recipients(), &[7; 50_000], &context)?;
/// let header = SealedHeader::parse(&object)?;                          // as much of it as stated_len says
/// let (prefix, body) = object[header.len()..].split_first_chunk().expect("56 bytes");
/// let mut body = body.chunks(1_000);                                   // from a socket, say
///
/// let mut opener = PushDecryptor::new(&header.unwrap(&keys, &context)?, prefix)?;
/// let mut plaintext = Vec::new();
/// for piece in &mut body {
///     opener.push(piece, &mut plaintext)?;                             // appends what has verified
/// }
/// opener.finish(&mut plaintext)?;                                      // without it, the end may be missing
/// # assert_eq!(plaintext, [7; 50_000]);
/// # Ok(()) }
/// ```
pub struct PushDecryptor {
    opener: Opener,
    details: ObjectInfo,
    chunk: Box<chunks::Buffer>,
    filled: usize,
}

/// Opens chunks one after the other.
struct Opener {
    key: PayloadKey,
    expected: Option<Chunks>,
    index: u64,
    failed: bool,
}

impl PushDecryptor {
    /// Begins with a header that was unwrapped, and the 56 bytes after it.
    ///
    /// # Errors
    /// `Auth`, `Rollback` by SPEC R35 and R38.
    pub fn new(header: &OpenedHeader, prefix: &[u8; BODY_PREFIX]) -> Result<Self> {
        let (key, details) = ObjectInfo::verify(header, prefix)?;
        Self::of_body(key, details)
    }

    pub(super) fn of_body(key: PayloadKey, details: ObjectInfo) -> Result<Self> {
        let expected = details.plaintext_len.map(Chunks::of_plaintext).transpose()?;
        let opener = Opener { key, expected, index: 0, failed: false };
        let chunk = chunks::Buffer::new();
        Ok(Self { opener, details, chunk, filled: 0 })
    }

    /// Returns what opening told.
    #[must_use]
    pub const fn info(&self) -> &ObjectInfo {
        &self.details
    }

    /// Takes the next bytes of the body and appends the chunks that they complete to `out`.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify: nothing of it is appended. It repeats, whatever is
    /// pushed.
    pub fn push(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<()> {
        // Also for bytes that complete no chunk: who goes on must not take them for accepted.
        self.opener.check_not_failed()?;
        while !sealed.is_empty() {
            // Whole chunks do not pass through the buffer. A full one is never the last (R31).
            if self.filled == 0
                && let Some((chunk, rest)) = sealed.split_first_chunk::<SEALED_CHUNK>()
            {
                self.opener.open(chunk, false, out)?;
                sealed = rest;
                continue;
            }
            let taken = sealed.len().min(SEALED_CHUNK - self.filled);
            self.chunk[self.filled..self.filled + taken].copy_from_slice(&sealed[..taken]);
            self.filled += taken;
            sealed = &sealed[taken..];
            if self.filled == SEALED_CHUNK {
                self.filled = 0;
                self.opener.open(&self.chunk[..], false, out)?;
            }
        }
        Ok(())
    }

    /// Ends the body: appends the last chunk to `out`.
    ///
    /// # Errors
    /// `Auth` where this is not the verified end.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<()> {
        self.opener.open(&self.chunk[..self.filled], true, out)
    }
}

impl Opener {
    fn check_not_failed(&self) -> Result<()> {
        if self.failed { Err(Error::Auth) } else { Ok(()) }
    }

    /// Appends the chunk and opens it in place.
    fn open(&mut self, sealed: &[u8], last: bool, out: &mut Vec<u8>) -> Result<()> {
        self.check_not_failed()?;
        self.failed = true;
        check_chunk(self.expected, self.index, sealed.len(), last)?;
        let (text, tag) = sealed.split_last_chunk::<TAG>().ok_or(Error::Auth)?;
        let start = out.len();
        out.extend_from_slice(text);
        if let Err(error) = self.key.open_chunk(self.index, &mut out[start..], tag) {
            wipe(&mut out[start..]);
            out.truncate(start);
            return Err(error);
        }
        self.index += 1;
        self.failed = false;
        Ok(())
    }
}

impl std::fmt::Debug for PushDecryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushDecryptor").field("chunk", &self.opener.index).finish_non_exhaustive()
    }
}
