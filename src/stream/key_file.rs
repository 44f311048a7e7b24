//! Key files under a passphrase: objects like any other, with a context of their own (SPEC R44).

use zeroize::Zeroizing;

use super::buffer::{decrypt, encrypt_sealed};
use crate::envelope::{EncryptOptions, seal_as_keystead};
use crate::error::{Detail, Error, Result};
use crate::format::context::Context;
use crate::format::header::{Header, MAGIC};
use crate::format::pem::{armor, dearmor, is_armored};
use crate::format::record::{Record, RecordKind};
use crate::keys::{KeyFile, Keys, Recipient, Recipients};
use crate::primitives::random::Randomness;
use crate::threads::Threads;

const MAX_FILE: usize = 1_048_576;

fn context() -> Context {
    Context::from([("keystead.type", "key-file")])
}

impl KeyFile {
    /// Encrypts the text of a key file under a passphrase; returns armor. Comments are kept;
    /// [`expose_text`](Self::expose_text) makes such text.
    ///
    /// # Errors
    /// `Usage` where `passphrase` is another kind of key; `KeyFile` or `Limit` where `text` is no
    /// key file (SPEC R44).
    pub fn encrypt(text: &str, passphrase: impl Into<Recipient>) -> Result<String> {
        let passphrase = passphrase.into();
        if passphrase.kind() != RecordKind::Passphrase {
            return Err(Error::usage("a key file is encrypted under a passphrase"));
        }
        Self::parse(text.as_bytes())?;
        let mut options = EncryptOptions::new();
        options.plaintext_len = u64::try_from(text.len()).ok();
        let mut randomness = Randomness::draw(32 + 16 + 24 + 24 + 16)?;
        let recipients = Recipients::from(passphrase);
        let sealed = seal_as_keystead(&recipients, &context(), &options, &mut randomness)?;
        encrypt_sealed(&sealed, text.as_bytes(), Threads::ONE).map(|object| armor(&object))
    }

    /// Returns whether the bytes of a key file need a passphrase.
    #[must_use]
    pub fn is_encrypted(bytes: &[u8]) -> bool {
        bytes.first() == MAGIC.first() || is_armored(bytes)
    }

    /// Reads a key file, plain or encrypted. `passphrase` is called only where one is needed.
    ///
    /// # Errors
    /// `KeyFile` and `Limit` by SPEC R44; `NoKey` for a wrong passphrase; `Format` for damaged
    /// armor.
    pub fn open(bytes: &[u8], passphrase: impl FnOnce() -> Result<Keys>) -> Result<Self> {
        Self::parse(&Self::expose_bytes(bytes, passphrase)?)
    }

    /// Returns the text of a key file, comments included, plain or encrypted: secrets in the clear.
    ///
    /// # Errors
    /// As [`open`](Self::open), but what the text holds is not looked at.
    pub fn expose_bytes(
        bytes: &[u8],
        passphrase: impl FnOnce() -> Result<Keys>,
    ) -> Result<Zeroizing<Vec<u8>>> {
        if bytes.len() > MAX_FILE {
            let detail = Detail::new("a key file above 1 MiB");
            return Err(Error::limit(detail.hint("is it a key file at all?")));
        }
        if !Self::is_encrypted(bytes) {
            return Ok(Zeroizing::new(bytes.to_vec()));
        }
        let object = if is_armored(bytes) { dearmor(bytes)? } else { bytes.to_vec() };
        check_only_passphrase(&object)?;
        decrypt(&passphrase()?, &object, &context()).map(Zeroizing::new)
    }
}

/// Checks, before anything is derived, for one passphrase record, no other, and the context of key
/// files (R44).
fn check_only_passphrase(object: &[u8]) -> Result<()> {
    let header = Header::parse(object)?;
    let mut records = header.records();
    let only = matches!(records.next(), Some(Record::Known(known)) if known.kind == RecordKind::Passphrase)
        && records.next().is_none();
    if only && header.context()? == context() {
        return Ok(());
    }
    let detail = Detail::new("an encrypted object that is not a key file");
    Err(Error::key_file(detail.hint("give the key file with -k, the object as input")))
}
