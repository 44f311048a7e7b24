//! Loads what `-k`, `-R`, `-p` and `--to` name. A secret is read from a file, never from the
//! arguments.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Seek as _;
use std::path::{Path, PathBuf};

use keystead::{Error, Keyring, MasterKey, PublicKey};
use zeroize::Zeroizing;

use crate::args::OpenKeys;
use crate::failure::{Failure, Result};
use crate::input::read_full;
use crate::passphrase::{NOT_ASKED, Passphrases};
use crate::report::shown;

/// SPEC R44, and one byte to see that there is more.
const MAX_READ: usize = 1_048_577;

/// What an encryption is for: keys, recipients files, a passphrase.
pub(crate) struct Wanted<'a> {
    pub(crate) keys: &'a [OsString],
    pub(crate) recipients: &'a [PathBuf],
    pub(crate) passphrase: bool,
}

/// The keys that open, for verbs that read.
pub(crate) fn to_open(args: &OpenKeys) -> Result<(Keyring, Passphrases)> {
    let passphrases = Passphrases::new(args.passphrase_fd)?.spending(args.passphrase_memory);
    let mut keys = load(&args.keys, &passphrases)?;
    if args.passphrase {
        keys.add(passphrases.ask("the object")?);
    }
    if keys.is_empty() {
        return Err(Failure::usage("no key is given to open with").hint(
            match passphrases.are_given() {
                true => NOT_ASKED,
                false => "-k FILE names a key file, -p asks for a passphrase",
            },
        ));
    }
    Ok((keys, passphrases))
}

/// The keys of a new object.
pub(crate) fn to_encrypt(wanted: &Wanted<'_>, passphrases: &Passphrases) -> Result<Keyring> {
    let mut keys = load(wanted.keys, passphrases)?;
    for path in wanted.recipients {
        keys.extend(recipients(path)?);
    }
    if wanted.passphrase {
        keys.add(passphrases.ask_new("the object")?);
    }
    if keys.is_empty() {
        return Err(Failure::usage("no key is given to encrypt with").hint(
            match passphrases.are_given() {
                true => NOT_ASKED,
                false => "-k KEY names a key, -R FILE a list, -p asks for a passphrase; `keystead keygen` makes a key",
            },
        ));
    }
    Ok(keys)
}

/// Key files and public keys.
pub(crate) fn load(names: &[OsString], passphrases: &Passphrases) -> Result<Keyring> {
    let mut keys = Keyring::empty();
    for name in names {
        let several = |failure: Failure| match is_list(name) {
            true => failure.hint("-k once for each key"),
            false => failure,
        };
        match public_key(name).map_err(several)? {
            Some(key) => keys.add(key.into()),
            None => keys.extend(file(Path::new(name), passphrases).map_err(several)?),
        }
    }
    Ok(keys)
}

/// Keys with commas between them, as other programs take them.
fn is_list(name: &OsStr) -> bool {
    name.as_encoded_bytes().contains(&b',')
        && !Path::new(name).exists()
        && refuse_secret(name).is_ok()
}

/// One key file, plain or encrypted, or a file of public keys.
pub(crate) fn file(path: &Path, passphrases: &Passphrases) -> Result<Keyring> {
    refuse_secret(path.as_os_str())?;
    let bytes = read(path)?;
    let mut asked = None;
    let keys = keystead::read_key_file(&bytes, || {
        passphrases.ask(&format!("the key file {}", shown(path))).map_err(|failure| {
            // The library's error takes its place; ours is kept.
            asked = Some(failure);
            Error::Cancelled
        })
    });
    if let Some(failure) = asked {
        return Err(failure);
    }
    keys.map_err(|error| match error {
        Error::NoKey => Failure::new(error.class(), format!("{}: wrong passphrase", shown(path)))
            .hint("nothing was changed; try again"),
        Error::KeyFile(_) => not_a_key_file(path, &bytes, error),
        error => Failure::at(&shown(path), error),
    })
}

/// A file of public keys only: a secret in it is a mistake that someone would share.
fn recipients(path: &Path) -> Result<Keyring> {
    refuse_secret(path.as_os_str())?;
    let bytes = read(path)?;
    let keys = Keyring::from_file_text(&bytes);
    let keys = keys.map_err(|error| not_a_key_file(path, &bytes, error))?;
    if keys.iter().any(MasterKey::opens) {
        let what = format!("{}: a recipients file with a secret key in it", shown(path));
        return Err(Failure::usage(what).hint(
            "-R takes public keys, which `keystead key public FILE` prints; -k takes key files",
        ));
    }
    Ok(keys)
}

/// The bytes of a key file.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error| {
        let failure = Failure::io(path, error);
        Failure { message: format!("key file {}", failure.message), ..failure }
    };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Failure::usage(format!("key file {}: a folder", shown(path))));
    }
    // Reserved at once, so that no grown buffer leaves a copy of a secret behind: one byte more
    // than the file says, and what may be read at most where that was not enough.
    let len = usize::try_from(metadata.len()).unwrap_or(MAX_READ).saturating_add(1);
    if metadata.is_file() && len < MAX_READ {
        let mut bytes = Zeroizing::new(vec![0; len]);
        let read = read_full(&mut file, &mut bytes).map_err(failed)?;
        if read < len {
            bytes.truncate(read);
            return Ok(bytes);
        }
        file.rewind().map_err(failed)?;
    }
    let mut bytes = Zeroizing::new(vec![0; MAX_READ]);
    let read = read_full(&mut file, &mut bytes).map_err(failed)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Whether it is the text of a public key.
pub(crate) fn is_public(name: &OsStr) -> bool {
    name.to_str().is_some_and(|text| text.starts_with("age1"))
}

/// Arguments are seen by every process, so a secret among them is refused, and not said again.
fn refuse_secret(name: &OsStr) -> Result<()> {
    let Some(text) = name.to_str() else { return Ok(()) };
    let upper = text.trim().get(..64).unwrap_or(text.trim()).to_ascii_uppercase();
    if upper.starts_with("AGE-SECRET-KEY-") || upper.starts_with("KEYSTEAD-SYMMETRIC-KEY-") {
        return Err(Failure::usage("a secret key was given as an argument").hint(
            "put it in a file and name that with -k; every process and the shell's history saw it, so make a new one",
        ));
    }
    Ok(())
}

/// A public key given as text.
fn public_key(name: &OsStr) -> Result<Option<PublicKey>> {
    refuse_secret(name)?;
    let Some(text) = name.to_str() else { return Ok(None) };
    if !text.starts_with("age1") || Path::new(name).exists() {
        return Ok(None);
    }
    PublicKey::from_text(text).map(Some).map_err(|error| {
        let error = match error {
            Error::KeyFile(_) if !text.starts_with("age1pq1") => {
                MasterKey::from_text(text).err().unwrap_or(error)
            }
            error => error,
        };
        Failure::at("public key", error)
    })
}

fn not_a_key_file(path: &Path, bytes: &[u8], error: Error) -> Failure {
    let failure = Failure::at(&shown(path), error);
    if bytes.is_empty() {
        return failure.or_hint("it is empty");
    }
    failure.or_hint("a key file comes from `keystead keygen`")
}
