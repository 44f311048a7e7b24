//! Chunks, and input and output: objects as users see them. One verb pair: encrypt and decrypt.
//!
//! | the plaintext is | encrypt | decrypt | released on an error |
//! |---|---|---|---|
//! | a buffer | [`encrypt`], [`encrypt_with`] | [`decrypt`], [`decrypt_with_info`] | nothing |
//! | a buffer of the caller's | [`encrypt_into`] | [`decrypt_into`] | nothing, it is wiped |
//! | a buffer to be changed | [`encrypt_in_place`] | [`decrypt_in_place`] | nothing, it is as it was or wiped |
//! | a stream | [`Encryptor`] | [`Decryptor`] | the chunks before the failing one |
//! | a part of a file | | [`RangeReader`] | nothing of the failing call |
//! | a buffer in which nothing is moved | [`ObjectBuffer`] | [`PlaintextBuffer`] | nothing, it is wiped |
//! | pieces, as event loops have them | [`PushEncryptor`] | [`PushDecryptor`] | the chunks before the failing one |
//! | a stream of async code | `AsyncEncryptor` | `AsyncDecryptor` | the chunks before the failing one |
//! | a stream, by several threads | [`Encryptor::copy_from`] | [`Decryptor::copy_to`] | the chunks before the failing one |
//! | a range of a file, by several threads | | [`RangeReader::copy_range`] | what the chunks before the failing one have of it |
//! | a file, by several threads | [`encrypt_at`] | [`RangeReader::copy_at`] | the file is not to be shown before it is whole |
//!
//! [`Threads`](crate::Threads) says how many. Every way goes through one opener and one sealer of
//! chunks, which work in place.
//!
//! [`ArmorWriter`] below an [`Encryptor`] writes text. [`verify()`] reads a whole object and keeps
//! nothing; [`reencrypt`] makes a new object of an old one. Key files under a passphrase are
//! objects too: [`KeyFile::encrypt`](crate::KeyFile::encrypt).
//!
//! The files build on each other in one order, which tests/house.rs keeps: `io` · threads (`sync`,
//! `handover`, `pool`) · `sequence` (which chunk may come next) · `chunks` (seal and open) ·
//! `front` (what is verified before them) · `batch` (many chunks by several threads) · the ways
//! above.
//!
//! The body is C2SP chunked-encryption with chunks of 16,384 bytes (SPEC section 6): 56 bytes in
//! front, 16 more for each chunk, at most 4 PiB - 1 of plaintext.

mod armor_writer;
#[cfg(feature = "async")]
mod async_io;
mod batch;
mod buffer;
mod chunks;
mod decryptor;
mod encryptor;
mod files;
mod front;
mod handover;
mod io;
mod key_file;
mod object_buffer;
mod parallel;
mod plaintext_buffer;
mod pool;
mod push;
mod range;
mod range_opener;
mod reencrypt;
mod sequence;
mod sync;

pub use armor_writer::ArmorWriter;
#[cfg(feature = "async")]
pub use async_io::{AsyncDecryptor, AsyncEncryptor};
#[cfg(feature = "hazmat")]
pub(crate) use buffer::encrypt_sealed;
pub use buffer::{
    Opened, decrypt, decrypt_in_place, decrypt_into, decrypt_with_info, encrypt, encrypt_in_place,
    encrypt_into, encrypt_with, encrypted_len,
};
pub use decryptor::Decryptor;
pub use encryptor::{Encrypted, Encryptor};
pub use files::encrypt_at;
pub use front::ObjectInfo;
pub use io::{ReadAt, WriteAt};
pub use object_buffer::ObjectBuffer;
pub use plaintext_buffer::PlaintextBuffer;
pub use push::{Progress, PushDecryptor, PushEncryptor};
pub use range::RangeReader;
pub use range_opener::RangeOpener;
pub use reencrypt::{Reencrypted, reencrypt, verify};

#[cfg(test)]
mod tests;
