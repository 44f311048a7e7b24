//! An object decrypted where it is: nothing is moved, so the plaintext stays in the places of its
//! chunks.

use super::batch::open_in_place;
use super::front::{Front, ObjectInfo};
use crate::error::Result;
use crate::format::context::Expected;
use crate::format::layout::{SEALED_CHUNK, TAG};
use crate::keys::Keys;
use crate::primitives::secret::Wiped;

/// The plaintext of an object in the object's own buffer, wiped when dropped. All of it has
/// verified. The counterpart of [`ObjectBuffer`](crate::ObjectBuffer).
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// # use keystead::{Context, Keys, MasterKey, PlaintextBuffer};
/// # let (keys, context) = (Keys::from(MasterKey::generate()?), Context::new());
/// # let object = keystead::encrypt(&keys.recipients(), &[7; 40_000], &context)?;
/// let plaintext = PlaintextBuffer::decrypt(&keys, object, &context)?;
/// for piece in plaintext.pieces() {
///     println!("{} bytes", piece.len());                  // 16384, 16384, 7232
/// }
/// # assert_eq!(plaintext.pieces().flatten().copied().collect::<Vec<_>>(), [7; 40_000]);
/// # Ok(()) }
/// ```
pub struct PlaintextBuffer {
    bytes: Wiped,
    /// Where the first chunk begins.
    front: usize,
    info: ObjectInfo,
}

impl PlaintextBuffer {
    /// Decrypts a whole object. On an error the buffer is wiped.
    ///
    /// # Errors
    /// As [`decrypt`](crate::decrypt).
    pub fn decrypt<'e>(
        keys: &Keys,
        object: Vec<u8>,
        expected: impl Into<Expected<'e>>,
    ) -> Result<Self> {
        let mut bytes = Wiped(object);
        let expected = expected.into();
        let Front { opener, info, sealed, .. } = Front::open(keys, &bytes, expected)?;
        let front = bytes.len() - sealed.len();
        open_in_place(expected.threads, &opener, &mut bytes[front..])?;
        Ok(Self { bytes, front, info })
    }

    /// Returns the plaintext in order: pieces of 16,384 bytes, and a last one that is shorter.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let chunks = self.bytes[self.front..].chunks(SEALED_CHUNK);
        chunks.filter_map(|chunk| chunk.split_last_chunk::<TAG>()).map(|(text, _)| text)
    }

    /// Returns what opening told.
    #[must_use]
    pub const fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Returns the buffer, for the next object. It holds the plaintext until it is overwritten.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes.take()
    }
}

impl std::fmt::Debug for PlaintextBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlaintextBuffer").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}
