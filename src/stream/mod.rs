//! Chunks, and input and output: objects as users see them. One verb pair: encrypt and decrypt.
//!
//! | the plaintext is | encrypt | decrypt | released on an error |
//! |---|---|---|---|
//! | a buffer | [`encrypt`], [`encrypt_with`] | [`decrypt`], [`decrypt_with_details`] | nothing |
//! | a buffer of the caller's | [`encrypt_into`] | [`decrypt_into`] | nothing, it is wiped |
//! | a buffer to be changed | [`encrypt_in_place`] | [`decrypt_in_place`] | nothing, it is as it was or wiped |
//! | a stream | [`Encryptor`] | [`Decryptor`] | the chunks before the failing one |
//! | a part of a file | | [`RangeReader`] | nothing of the failing call |
//!
//! [`verify()`] reads a whole object and keeps nothing; [`reencrypt`] makes a new object of an old
//! one. Key files are objects too: [`encrypt_key_file`], [`read_key_file`].
//!
//! The body is C2SP chunked-encryption with chunks of 16,384 bytes (SPEC section 6): 56 bytes in
//! front, 16 more for each chunk, at most 4 PiB - 1 of plaintext.

mod buffer;
mod chunks;
mod decryptor;
mod encryptor;
mod keyfile;
mod range;
mod whole;

#[cfg(feature = "hazmat")]
pub(crate) use buffer::encrypt_sealed;
pub use buffer::{
    decrypt, decrypt_in_place, decrypt_into, decrypt_with_details, encrypt, encrypt_in_place,
    encrypt_into, encrypt_with, encrypted_len, header_len,
};
pub use decryptor::{Decryptor, Details};
pub use encryptor::Encryptor;
pub use keyfile::{encrypt_key_file, is_encrypted_key_file, key_file_text, read_key_file};
pub use range::RangeReader;
pub use whole::{Reencrypted, reencrypt, verify};
