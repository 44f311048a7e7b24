//! # keystead: the keys stay home
//!
//! Client-side envelope encryption with customer-held keys. A storage provider that holds an object
//! made by this crate holds
//! nothing that opens it, whoever compels it.
//!
//! ```
//! use keystead::{Context, Encryptor, Keyring, MasterKey};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # std::env::set_current_dir(&dir)?;
//! # std::fs::write("backup.tar", b"files")?;
//! let keys = Keyring::new(MasterKey::generate()?);
//! let context = Context::from([("invoice", "42")]);
//! let object = keystead::encrypt(&keys, b"meet at noon", &context)?;
//! assert_eq!(keystead::decrypt(&keys, &object, &context)?, b"meet at noon"); // another context is an error
//!
//! let file = std::fs::File::create("backup.tar.ks")?;
//! let mut out = Encryptor::new(file, &keys, &context)?;                      // any size, constant memory
//! std::io::copy(&mut std::fs::File::open("backup.tar")?, &mut out)?;
//! out.finish()?;                                                             // without it, it does not decrypt
//! # Ok(()) }
//! ```
//!
//! ## The floors
//!
//! Each floor has one pair of verbs and knows only those below it.
//!
//! | floor | verbs | what is there |
//! |---|---|---|
//! | [objects](stream) | encrypt, decrypt | [`encrypt`], [`decrypt`], [`Encryptor`], [`Decryptor`], [`RangeReader`], [`verify()`], [`reencrypt`] |
//! | [envelopes](envelope) | seal, open | [`SealedHeader`], [`OpenedHeader`], [`inspect()`], [`rewrap()`], [`Options`], [`Changes`] |
//! | [keys] | wrap, unwrap | [`MasterKey`], [`PublicKey`], [`Keyring`], [`PassphraseCosts`] |
//! | [format](mod@format) | encode, decode | [`Context`], [`Metadata`], [`Expected`], [`Floor`], [`KeyId`], [`armor()`], [`dearmor()`] |
//! | [errors](error) | | [`Error`], [`ErrorClass`] |
//!
//! The bytes are specified in `SPEC.md`; its rules are cited by their numbers, such as `R36`.
//!
//! ## Which call
//!
//! * In memory: [`encrypt`] and [`decrypt`]; [`encrypt_into`] and [`decrypt_into`] for a buffer of
//!   yours; [`encrypt_in_place`] and [`decrypt_in_place`].
//! * Streams: [`Encryptor`] is a `Write`, [`Decryptor`] a `Read`: any length in 16 KiB of memory.
//! * Ranges: [`RangeReader`] reads and verifies only the chunks it needs.
//! * Another key for an old object: [`rewrap()`] writes a new header and does not touch the body.
//!   To lock someone out who held a key: [`reencrypt`].
//! * A key that is slow or far away: [`SealedHeader::parse`], [`SealedHeader::unwrap`],
//!   [`Decryptor::from_header`] or [`RangeReader::from_header`] are the three steps of opening.
//! * Without any key: [`inspect()`].
//!
//! ## What a key says about the maker
//!
//! Opening tells which key opened and its [`Grade`]. With a symmetric key or a passphrase, someone
//! who held it made the object. With a
//! public key, anyone can have: whoever has the public half, the provider included, can make a
//! whole valid object. [`Expected::held`] refuses such objects.
//!
//! ## Mistakes that do not compile
//!
//! Writing after `finish`, cloning a secret, opening without naming a context, a payload key
//! without a verified header: each is
//! shown as a `compile_fail` example where it belongs. `Context::unchecked()` is the opt-out that
//! one grep finds.
//!
//! ## Features
//!
//! * `ring` (default): AES-256-GCM, HKDF and SHA-2 by `ring`.
//! * `soft`: the same in pure Rust, for targets that `ring` does not reach. With both, `ring` is
//!   used.
//! * `hazmat`: data keys in the open and randomness from the caller, for vectors and research.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod envelope;
pub mod error;
pub mod format;
#[cfg(feature = "hazmat")]
pub mod hazmat;
pub mod keys;
mod primitives;
pub mod stream;

pub use envelope::{
    Changes, Inspection, OpenedBy, OpenedHeader, Options, RecordInspection, Rewrapped,
    SealedHeader, inspect, rewrap,
};
pub use error::{Detail, Error, ErrorClass, Result};
pub use format::{
    Context, Expected, Floor, Grade, KeyId, Kind, Metadata, armor, dearmor, dearmor_in_place,
    is_armored,
};
pub use keys::{Keyring, MasterKey, PassphraseCosts, PublicKey};
pub use stream::{
    ArmorWriter, Decryptor, Details, Encryptor, ObjectBuffer, PlaintextBuffer, PushDecryptor,
    RangeReader, ReadAt, Reencrypted, Threads, WriteAt, decrypt, decrypt_in_place, decrypt_into,
    decrypt_with_details, encrypt, encrypt_at, encrypt_in_place, encrypt_into, encrypt_key_file,
    encrypt_with, encrypted_len, header_len, is_encrypted_key_file, key_file_text, read_key_file,
    reencrypt, verify,
};

/// The Rust examples of README.md run with the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
