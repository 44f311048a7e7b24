//! A buffer laid out as an object before there is any: the caller puts the plaintext where it will
//! be sealed, so that nothing is copied.

use super::batch::seal_in_place;
use super::buffer::grow;
use super::chunks::{self, Sealer};
use super::front::{len_u64, object_len, write_front};
use crate::envelope::{EncryptOptions, seal, sealed_header_len};
use crate::error::Result;
use crate::format::context::Context;
use crate::format::layout::BODY_PREFIX;
use crate::keys::Recipients;
use crate::primitives::secret::Wiped;

/// A buffer in which each chunk of plaintext has its place: fill [`places`](Self::places), then
/// [`encrypt`](Self::encrypt). No byte is copied.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::io::Read;
/// # use keystead::Keys;
/// use keystead::{Context, EncryptOptions, MasterKey, ObjectBuffer, Recipients};
/// let key = MasterKey::generate()?;
/// let (recipients, context, options) =
///     (Recipients::from(&key), Context::new(), EncryptOptions::new());
/// let mut input = &[7; 40_000][..];
/// let mut buffer = ObjectBuffer::new(Vec::new(), 40_000, &recipients, &context, &options)?;
/// for place in buffer.places() {
///     input.read_exact(place)?;
/// }
/// let object = buffer.encrypt()?;
/// # assert_eq!(keystead::decrypt(&Keys::from(key), &object, &context)?, [7; 40_000]);
/// # Ok(()) }
/// ```
pub struct ObjectBuffer<'a> {
    bytes: Wiped,
    header: usize,
    recipients: &'a Recipients,
    context: &'a Context,
    options: EncryptOptions,
}

impl<'a> ObjectBuffer<'a> {
    /// Makes room for a plaintext of `plaintext_len` bytes. `buffer` is used again where it is
    /// large enough; the places hold what it held until they are overwritten.
    ///
    /// # Errors
    /// As [`encrypted_len`](crate::encrypted_len).
    pub fn new(
        mut buffer: Vec<u8>,
        plaintext_len: usize,
        recipients: &'a Recipients,
        context: &'a Context,
        options: &EncryptOptions,
    ) -> Result<Self> {
        let options = options.clone().plaintext_len(len_u64(plaintext_len)?);
        let header = sealed_header_len(recipients, context, &options)?;
        let len = object_len(header, plaintext_len)?;
        grow(&mut buffer, len);
        buffer.resize(len, 0);
        Ok(Self { bytes: Wiped(buffer), header, recipients, context, options })
    }

    /// Returns where the plaintext goes, in order: pieces of 16,384 bytes, and a last one that is
    /// shorter.
    pub fn places(&mut self) -> impl Iterator<Item = &mut [u8]> {
        chunks::texts(&mut self.bytes[self.header + BODY_PREFIX..])
    }

    /// Encrypts what is in the places, and returns the object. After an error the plaintext is
    /// wiped.
    ///
    /// # Errors
    /// As [`encrypt`](crate::encrypt).
    pub fn encrypt(mut self) -> Result<Vec<u8>> {
        let sealed = seal(self.recipients, self.context, &self.options)?;
        let body = write_front(&sealed, &mut self.bytes);
        seal_in_place(self.options.threads, &Sealer::new(&sealed.payload), body)?;
        Ok(self.bytes.take())
    }
}

impl std::fmt::Debug for ObjectBuffer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectBuffer").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}
