//! # keystead: the keys stay home
//!
//! Client-side envelope encryption with keys that only the customer holds. A storage provider
//! cannot decrypt what it stores, even under legal compulsion.
//!
//! ```
//! use keystead::{Context, Encryptor, Keys, MasterKey, Recipients};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # std::env::set_current_dir(&dir)?;
//! # std::fs::write("backup.tar", b"files")?;
//! let key = MasterKey::generate()?;
//! let recipients = Recipients::from(&key);
//! let context = Context::from([("invoice", "42")]);
//! let object = keystead::encrypt(&recipients, b"meet at noon", &context)?;
//! assert_eq!(keystead::decrypt(&Keys::from(key), &object, &context)?, b"meet at noon"); // another context is an error
//!
//! let file = std::fs::File::create("backup.tar.ks")?;
//! let mut out = Encryptor::new(file, &recipients, &context)?;                // any size, constant memory
//! std::io::copy(&mut std::fs::File::open("backup.tar")?, &mut out)?;
//! out.finish()?;                                                             // without it, it does not decrypt
//! # Ok(()) }
//! ```
//!
//! ## The floors
//!
//! Each floor has one pair of verbs and knows only the floors below it.
//!
//! | floor | verbs | what it has |
//! |---|---|---|
//! | objects | encrypt, decrypt | [`encrypt`], [`decrypt`], [`Encryptor`], [`Decryptor`], [`RangeReader`], [`verify()`], [`reencrypt`] |
//! | envelopes | seal, open | [`SealedHeader`], [`OpenedHeader`], [`inspect()`], [`rewrap()`], [`EncryptOptions`], [`Changes`] |
//! | keys | wrap, unwrap | [`MasterKey`], [`PublicKey`], [`Recipients`], [`Keys`], [`KeyFile`], [`PassphraseCosts`] |
//! | format | encode, decode | [`Context`], [`Metadata`], [`Expected`], [`Floor`], [`KeyId`], [`armor()`], [`dearmor()`] |
//! | errors | | [`Error`], [`ErrorKind`] |
//!
//! The bytes are specified in `SPEC.md`; its rules are cited by their numbers, such as `R36`.
//!
//! ## Which call
//!
//! * In memory: [`encrypt`] and [`decrypt`]; [`encrypt_into`] and [`decrypt_into`] write to a buffer
//!   of yours; [`encrypt_in_place`] and [`decrypt_in_place`] need no second one.
//! * Streams: [`Encryptor`] is a `Write`, [`Decryptor`] a `Read`: any length in 16 KiB of memory.
//! * Async streams: `AsyncEncryptor` and `AsyncDecryptor` with the feature `async`; event loops and
//!   other languages push pieces into [`PushEncryptor`] and [`PushDecryptor`].
//! * Ranges: [`RangeReader`] reads and verifies only the chunks that it needs; [`RangeOpener`] does no
//!   I/O: you fetch what its [`Layout`] names.
//! * Another key for an old object: [`rewrap()`] writes a new header and does not touch the body.
//!   To lock out a former key holder: [`reencrypt`].
//! * A key that is slow or far away: [`SealedHeader::parse`], [`SealedHeader::unwrap`],
//!   [`Decryptor::from_header`] or [`RangeReader::from_header`] are the three steps of opening.
//! * Without any key: [`inspect()`].
//!
//! ## What a key says about the maker
//!
//! Opening says which key opened, and its [`Provenance`]. With a symmetric key or a passphrase,
//! someone who held it made the object. With a key pair, anyone can have made it: whoever has the
//! public key, the provider included, can make a whole valid object. [`Expected::require_holder`]
//! refuses such objects.
//!
//! ## Errors
//!
//! Every function of keystead returns [`Error`], whose [`kind`](Error::kind) says whose fault it is.
//! What is read or written through `io::Read`, `io::Write` or their async forms returns an
//! `io::Error`, and has ours inside: [`Error::from_io`] takes it out, and so does `?` in a function
//! that returns [`Result`].
//!
//! ## Threads
//!
//! Every type is `Send + Sync`; readers and writers are where what is below them is. [`Keys`],
//! [`Recipients`], [`EncryptOptions`], [`Context`], [`OpenedHeader`] and [`RangeOpener`] work by
//! reference and are meant to be shared: make each once, keep it in an `Arc` or a `static`, and let
//! every request use it.
//!
//! ## Mistakes that do not compile
//!
//! Writing after `finish`, cloning a secret, opening without naming a context, a body key without a
//! verified header: each is shown as a `compile_fail` example where it belongs.
//! `Context::unchecked()` is the opt-out that one grep finds.
//!
//! ## Features
//!
//! * `ring` (default): AES-256-GCM, HKDF and SHA-2 by `ring`.
//! * `soft`: the same in pure Rust, for targets that `ring` does not support. With both, `ring` is
//!   used.
//! * `async`: `AsyncEncryptor` and `AsyncDecryptor`, over the traits of futures-io; with axum and S3
//!   [below](#in-a-cloud-service).
//! * `tracing`: events for logs: what was opened and wrapped, by which key ids, and how it ended;
//!   never secrets, and nothing of a context.
//! * `hazmat`: exports data keys and takes randomness from the caller, for vectors and research.

// The tests of examples/cloud run its lines: keystead itself has no axum.
#![cfg_attr(not(doctest), doc = "", doc = include_str!("cloud.md"))]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod envelope;
mod error;
mod format;
#[cfg(feature = "hazmat")]
pub mod hazmat;
mod keys;
mod primitives;
mod stream;
mod threads;
mod trace;

pub use envelope::{
    Changes, EncryptOptions, Evidence, Inspection, OpenedBy, OpenedHeader, RecordInspection,
    Rewrapped, SealedHeader, inspect, rewrap,
};
pub use error::{Detail, Error, ErrorKind, Result, WaysIn};
pub use format::{
    Context, Expected, Floor, KeyId, Layout, Location, Metadata, ObjectId, Provenance, RecordKind,
    armor, dearmor, is_armored,
};
pub use keys::{KeyFile, Keys, MasterKey, PassphraseCosts, PublicKey, Recipient, Recipients};
pub use stream::{
    ArmorWriter, Decryptor, Encrypted, Encryptor, ObjectBuffer, ObjectInfo, Opened,
    PlaintextBuffer, Progress, PushDecryptor, PushEncryptor, RangeOpener, RangeReader, ReadAt,
    Reencrypted, WriteAt, decrypt, decrypt_in_place, decrypt_into, decrypt_with_info, encrypt,
    encrypt_at, encrypt_in_place, encrypt_into, encrypt_with, encrypted_len, reencrypt, verify,
};
#[cfg(feature = "async")]
pub use stream::{AsyncDecryptor, AsyncEncryptor};
pub use threads::Threads;

/// The Rust examples of README.md run with the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
