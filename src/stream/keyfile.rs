//! Key files under a passphrase: an object like any other, with its own context (SPEC R44).

use std::io::Read;

use super::buffer::encrypt_sealed;
use super::decryptor::Decryptor;
use crate::envelope::{Options, SealedHeader, inspect, seal_as_keystead};
use crate::error::{Detail, Error, Result};
use crate::format::armor::{armor, dearmor, is_armored};
use crate::format::context::Context;
use crate::format::header::MAGIC;
use crate::format::record::Kind;
use crate::keys::{Keyring, MasterKey};
use crate::primitives::random::Randomness;

const MAX_FILE: usize = 1_048_576;

fn context() -> Context {
    Context::from([("keystead.type", "key-file")])
}

/// The armored key file of the secrets in `keys`, under a passphrase.
///
/// # Errors
/// `Usage` where `passphrase` is another kind of key, or a key has no secret text.
pub fn encrypt_key_file(keys: &Keyring, passphrase: MasterKey) -> Result<String> {
    if passphrase.kind() != Kind::Passphrase {
        return Err(Error::usage("a key file is encrypted under a passphrase"));
    }
    let text = keys.expose_file_text()?;
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
/// `KeyFile` and `Limit` by SPEC R44; `NoKey` for a wrong passphrase.
pub fn read_key_file(
    bytes: &[u8],
    passphrase: impl FnOnce() -> Result<MasterKey>,
) -> Result<Keyring> {
    if bytes.len() > MAX_FILE {
        return Err(Error::limit("a key file above 1 MiB"));
    }
    if !is_encrypted_key_file(bytes) {
        return Keyring::from_file_text(bytes);
    }
    let object = if is_armored(bytes) { dearmor(bytes)? } else { bytes.to_vec() };
    let header = SealedHeader::parse(&object)?;
    let records = inspect(header.as_bytes(), None)?.records;
    if header.header()?.context()? != context()
        || records.len() != 1
        || records[0].kind != "passphrase"
    {
        let detail = Detail::new("an encrypted object that is not a key file");
        return Err(Error::key_file(detail.hint("give the key file with -k, the object as input")));
    }
    let keys = Keyring::new(passphrase()?);
    let mut reader = Decryptor::new(&object[..], &keys, &context())?;
    let mut text = zeroize::Zeroizing::new(Vec::with_capacity(object.len()));
    reader.read_to_end(&mut text).map_err(Error::from_io)?;
    Keyring::from_file_text(&text)
}
