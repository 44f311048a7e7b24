//! Small files: read whole, worked on in memory, written in one go. Each thread uses its buffers
//! for one file after the other, and wipes them in the end.

use std::io::{self, Read, Seek as _};
use std::ops::{Deref, DerefMut};

use keystead::{
    Context, EncryptOptions, Error, Expected, Keys, ObjectInfo, Recipients, RecordKind,
};

use crate::failure::{Failure, Result};
use crate::input::{Input, OpenInput, Reader, read_full};
use crate::object::explain_open_failure;
use crate::platform;
use crate::sidefile;

/// A file is small below this.
pub(crate) const SMALL: usize = 1_048_576;

/// Plaintext whose length stays, wiped when dropped: at once, where `Zeroizing` writes byte after
/// byte.
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
    /// An object; what is in it nobody has to hide.
    made: Vec<u8>,
}

/// What was read of an input.
pub(crate) struct InputStart {
    /// Bytes of it in the buffer.
    pub(crate) len: usize,
    /// There is no more.
    pub(crate) whole: bool,
}

impl Buffers {
    /// Reads a small input whole; of one that is not known to be small, the start. What claims to
    /// be empty may be a file of the system's own, as in /proc, and is not believed.
    pub(crate) fn read(&mut self, reader: &mut Reader, len: Option<u64>) -> io::Result<InputStart> {
        let len = len.filter(|len| *len > 0).map(usize::try_from);
        // One byte more shows that it grew.
        let most = match len {
            None => SMALL,
            Some(Ok(len)) if len < SMALL => len + 1,
            Some(_) => return Ok(InputStart { len: 0, whole: false }),
        };
        if self.read.len() < most {
            // The old one is wiped, where growing would leave it behind.
            self.read = WipedBytes(vec![0; most]);
        }
        let read = read_once(reader, &mut self.read[..most], len.is_some())?;
        Ok(InputStart { len: read, whole: read < most && len.is_none_or(|len| len == Ok(read)) })
    }

    /// Decrypts a small object in a file. Returns nothing for what has to be opened in another way:
    /// what is not small, armor, and an object that a side file may open; the file is as it was.
    pub(crate) fn decrypt(
        &mut self,
        input: &Input,
        opened: &mut OpenInput,
        keys: &Keys,
        expected: Expected<'_>,
    ) -> Result<Option<(WipedBytes, ObjectInfo)>> {
        let is_file = opened.len.is_some_and(|len| len > 0);
        // A second attempt would cost a second derivation.
        if !is_file || keys.iter().any(|key| key.kind() == RecordKind::Passphrase) {
            return Ok(None);
        }
        let name = input.shown();
        let failed = |error| Failure::at(&name, Error::from_io(error));
        let head = self.read(&mut opened.reader, opened.len).map_err(failed)?;
        let object = self.head(&head);
        if head.whole && !keystead::is_armored(object) {
            match keystead::decrypt_with_info(keys, object, expected) {
                Ok(opened) => return Ok(Some((WipedBytes(opened.plaintext), opened.info))),
                Err(_) if input.path().is_some_and(sidefile::exists) => {}
                Err(error) => {
                    let failure = explain_open_failure(&name, error, object, keys);
                    // A rewrap in place that is over by now has changed the header and the time.
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

    /// Whether what comes next in `reader` is `text`.
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

    /// The object of what was read.
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

/// Begins again with a regular file.
fn rewind(reader: &mut Reader) -> io::Result<()> {
    if let Reader::Regular(file) = reader { file.rewind() } else { Ok(()) }
}

/// A regular file ends where one read ends early.
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
