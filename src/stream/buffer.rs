//! Whole objects in memory: into a new buffer, into the caller's, or in place. Nothing is released
//! unless all of it verified.

use super::decryptor::ObjectInfo;
use super::{Threads, chunks};
use crate::envelope::{EncryptOptions, PayloadKey, Sealed, seal, sealed_header_len, unwrap};
use crate::error::{Error, Result};
use crate::format::context::{Context, Expected};
use crate::format::header::Header;
use crate::format::layout::{BODY_PREFIX, CHUNK, Chunks, SEALED_CHUNK, TAG};
use crate::keys::{Keys, Recipients};
use crate::primitives::secret::Wiped;

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
    encrypt_sealed(&sealed, plaintext)
}

/// Makes the object of a new header.
pub(crate) fn encrypt_sealed(sealed: &Sealed, plaintext: &[u8]) -> Result<Vec<u8>> {
    let mut object = vec![0; object_len(sealed.header.len(), plaintext.len())?];
    write(Threads::ONE, sealed, plaintext, &mut object)?;
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
    encrypt_into_by(Threads::ONE, recipients, plaintext, context, options, out)
}

pub(super) fn encrypt_into_by(
    threads: Threads,
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
    write(threads, &sealed, plaintext, out)?;
    Ok(needed)
}

/// Encrypts a buffer in place: it grows by header, salt, commitment and tags. After an error it is
/// as it was or,
/// where the change had begun, empty and wiped.
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

/// Returns the length in bytes of the header of an object for `recipients`, without a stated
/// plaintext length unless `options` has one.
///
/// # Errors
/// As [`encrypt`].
pub fn header_len(
    recipients: &Recipients,
    context: &Context,
    options: &EncryptOptions,
) -> Result<usize> {
    sealed_header_len(recipients, context, options)
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
    let (key, info, sealed, len) = open(keys, object, expected.into())?;
    let mut out = Wiped(vec![0; len]);
    Threads::ONE.open(&key, sealed, &mut out)?;
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
    decrypt_into_by(Threads::ONE, keys, object, expected.into(), out)
}

pub(super) fn decrypt_into_by(
    threads: Threads,
    keys: &Keys,
    object: &[u8],
    expected: Expected<'_>,
    out: &mut [u8],
) -> Result<usize> {
    let (key, _, sealed, len) = open(keys, object, expected)?;
    let have = out.len();
    let out = out.get_mut(..len).ok_or_else(|| too_small(len, have))?;
    threads.open(&key, sealed, out)?;
    Ok(len)
}

/// Decrypts a buffer in place: the object becomes its plaintext. After an error it is as it was or,
/// where a chunk
/// failed, empty and wiped.
///
/// # Errors
/// As [`decrypt`].
pub fn decrypt_in_place<'e>(
    keys: &Keys,
    buffer: &mut Vec<u8>,
    expected: impl Into<Expected<'e>>,
) -> Result<()> {
    let (key, _, sealed, _) = open(keys, buffer, expected.into())?;
    let front = buffer.len() - sealed.len();
    let (len, opened) = chunks::open_to_front(&key, 0, buffer, front, |_, _| Ok(()));
    if opened.is_err() {
        drop(Wiped(std::mem::take(buffer)));
        return opened;
    }
    // What is behind the plaintext is no plaintext.
    buffer.truncate(len);
    Ok(())
}

fn stated(options: &EncryptOptions, plaintext: &[u8]) -> EncryptOptions {
    let mut options = options.clone();
    options.plaintext_len = u64::try_from(plaintext.len()).ok();
    options
}

fn len_u64(len: usize) -> Result<u64> {
    u64::try_from(len).map_err(|_| Error::limit("more bytes than an object holds"))
}

pub(super) fn object_len(header: usize, plaintext: usize) -> Result<usize> {
    let body = Chunks::of_plaintext(len_u64(plaintext)?)?.body_len();
    let body = usize::try_from(body).ok().and_then(|body| body.checked_add(header));
    body.ok_or_else(|| Error::limit("the object is longer than memory can be"))
}

fn too_small(needed: usize, have: usize) -> Error {
    Error::usage(format!("the output buffer has {have} bytes; {needed} are needed"))
}

/// Writes header, body prefix and chunks into a buffer of exactly their size.
fn write(threads: Threads, sealed: &Sealed, plaintext: &[u8], out: &mut [u8]) -> Result<()> {
    threads.seal(&sealed.payload, plaintext, write_front(sealed, out))
}

/// Writes header and body prefix; returns the rest.
pub(super) fn write_front<'o>(sealed: &Sealed, out: &'o mut [u8]) -> &'o mut [u8] {
    let (header, body) = out.split_at_mut(sealed.header.len());
    header.copy_from_slice(&sealed.header);
    let (prefix, chunks) = body.split_at_mut(BODY_PREFIX);
    prefix.copy_from_slice(sealed.payload.prefix());
    chunks
}

/// Moves each chunk to its place, the last first, so that none is overwritten before it moved.
fn move_and_seal(sealed: &Sealed, buffer: &mut Vec<u8>) -> Result<()> {
    let len = buffer.len();
    let front = sealed.header.len() + BODY_PREFIX;
    buffer.resize(object_len(sealed.header.len(), len)?, 0);
    for index in (0..=len / CHUNK).rev() {
        let start = index * CHUNK;
        let end = len.min(start + CHUNK);
        let place = front + index * SEALED_CHUNK;
        buffer.copy_within(start..end, place);
        let chunk = &mut buffer[place..place + (end - start) + TAG];
        let (text, tag) = chunk.split_at_mut(end - start);
        tag.copy_from_slice(&sealed.payload.seal_chunk(len_u64(index)?, text)?);
    }
    write_front(sealed, buffer);
    Ok(())
}

/// Verifies everything before the first chunk (SPEC R35), and returns it: the payload key, what was
/// learnt, the sealed chunks, the plaintext's length.
pub(super) fn open<'o>(
    keys: &Keys,
    object: &'o [u8],
    expected: Expected<'_>,
) -> Result<(PayloadKey, ObjectInfo, &'o [u8], usize)> {
    let header = Header::parse(object)?;
    let opened = unwrap(&header, keys, expected)?;
    let body = &object[header.bytes().len()..];
    let (prefix, sealed) = body.split_first_chunk::<BODY_PREFIX>().ok_or(Error::Auth)?;
    let (key, details) = ObjectInfo::verify(&opened, prefix)?;
    let chunks = Chunks::of_body(len_u64(body.len())?)?;
    // R32: the stated length and the object's must agree.
    if details.plaintext_len.is_some_and(|stated| stated != chunks.plaintext_len()) {
        return Err(Error::Auth);
    }
    let len = usize::try_from(chunks.plaintext_len()).map_err(|_| Error::Auth)?;
    Ok((key, details, sealed, len))
}
