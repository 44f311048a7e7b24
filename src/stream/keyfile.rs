//! Key files under a passphrase: an object like any other, with its own context (SPEC R44).

use zeroize::Zeroizing;

use super::buffer::{decrypt, encrypt_sealed};
use crate::envelope::{Options, seal_as_keystead};
use crate::error::{Detail, Error, Result};
use crate::format::armor::{armor, dearmor, is_armored};
use crate::format::context::Context;
use crate::format::header::{Header, MAGIC};
use crate::format::record::{Kind, Record};
use crate::keys::{Keyring, MasterKey};
use crate::primitives::random::Randomness;

const MAX_FILE: usize = 1_048_576;

fn context() -> Context {
    Context::from([("keystead.type", "key-file")])
}

/// The armored form of a key file under a passphrase. `text` is a key file, as
/// [`Keyring::expose_file_text`] gives one; its comments are kept.
///
/// # Errors
/// `Usage` where `passphrase` is another kind of key; `KeyFile` or `Limit` where `text` is no key
/// file (SPEC R44).
pub fn encrypt_key_file(text: &str, passphrase: MasterKey) -> Result<String> {
    if passphrase.kind() != Kind::Passphrase {
        return Err(Error::usage("a key file is encrypted under a passphrase"));
    }
    Keyring::from_file_text(text.as_bytes())?;
    let mut options = Options::new();
    options.plaintext_len = u64::try_from(text.len()).ok();
    let mut randomness = Randomness::draw(32 + 16 + 24 + 24 + 16)?;
    let sealed =
        seal_as_keystead(&Keyring::new(passphrase), &context(), &options, &mut randomness)?;
    encrypt_sealed(&sealed, text.as_bytes()).map(|object| armor(&object))
}

/// Whether a key file needs a passphrase.
#[must_use]
pub fn is_encrypted_key_file(bytes: &[u8]) -> bool {
    bytes.first() == MAGIC.first() || is_armored(bytes)
}

/// The keys of a key file, plain or encrypted. `passphrase` is called only where one is needed.
///
/// # Errors
/// `KeyFile` and `Limit` by SPEC R44; `NoKey` for a wrong passphrase; `Format` for damaged armor.
pub fn read_key_file(
    bytes: &[u8],
    passphrase: impl FnOnce() -> Result<MasterKey>,
) -> Result<Keyring> {
    Keyring::from_file_text(&key_file_text(bytes, passphrase)?)
}

/// The text of a key file, comments included, plain or encrypted: secrets in the clear.
///
/// # Errors
/// As [`read_key_file`], but what the text holds is not looked at.
pub fn key_file_text(
    bytes: &[u8],
    passphrase: impl FnOnce() -> Result<MasterKey>,
) -> Result<Zeroizing<Vec<u8>>> {
    if bytes.len() > MAX_FILE {
        let detail = Detail::new("a key file above 1 MiB");
        return Err(Error::limit(detail.hint("is it a key file at all?")));
    }
    if !is_encrypted_key_file(bytes) {
        return Ok(Zeroizing::new(bytes.to_vec()));
    }
    let object = if is_armored(bytes) { dearmor(bytes)? } else { bytes.to_vec() };
    check_only_passphrase(&object)?;
    let keys = Keyring::new(passphrase()?);
    decrypt(&keys, &object, &context()).map(Zeroizing::new)
}

/// R44: one passphrase record, no other, and the context of key files; before anything is derived.
fn check_only_passphrase(object: &[u8]) -> Result<()> {
    let header = Header::parse(object)?;
    let mut records = header.records();
    let only = matches!(records.next(), Some(Record::Known(known)) if known.kind == Kind::Passphrase)
        && records.next().is_none();
    if only && header.context()? == context() {
        return Ok(());
    }
    let detail = Detail::new("an encrypted object that is not a key file");
    Err(Error::key_file(detail.hint("give the key file with -k, the object as input")))
}
