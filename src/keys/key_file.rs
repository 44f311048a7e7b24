//! Key files: keys as lines of text (SPEC R44).

use zeroize::Zeroizing;

use super::at_hand::Keys;
use super::master::MasterKey;
use super::pair::PublicKey;
use super::recipients::{Recipient, Recipients};
use crate::error::{Detail, Error, Result};
use crate::format::keytext::{self, KeyText};
use crate::format::record::MAX_LABEL;

/// The keys of a key file: secret keys, public keys, or both.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{KeyFile, MasterKey};
/// let text = KeyFile::from(MasterKey::generate_pair()?).expose_text()?;
/// let file = KeyFile::parse(text.as_bytes())?;
/// assert_eq!((file.keys().len(), file.recipients().len()), (1, 1));
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct KeyFile(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    key: Key,
    /// What its records carry; empty where there is none.
    label: String,
}

#[derive(Debug)]
enum Key {
    Secret(MasterKey),
    Public(PublicKey),
}

/// How a comment begins that labels the key after it.
const LABEL: &str = "# label: ";

impl KeyFile {
    /// R44.
    const MAX_LEN: usize = 1_048_576;
    /// R44.
    const MAX_KEYS: usize = 1_000;

    /// Reads a key file: one key a line, `#` begins a comment. A comment `# label: TEXT` labels the
    /// key after it ([`Recipient::with_label`]).
    ///
    /// # Errors
    /// `Limit` above 1 MiB or 1,000 keys; `KeyFile` for anything that is not a key, naming the
    /// line, or where there is none.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > Self::MAX_LEN {
            let detail = Detail::new("a key file above 1 MiB");
            return Err(Error::limit(detail.hint("is it a key file at all?")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| not_text(bytes))?;
        if text.contains('\0') || text.starts_with('\u{feff}') {
            return Err(not_text(bytes));
        }
        let mut file = Self::default();
        let mut count = 0;
        let mut label = "";
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            // A CR is part of the line's end only before its LF.
            let line = match line.strip_suffix('\n') {
                Some(line) => line.strip_suffix('\r').unwrap_or(line),
                None => line,
            };
            if line.is_empty() || line.starts_with('#') {
                let text = line.strip_prefix(LABEL).filter(|text| is_label(text));
                label = text.unwrap_or(label);
                continue;
            }
            count += 1;
            if count > Self::MAX_KEYS {
                let detail = Detail::new("a key file of more than 1,000 keys");
                return Err(Error::limit(detail.hint("keep keys in several files")));
            }
            let key = Key::from_text(line).map_err(|error| at_line(number, &error))?;
            file.0.push(Entry { key, label: std::mem::take(&mut label).to_owned() });
        }
        if file.0.is_empty() {
            return Err(Error::key_file("a key file without a key"));
        }
        Ok(file)
    }

    /// Returns the text of the file (SPEC R44), with labels, and with the public keys of key pairs
    /// in comments.
    ///
    /// # Errors
    /// `Usage` where one is a passphrase, which has no text.
    pub fn expose_text(&self) -> Result<Zeroizing<String>> {
        // Reserved at once, so that no grown buffer leaves a copy behind.
        let mut out = Zeroizing::new(String::with_capacity(self.0.len() * 4_096));
        for entry in &self.0 {
            if !entry.label.is_empty() {
                out.push_str(LABEL);
                out.push_str(&entry.label);
                out.push('\n');
            }
            match &entry.key {
                Key::Public(key) => out.push_str(&key.to_text()),
                Key::Secret(key) => {
                    if let Some(public) = key.public() {
                        out.push_str("# public key: ");
                        out.push_str(&public.to_text());
                        out.push('\n');
                    }
                    out.push_str(&key.expose_secret_text()?);
                }
            }
            out.push('\n');
        }
        Ok(out)
    }

    /// Returns the secret keys, to open with.
    #[must_use]
    pub fn keys(&self) -> Keys {
        self.secrets().map(MasterKey::share).collect()
    }

    /// Returns all keys, to encrypt with.
    #[must_use]
    pub fn recipients(&self) -> Recipients {
        let recipient = |key: &Key| match key {
            Key::Secret(key) => Recipient::from(key),
            Key::Public(key) => Recipient::from(key),
        };
        self.0.iter().map(|entry| recipient(&entry.key).with_label(&entry.label)).collect()
    }

    /// Returns the public keys: those of key pairs, and those that are there without a secret key.
    pub fn public_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().filter_map(|entry| match &entry.key {
            Key::Secret(key) => key.public(),
            Key::Public(key) => Some(key),
        })
    }

    /// Adds the keys of another file, a secret key, or a public key.
    #[must_use]
    pub fn and(mut self, other: impl Into<Self>) -> Self {
        self.0.extend(other.into().0);
        self
    }

    fn secrets(&self) -> impl Iterator<Item = &MasterKey> {
        self.0.iter().filter_map(|entry| match &entry.key {
            Key::Secret(key) => Some(key),
            Key::Public(_) => None,
        })
    }
}

impl Key {
    fn from_text(text: &str) -> Result<Self> {
        match keytext::kind(text) {
            Some(KeyText::Public) => PublicKey::from_text(text).map(Self::Public),
            _ => MasterKey::from_text(text).map(Self::Secret),
        }
    }
}

impl From<MasterKey> for KeyFile {
    fn from(key: MasterKey) -> Self {
        Self(vec![Entry { key: Key::Secret(key), label: String::new() }])
    }
}

impl From<&Keys> for KeyFile {
    fn from(keys: &Keys) -> Self {
        keys.iter().fold(Self::default(), |file, key| file.and(key.share()))
    }
}

impl From<PublicKey> for KeyFile {
    fn from(key: PublicKey) -> Self {
        Self(vec![Entry { key: Key::Public(key), label: String::new() }])
    }
}

/// Whether a record takes a text as its label (R22), and a line of a file does.
fn is_label(text: &str) -> bool {
    (1..=MAX_LABEL).contains(&text.len()) && !text.contains(char::is_control)
}

fn not_text(bytes: &[u8]) -> Error {
    let detail = Detail::new("a key file that is not plain UTF-8 text");
    Error::key_file(match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => detail.hint("it is UTF-16; save it as UTF-8"),
        [0xef, 0xbb, 0xbf, ..] => detail.hint("it begins with a byte order mark; save it without"),
        [0x8b, b'K', b'S', b'T', ..] => detail.hint("it is encrypted; its passphrase is needed"),
        _ => detail,
    })
}

fn at_line(number: usize, error: &Error) -> Error {
    let detail = Detail::new(format!("line {number}: {error}"));
    Error::key_file(match error.hint() {
        Some(hint) => detail.hint(hint.to_owned()),
        None => detail,
    })
}
