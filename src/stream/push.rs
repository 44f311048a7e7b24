//! Encrypting and decrypting without a reader or writer: for async code, event loops and other
//! languages, which have bytes as they come.

use super::chunks::{self, Opener};
use super::encryptor::{Encrypted, Encryptor};
use super::front::{ObjectInfo, open_prefix};
use crate::envelope::{EncryptOptions, OpenedHeader, SealedHeader};
use crate::error::{Detail, Error, Result};
use crate::format::context::Context;
use crate::format::header::{PREAMBLE, header_len};
use crate::format::layout::{BODY_PREFIX, SEALED_CHUNK};
use crate::keys::Recipients;

/// What [`PushDecryptor::push`] has for its caller.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Nothing yet: it takes more bytes.
    NeedMore,
    /// The header is complete. It is unwrapped and given to
    /// [`continue_with`](PushDecryptor::continue_with) before more bytes are.
    Header(SealedHeader),
    /// The plaintext of one chunk, 16,384 bytes, which has verified.
    Plaintext(&'a [u8]),
}

/// A decryptor that is given an object piece by piece, of any size.
///
/// It holds a header, then one chunk, 16,400 bytes, whatever the length. Without
/// [`finish`](Self::finish), the end may be missing.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Context, Keys, MasterKey, Progress, PushDecryptor};
/// # let (keys, context) = (Keys::from(MasterKey::generate()?), Context::new());
/// # let object = keystead::encrypt(&keys.recipients(), &[7; 50_000], &context)?;
/// # let pieces = object.chunks(1_000);                                    // from a socket, say
/// let mut opener = PushDecryptor::new();
/// let mut plaintext = Vec::new();
/// for mut piece in pieces {
///     while !piece.is_empty() {
///         match opener.push(&mut piece)? {                                // takes bytes off the front of `piece`
///             Progress::Header(header) => opener.continue_with(&header.unwrap(&keys, &context)?)?,
///             Progress::Plaintext(text) => plaintext.extend_from_slice(text),
///             _ => {}
///         }
///     }
/// }
/// plaintext.extend(opener.finish()?);                                     // the last chunk, and the proof that it is the last
/// # assert_eq!(plaintext, [7; 50_000]);
/// # Ok(()) }
/// ```
pub struct PushDecryptor {
    pub(super) stage: Stage,
    chunk: Box<chunks::Buffer>,
    filled: usize,
}

pub(super) enum Stage {
    /// The bytes of a header that is not all there.
    Header(Vec<u8>),
    /// The header was given to the caller.
    Unwrapping,
    /// Salt and commitment are not all there.
    Prefix(OpenedHeader),
    Body(Opener, Box<ObjectInfo>),
}

impl Default for PushDecryptor {
    fn default() -> Self {
        Self::new()
    }
}

impl PushDecryptor {
    /// Begins with the first byte of the object.
    #[must_use]
    pub fn new() -> Self {
        Self::at(Stage::Header(Vec::new()))
    }

    /// Begins with a header that was unwrapped before; the first byte pushed is the one after it.
    #[must_use]
    pub fn from_header(header: &OpenedHeader) -> Self {
        Self::at(Stage::Prefix(header.clone()))
    }

    pub(super) fn at(stage: Stage) -> Self {
        Self { stage, chunk: chunks::Buffer::new(), filled: 0 }
    }

    /// Goes on after [`Progress::Header`], with that header unwrapped.
    ///
    /// # Errors
    /// `Usage` where no header was given out.
    pub fn continue_with(&mut self, header: &OpenedHeader) -> Result<()> {
        if !matches!(self.stage, Stage::Unwrapping) {
            return Err(Error::usage("no header waits to be unwrapped"));
        }
        self.stage = Stage::Prefix(header.clone());
        Ok(())
    }

    /// Returns what opening told; nothing before the 56 bytes after the header verified.
    #[must_use]
    pub fn info(&self) -> Option<&ObjectInfo> {
        match &self.stage {
            Stage::Body(_, info) => Some(info),
            _ => None,
        }
    }

    /// Takes bytes off the front of `bytes`: until a header is complete, or a chunk was opened, or
    /// there are no more.
    ///
    /// # Errors
    /// The classes of SPEC R52; `Usage` where a header waits for
    /// [`continue_with`](Self::continue_with). Nothing of a chunk that does not verify is released,
    /// and the error repeats, whatever is pushed.
    pub fn push(&mut self, bytes: &mut &[u8]) -> Result<Progress<'_>> {
        match &mut self.stage {
            Stage::Header(header) => {
                let Some(header) = complete_header(header, bytes)? else {
                    return Ok(Progress::NeedMore);
                };
                self.stage = Stage::Unwrapping;
                return Ok(Progress::Header(header));
            }
            Stage::Unwrapping => {
                let detail = Detail::new("the header was not unwrapped");
                return Err(Error::usage(detail.hint("call `continue_with` first")));
            }
            Stage::Prefix(header) => {
                fill(&mut self.chunk[..BODY_PREFIX], &mut self.filled, bytes);
                let Some(prefix) = self.chunk[..self.filled].first_chunk() else {
                    return Ok(Progress::NeedMore);
                };
                let (opener, info) = open_prefix(header.verified(), prefix)?;
                self.filled = 0;
                self.stage = Stage::Body(opener, Box::new(info));
            }
            Stage::Body(..) => {}
        }
        self.push_body(bytes)
    }

    fn push_body(&mut self, bytes: &mut &[u8]) -> Result<Progress<'_>> {
        let Self { stage: Stage::Body(opener, _), chunk, filled } = self else {
            return Err(Error::usage("there is no body yet"));
        };
        // A step also for bytes that complete no chunk: after an error none are accepted.
        let text = opener.step(|opener| {
            fill(&mut chunk[..], filled, bytes);
            if *filled < SEALED_CHUNK {
                return Ok(None);
            }
            *filled = 0;
            opener.open_in_place(&mut chunk[..]).map(Some)
        })?;
        Ok(text.map_or(Progress::NeedMore, |text| Progress::Plaintext(&chunk[..text])))
    }

    /// Ends the object, and returns the plaintext of its last chunk, below 16,384 bytes.
    ///
    /// # Errors
    /// `Auth` where this is not the verified end; `Format` within a header; `Usage` before a header
    /// was unwrapped.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        match &mut self.stage {
            Stage::Header(header) => Err(SealedHeader::parse(header).err().unwrap_or(Error::Auth)),
            Stage::Unwrapping => Err(Error::usage("the header was not unwrapped")),
            Stage::Prefix(_) => Err(Error::Auth),
            Stage::Body(opener, _) => {
                let sealed = &mut self.chunk[..self.filled];
                let text = opener.step(|opener| opener.open_in_place(sealed))?;
                Ok(self.chunk[..text].to_vec())
            }
        }
    }
}

/// Moves bytes from the front of `bytes` to the end of what is filled.
fn fill(buffer: &mut [u8], filled: &mut usize, bytes: &mut &[u8]) {
    let room = &mut buffer[*filled..];
    let (taken, rest) = bytes.split_at(room.len().min(bytes.len()));
    room[..taken.len()].copy_from_slice(taken);
    *filled += taken.len();
    *bytes = rest;
}

/// Moves bytes to a header; returns it when it is complete. Room is made for its length only after
/// that was checked.
fn complete_header(header: &mut Vec<u8>, bytes: &mut &[u8]) -> Result<Option<SealedHeader>> {
    if !extend_to(header, PREAMBLE, bytes) {
        return Ok(None);
    }
    let len = header_len(header)?;
    if !extend_to(header, len, bytes) {
        return Ok(None);
    }
    SealedHeader::from_vec(header.clone()).map(Some)
}

/// Moves bytes to `header` until it has `len` of them; returns whether it has.
fn extend_to(header: &mut Vec<u8>, len: usize, bytes: &mut &[u8]) -> bool {
    let missing = len.saturating_sub(header.len());
    let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
    header.reserve_exact(missing);
    header.extend_from_slice(taken);
    *bytes = rest;
    taken.len() == missing
}

impl std::fmt::Debug for PushDecryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushDecryptor").field("info", &self.info()).finish_non_exhaustive()
    }
}

/// An encryptor that is given plaintext piece by piece, of any size, and returns the object the same
/// way.
///
/// It holds one chunk, 16,400 bytes, whatever the length. Without [`finish`](Self::finish), the
/// object does not decrypt.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Context, EncryptOptions, MasterKey, PushEncryptor, Recipients};
/// # let (key, context) = (MasterKey::generate()?, Context::new());
/// # let (recipients, options) = (Recipients::from(&key), EncryptOptions::new());
/// # let plaintext = vec![7; 50_000];
/// # let mut object = Vec::new();
/// let mut sealer = PushEncryptor::new(&recipients, &context, &options)?;
/// for mut piece in plaintext.chunks(1_000) {                              // from a socket, say
///     while !piece.is_empty() {
///         object.extend_from_slice(sealer.push(&mut piece)?);             // takes bytes off the front of `piece`
///     }
/// }
/// object.extend(sealer.finish()?.out);
/// # assert_eq!(keystead::decrypt(&key.into(), &object, &context)?, plaintext);
/// # Ok(()) }
/// ```
pub struct PushEncryptor {
    sealer: Encryptor<Vec<u8>>,
    /// Whether the bytes in the sealer's output were returned.
    returned: bool,
}

impl PushEncryptor {
    /// Makes a header; any of `recipients` can open the object.
    ///
    /// # Errors
    /// As [`encrypt`](crate::encrypt).
    pub fn new(
        recipients: &Recipients,
        context: &Context,
        options: &EncryptOptions,
    ) -> Result<Self> {
        let sealer = Encryptor::with_options(Vec::new(), recipients, context, options)?;
        Ok(Self { sealer, returned: false })
    }

    /// Takes bytes off the front of `plaintext`, to the end of a chunk, and returns the bytes of the
    /// object that are ready: the header at first, then a chunk or nothing.
    ///
    /// # Errors
    /// `Usage` where more bytes come than were stated, `Limit` above 4 PiB - 1; it repeats.
    pub fn push(&mut self, plaintext: &mut &[u8]) -> Result<&[u8]> {
        if std::mem::replace(&mut self.returned, true) {
            self.sealer.inner.clear();
        }
        let taken = self.sealer.write_some(plaintext)?;
        *plaintext = &plaintext[taken..];
        Ok(&self.sealer.inner)
    }

    /// Seals the last chunk, and returns the last bytes of the object, with its length and floor.
    ///
    /// # Errors
    /// `Usage` where fewer bytes came than were stated.
    pub fn finish(mut self) -> Result<Encrypted<Vec<u8>>> {
        if self.returned {
            self.sealer.inner.clear();
        }
        self.sealer.finish()
    }
}

impl std::fmt::Debug for PushEncryptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushEncryptor").field("sealer", &self.sealer).finish_non_exhaustive()
    }
}
