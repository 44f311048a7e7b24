//! The hot path: chunks of a buffer, sealed and opened in place, in order.

use zeroize::Zeroize;

use crate::envelope::PayloadKey;
use crate::error::{Error, Result};
use crate::format::layout::{CHUNK, SEALED_CHUNK, TAG};

/// Copies plaintext chunk by chunk into `out` and seals it there: 16 bytes more for each chunk, the
/// last always shorter (SPEC R31).
pub(crate) fn seal(key: &PayloadKey, plaintext: &[u8], out: &mut [u8]) -> Result<()> {
    for (index, (chunk, sealed)) in (0..).zip(cut(plaintext).zip(out.chunks_mut(SEALED_CHUNK))) {
        let (text, tag) = sealed.split_at_mut(chunk.len());
        text.copy_from_slice(chunk);
        tag.copy_from_slice(&key.seal_chunk(index, text)?);
    }
    Ok(())
}

/// Opens sealed chunks into `out`, whose length is that of the plaintext. Where one fails, `out` is
/// wiped.
pub(crate) fn open(key: &PayloadKey, sealed: &[u8], out: &mut [u8]) -> Result<()> {
    let opened = open_in_order(key, sealed, out);
    if opened.is_err() {
        out.zeroize();
    }
    opened
}

fn open_in_order(key: &PayloadKey, sealed: &[u8], mut out: &mut [u8]) -> Result<()> {
    for (index, sealed) in (0..).zip(sealed.chunks(SEALED_CHUNK)) {
        let (text, tag) = sealed.split_last_chunk::<TAG>().ok_or(Error::Auth)?;
        let (chunk, rest) = out.split_at_mut_checked(text.len()).ok_or(Error::Auth)?;
        chunk.copy_from_slice(text);
        key.open_chunk(index, chunk, tag)?;
        out = rest;
    }
    Ok(())
}

/// Full chunks, then one that is shorter and may be empty.
fn cut(plaintext: &[u8]) -> impl Iterator<Item = &[u8]> {
    let full = plaintext.chunks_exact(CHUNK);
    let last = full.remainder();
    full.chain(std::iter::once(last))
}
