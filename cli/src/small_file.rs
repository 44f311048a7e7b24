//! Encrypts and decrypts small files in memory. Each thread reuses its buffers for one file after
//! another and wipes them at the end.

use std::io::{self, Read, Seek as _};
use std::ops::{Deref, DerefMut};

use keystead::{
    Context, EncryptOptions, Error, Expected, Keys, ObjectInfo, Recipients, RecordKind,
};

use crate::failure::{Failure, Result};
use crate::input::{Input, OpenInput, Reader, read_full};
use crate::opening_keys::OpeningKeys;
use crate::platform;
use crate::sidefile;

/// Files below this length are small.
pub(crate) const SMALL: usize = 1_048_576;

/// Plaintext of fixed length, wiped when dropped. One fill is faster than `Zeroizing`, which writes
/// byte by byte.
#[derive(Default)]
pub(crate) struct WipedBytes(Vec<u8>);

impl Deref for WipedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for WipedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for WipedBytes {
    fn drop(&mut self) {
        let Self(bytes) = self;
        bytes.fill(0);
        zeroize::optimization_barrier(bytes.as_slice());
    }
}

#[derive(Default)]
pub(crate) struct Buffers {
    /// The input.
    read: WipedBytes,
    /// An object, which is not secret.
    made: Vec<u8>,
}

/// What was read of an input into the buffer.
pub(crate) struct InputStart {
    /// Length in the buffer.
    pub(crate) len: usize,
    /// Whether it is the whole input.
    pub(crate) whole: bool,
}

impl Buffers {
    /// Reads a small input whole, or the start of one whose length is unknown. A length of zero is
    /// not believed: files in /proc claim it.
    pub(crate) fn read(&mut self, reader: &mut Reader, len: Option<u64>) -> io::Result<InputStart> {
        let len = len.filter(|len| *len > 0).map(usize::try_from);
        // One more byte shows whether it grew.
        let most = match len {
            None => SMALL,
            Some(Ok(len)) if len < SMALL => len + 1,
            Some(_) => return Ok(InputStart { len: 0, whole: false }),
        };
        if self.read.len() < most {
            // Dropping the old buffer wipes it; growing would leave a copy.
            self.read = WipedBytes(vec![0; most]);
        }
        let read = read_once(reader, &mut self.read[..most], len.is_some())?;
        Ok(InputStart { len: read, whole: read < most && len.is_none_or(|len| len == Ok(read)) })
    }

    /// Decrypts a small object in a file. Returns nothing for a large file, armor, or an object
    /// that may need its side file; the file is then rewound.
    pub(crate) fn decrypt(
        &mut self,
        input: &Input,
        opened: &mut OpenInput,
        keys: &OpeningKeys,
        expected: Expected<'_>,
    ) -> Result<Option<(WipedBytes, ObjectInfo)>> {
        let is_file = opened.len.is_some_and(|len| len > 0);
        if !is_file || has_passphrase(&keys.at_hand().keys) {
            return Ok(None);
        }
        let name = input.shown();
        let failed = |error| Failure::at(&name, Error::from_io(error));
        let head = self.read(&mut opened.reader, opened.len).map_err(failed)?;
        let object = self.head(&head);
        if head.whole && !keystead::is_armored(object) {
            let has_side = || input.path().is_some_and(sidefile::exists);
            let decrypted = keys.try_open(object, |keys| {
                if has_passphrase(keys) {
                    return Ok(None);
                }
                match keystead::decrypt_with_info(keys, object, expected) {
                    // A side header may name a key that needs no passphrase.
                    Err(Error::NoKey(_)) if has_side() => Ok(None),
                    decrypted => decrypted.map(Some),
                }
            })?;
            match decrypted {
                Ok(Some(opened)) => return Ok(Some((WipedBytes(opened.plaintext), opened.info))),
                Ok(None) => {}
                Err(_) if has_side() => {}
                Err(error) => {
                    let failure = keys.explain(&name, error, object);
                    // A rewrap in place may have changed the header and the time meanwhile.
                    let now = match &opened.reader {
                        Reader::Regular(file) => file.metadata().map_err(failed)?,
                        _ => return Err(failure),
                    };
                    if platform::modified(&now) == opened.modified {
                        return Err(failure);
                    }
                }
            }
        }
        rewind(&mut opened.reader).map_err(failed)?;
        Ok(None)
    }

    /// Returns whether the next bytes of `reader` are `text`.
    pub(crate) fn is_next(&mut self, reader: &mut Reader, text: &[u8]) -> io::Result<bool> {
        if self.read.len() < text.len() {
            // As above.
            self.read = WipedBytes(vec![0; text.len()]);
        }
        let found = &mut self.read[..text.len()];
        Ok(read_full(reader, found)? == text.len() && found == text)
    }

    pub(crate) fn head(&self, head: &InputStart) -> &[u8] {
        &self.read[..head.len]
    }

    /// Encrypts what was read and returns the object.
    pub(crate) fn encrypt(
        &mut self,
        head: &InputStart,
        recipients: &Recipients,
        context: &Context,
        options: &EncryptOptions,
    ) -> keystead::Result<&[u8]> {
        let len = keystead::encrypted_len(recipients, head.len, context, options)?;
        if self.made.len() < len {
            self.made.resize(len, 0);
        }
        let text = &self.read[..head.len];
        let len = keystead::encrypt_into(recipients, text, context, options, &mut self.made)?;
        Ok(&self.made[..len])
    }
}

/// Returns whether a second attempt with these keys would derive a key a second time.
fn has_passphrase(keys: &Keys) -> bool {
    keys.iter().any(|key| key.kind() == RecordKind::Passphrase)
}

/// Rewinds a regular file.
fn rewind(reader: &mut Reader) -> io::Result<()> {
    if let Reader::Regular(file) = reader { file.rewind() } else { Ok(()) }
}

/// Reads once from a regular file, which ends where a read is short, and fully from others.
fn read_once(reader: &mut Reader, out: &mut [u8], regular: bool) -> io::Result<usize> {
    if !regular {
        return read_full(reader, out);
    }
    loop {
        match reader.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
