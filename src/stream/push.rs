//! Decrypting without a reader: for async code, event loops and other languages, which have bytes
//! as they come.

use super::chunks::{self, Opener};
use super::front::{ObjectInfo, open_prefix};
use crate::envelope::OpenedHeader;
use crate::error::{Error, Result};
use crate::format::layout::{BODY_PREFIX, SEALED_CHUNK, TAG};
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
    pub(super) opener: Opener,
    pub(super) info: ObjectInfo,
    pub(super) chunk: Box<chunks::Buffer>,
    pub(super) filled: usize,
}

impl PushDecryptor {
    /// Begins with a header that was unwrapped, and the 56 bytes after it.
    ///
    /// # Errors
    /// `Auth`, `Rollback` by SPEC R35 and R38.
    pub fn new(header: &OpenedHeader, prefix: &[u8; BODY_PREFIX]) -> Result<Self> {
        let (opener, info) = open_prefix(header, prefix)?;
        Ok(Self { opener, info, chunk: chunks::Buffer::new(), filled: 0 })
    }

    /// Returns what opening told.
    #[must_use]
    pub const fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Takes the next bytes of the body and appends the chunks that they complete to `out`.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify: nothing of it is appended. It repeats, whatever is
    /// pushed.
    pub fn push(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let Self { opener, chunk, filled, .. } = self;
        // Also for bytes that complete no chunk: who goes on must not take them for accepted.
        opener.step(|opener| {
            while !sealed.is_empty() {
                // Whole chunks do not pass through the buffer.
                if *filled == 0
                    && let Some((chunk, rest)) = sealed.split_first_chunk::<SEALED_CHUNK>()
                {
                    append(opener, chunk, out)?;
                    sealed = rest;
                    continue;
                }
                let taken = sealed.len().min(SEALED_CHUNK - *filled);
                chunk[*filled..*filled + taken].copy_from_slice(&sealed[..taken]);
                *filled += taken;
                sealed = &sealed[taken..];
                if *filled == SEALED_CHUNK {
                    *filled = 0;
                    append(opener, &chunk[..], out)?;
                }
            }
            Ok(())
        })
    }

    /// Ends the body: appends the last chunk to `out`.
    ///
    /// # Errors
    /// `Auth` where this is not the verified end.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<()> {
        self.opener.step(|opener| append(opener, &self.chunk[..self.filled], out))
    }
}

/// Appends the chunk and opens it in place.
fn append(opener: &mut Opener, sealed: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let (text, tag) = sealed.split_last_chunk::<TAG>().ok_or(Error::Auth)?;
    let start = out.len();
    out.extend_from_slice(text);
    let opened = opener.open(&mut out[start..], tag);
    opened.inspect_err(|_| {
        wipe(&mut out[start..]);
        out.truncate(start);
    })
}

impl std::fmt::Debug for PushDecryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushDecryptor").field("chunk", &self.opener.next()).finish_non_exhaustive()
    }
}
