//! Chunks, and input and output: objects as users see them. One verb pair: encrypt and decrypt.

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
pub use whole::{reencrypt, verify};
