//! Whole objects in memory: into a new buffer, into the caller's, or in place. Nothing is released
//! unless all of it verified.

use super::batch::{open_into, seal_into};
use super::chunks::Sealer;
use super::front::{Front, ObjectInfo, len_u64, object_len, write_front};
use crate::envelope::{EncryptOptions, Sealed, seal, sealed_header_len};
use crate::error::{Error, Result};
use crate::format::context::{Context, Expected};
use crate::format::layout::{BODY_PREFIX, CHUNK, SEALED_CHUNK, TAG};
use crate::keys::{Keys, Recipients};
use crate::primitives::secret::Wiped;
use crate::threads::Threads;

/// Encrypts to a new buffer, which any of `recipients` can open.
///
/// # Errors
/// `Usage` without recipients or with a reserved name in the context; `Limit` by SPEC section 10;
/// `Io` where the system's generator fails.
pub fn encrypt(recipients: &Recipients, plaintext: &[u8], context: &Context) -> Result<Vec<u8>> {
    encrypt_with(recipients, plaintext, context, &EncryptOptions::new())
}

/// Encrypts as [`encrypt`], with metadata, location, header room or a run of its own.
///
/// # Errors
/// As [`encrypt`].
pub fn encrypt_with(
    recipients: &Recipients,
    plaintext: &[u8],
    context: &Context,
    options: &EncryptOptions,
) -> Result<Vec<u8>> {
    let sealed = seal(recipients, context, &stated(options, plaintext))?;
    encrypt_sealed(&sealed, plaintext, options.threads)
}

/// Makes the object of a new header.
pub(crate) fn encrypt_sealed(
    sealed: &Sealed,
    plaintext: &[u8],
    threads: Threads,
) -> Result<Vec<u8>> {
    let mut object = vec![0; object_len(sealed.header.len(), plaintext.len())?];
    write(sealed, plaintext, threads, &mut object)?;
    Ok(object)
}

/// Encrypts into the front of `out` and returns how many bytes it took: [`encrypted_len`] of them.
///
/// # Errors
/// As [`encrypt`]; `Usage` where `out` is too small, which names the size, and then nothing was
/// written.
pub fn encrypt_into(
    recipients: &Recipients,
    plaintext: &[u8],
    context: &Context,
    options: &EncryptOptions,
    out: &mut [u8],
) -> Result<usize> {
    let options = stated(options, plaintext);
    let needed = object_len(sealed_header_len(recipients, context, &options)?, plaintext.len())?;
    let have = out.len();
    let out = out.get_mut(..needed).ok_or_else(|| too_small(needed, have))?;
    let sealed = seal(recipients, context, &options)?;
    write(&sealed, plaintext, options.threads, out)?;
    Ok(needed)
}

/// Encrypts a buffer in place: it grows by header, salt, commitment and tags. After an error it is
/// as it was or, where the change had begun, empty and wiped. One thread works.
///
/// # Errors
/// As [`encrypt`].
pub fn encrypt_in_place(
    recipients: &Recipients,
    buffer: &mut Vec<u8>,
    context: &Context,
    options: &EncryptOptions,
) -> Result<()> {
    let sealed = seal(recipients, context, &stated(options, buffer))?;
    grow(buffer, object_len(sealed.header.len(), buffer.len())?);
    let result = move_and_seal(&sealed, buffer);
    if result.is_err() {
        drop(Wiped(std::mem::take(buffer)));
    }
    result
}

/// Reserves room for `len` bytes. Where the buffer must move, the bytes that it leaves are wiped.
pub(super) fn grow(buffer: &mut Vec<u8>, len: usize) {
    if buffer.capacity() < len {
        let mut larger = Vec::with_capacity(len);
        larger.extend_from_slice(buffer);
        drop(Wiped(std::mem::replace(buffer, larger)));
    }
}

/// Returns the length in bytes of the object that a plaintext of `plaintext_len` bytes becomes.
///
/// # Errors
/// As [`encrypt`].
pub fn encrypted_len(
    recipients: &Recipients,
    plaintext_len: usize,
    context: &Context,
    options: &EncryptOptions,
) -> Result<usize> {
    let options = options.clone().plaintext_len(len_u64(plaintext_len)?);
    object_len(sealed_header_len(recipients, context, &options)?, plaintext_len)
}

/// Decrypts to a new buffer. `expected` is the exact [`Context`], or what [`Context::included`] and
/// [`Context::unchecked`] give.
///
/// # Errors
/// The classes of SPEC R52; another context is `Context` before any byte of the body is read.
pub fn decrypt<'e>(
    keys: &Keys,
    object: &[u8],
    expected: impl Into<Expected<'e>>,
) -> Result<Vec<u8>> {
    decrypt_with_info(keys, object, expected).map(|opened| opened.plaintext)
}

/// A plaintext, and what opening its object told.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The plaintext, which all verified.
    pub plaintext: Vec<u8>,
    /// Which key opened, the context, the private metadata, the floor.
    pub info: ObjectInfo,
}

/// Decrypts as [`decrypt`], and says which key opened and what the object tells.
///
/// # Errors
/// As [`decrypt`].
pub fn decrypt_with_info<'e>(
    keys: &Keys,
    object: &[u8],
    expected: impl Into<Expected<'e>>,
) -> Result<Opened> {
    let expected = expected.into();
    let Front { opener, info, sealed, len } = Front::open(keys, object, expected)?;
    let mut out = Wiped(vec![0; len]);
    open_into(expected.threads, &opener, sealed, &mut out)?;
    Ok(Opened { plaintext: out.take(), info })
}

/// Decrypts into the front of `out` and returns how many bytes it took. After an error `out` holds
/// no plaintext.
///
/// # Errors
/// As [`decrypt`]; `Usage` where `out` is too small, which names the size.
pub fn decrypt_into<'e>(
    keys: &Keys,
    object: &[u8],
    expected: impl Into<Expected<'e>>,
    out: &mut [u8],
) -> Result<usize> {
    let expected = expected.into();
    let Front { opener, sealed, len, .. } = Front::open(keys, object, expected)?;
    let have = out.len();
    let out = out.get_mut(..len).ok_or_else(|| too_small(len, have))?;
    open_into(expected.threads, &opener, sealed, out)?;
    Ok(len)
}

/// Decrypts a buffer in place: the object becomes its plaintext. After an error it is as it was or,
/// where a chunk failed, empty and wiped. One thread works.
///
/// # Errors
/// As [`decrypt`].
pub fn decrypt_in_place<'e>(
    keys: &Keys,
    buffer: &mut Vec<u8>,
    expected: impl Into<Expected<'e>>,
) -> Result<()> {
    let Front { mut opener, sealed, .. } = Front::open(keys, buffer, expected.into())?;
    let front = buffer.len() - sealed.len();
    let (len, opened) = opener.open_to_front(buffer, front);
    if opened.is_err() {
        drop(Wiped(std::mem::take(buffer)));
        return opened;
    }
    // What follows the plaintext is no plaintext.
    buffer.truncate(len);
    Ok(())
}

fn stated(options: &EncryptOptions, plaintext: &[u8]) -> EncryptOptions {
    let mut options = options.clone();
    options.plaintext_len = u64::try_from(plaintext.len()).ok();
    options
}

fn too_small(needed: usize, have: usize) -> Error {
    Error::usage(format!("the output buffer has {have} bytes; {needed} are needed"))
}

/// Writes header, body prefix and chunks into a buffer of exactly their size.
fn write(sealed: &Sealed, plaintext: &[u8], threads: Threads, out: &mut [u8]) -> Result<()> {
    let body = write_front(sealed, out);
    seal_into(threads, &Sealer::new(&sealed.payload), plaintext, body)
}

/// Moves each chunk to its place, the last first, so that none is overwritten before it moved.
fn move_and_seal(sealed: &Sealed, buffer: &mut Vec<u8>) -> Result<()> {
    let len = buffer.len();
    let front = sealed.header.len() + BODY_PREFIX;
    buffer.resize(object_len(sealed.header.len(), len)?, 0);
    let sealer = Sealer::new(&sealed.payload);
    for index in (0..=len / CHUNK).rev() {
        let start = index * CHUNK;
        let end = len.min(start + CHUNK);
        let place = front + index * SEALED_CHUNK;
        buffer.copy_within(start..end, place);
        let chunk = &mut buffer[place..place + (end - start) + TAG];
        sealer.at(len_u64(index)?).seal_in_place(chunk)?;
    }
    write_front(sealed, buffer);
    Ok(())
}
