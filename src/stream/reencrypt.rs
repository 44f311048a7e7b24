//! Whole objects as streams: verify one, or make a new one of it.

use std::io::{BufRead, Read, Write};

use super::decryptor::Decryptor;
use super::encryptor::{Encrypted, Encryptor};
use super::front::ObjectInfo;
use crate::envelope::{EncryptOptions, check_vouched, seal_as_keystead};
use crate::error::{Error, Result};
use crate::format::context::Expected;
use crate::keys::{Keys, Recipients};
use crate::primitives::random::Randomness;

/// Reads a whole object and verifies every chunk and the end, in constant memory. Returns what
/// opening told, always with the plaintext's length.
///
/// # Errors
/// The classes of SPEC R52.
pub fn verify<'e>(
    object: impl Read,
    keys: &Keys,
    expected: impl Into<Expected<'e>>,
) -> Result<ObjectInfo> {
    let mut reader = Decryptor::new(object, keys, expected)?;
    let mut len = 0;
    loop {
        let read = reader.fill_buf().map_err(Error::from_io)?.len();
        if read == 0 {
            return Ok(ObjectInfo { plaintext_len: Some(len), ..reader.info().clone() });
        }
        reader.consume(read);
        len += u64::try_from(read).unwrap_or(0);
    }
}

/// A new object that was made of an old one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reencrypted<W> {
    /// What opening the old object told.
    pub old: ObjectInfo,
    /// The new object; the old one's floor does not fit it.
    pub new: Encrypted<W>,
}

/// Makes a new object of an old one: new id, new data key, new body, the same context and private
/// metadata (SPEC R47). Only this ends what someone who once held the old data key can do. Constant
/// memory; after an error what was written to `out` does not decrypt.
///
/// The options' metadata is taken from the old object; stated length, location, header length and
/// run are the caller's. The threads are those of `expected`: while one encrypts, the others
/// decrypt.
///
/// # Errors
/// The classes of SPEC R52; `Usage` for a new record of a symmetric key or a passphrase where anyone
/// can have made the old object and [`EncryptOptions::vouch`] was not called.
pub fn reencrypt<'e, W: Write + Send>(
    object: impl Read + Send,
    keys: &Keys,
    expected: impl Into<Expected<'e>>,
    recipients: &Recipients,
    options: &EncryptOptions,
    out: W,
) -> Result<Reencrypted<W>> {
    let mut reader = Decryptor::new(object, keys, expected)?;
    let old = reader.info().clone();
    let hint = "check what it holds, then repeat this with `EncryptOptions::vouch`";
    check_vouched(recipients.iter(), old.opened_by.provenance, options.vouch, hint)?;
    let mut options = options.clone().metadata(old.metadata.clone());
    options.plaintext_len = options.plaintext_len.or(old.plaintext_len);
    let records: usize = recipients.iter().map(|key| key.randomness(options.unlinkable)).sum();
    let mut randomness = Randomness::draw(32 + 16 + 24 + records)?;
    let sealed = seal_as_keystead(recipients, &old.context, &options, &mut randomness)?;
    let mut writer = Encryptor::from_sealed(out, sealed, options.plaintext_len, options.threads)?;
    // Through buffers of our own, which are wiped; `io::copy` would leave plaintext on the stack.
    reader.copy_to(|text| Ok(writer.write_all(text)?))?;
    Ok(Reencrypted { old, new: writer.finish()? })
}
