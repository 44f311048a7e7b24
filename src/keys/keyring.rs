//! A keyring: the master keys at hand.

use zeroize::Zeroizing;

use super::MasterKey;
use crate::error::{Detail, Error, Result};
use crate::format::record::{KeyId, Kind, MAX_LABEL};

/// How a comment begins that labels the key after it.
const LABEL: &str = "# label: ";

/// The master keys at hand. Encrypting wraps for all of them, so that any opens; opening uses those
/// that can.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Context, Keyring, MasterKey};
/// let laptop = MasterKey::generate()?;
/// let backup = MasterKey::generate_pair()?.with_label("backup in the safe");
/// let keys = Keyring::new(laptop).with(backup);
/// let object = keystead::encrypt(&keys, b"opens with either", &Context::new())?;
/// # assert_eq!(keystead::decrypt(&keys, &object, &Context::new())?, b"opens with either");
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct Keyring(Vec<MasterKey>);

impl Keyring {
    /// R44.
    const MAX_FILE: usize = 1_048_576;
    /// R44.
    const MAX_KEYS: usize = 1_000;

    /// A keyring of one key.
    #[must_use]
    pub fn new(key: impl Into<MasterKey>) -> Self {
        Self(vec![key.into()])
    }

    /// A keyring without keys: it opens nothing and encrypts nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds a key. One that is there already is not added twice, but where the new one opens and
    /// the old one does not, it takes its place.
    #[must_use]
    pub fn with(mut self, key: impl Into<MasterKey>) -> Self {
        self.add(key.into());
        self
    }

    /// Adds a key, as [`with`](Self::with).
    pub fn add(&mut self, key: MasterKey) {
        let same = |have: &&mut MasterKey| {
            key.kind() != Kind::Passphrase && have.kind() == key.kind() && have.id() == key.id()
        };
        match self.0.iter_mut().find(same) {
            None => self.0.push(key),
            Some(have) if key.opens() && !have.opens() => *have = key,
            Some(_) => {}
        }
    }

    /// The keys of a key file: one text a line, `#` begins a comment (SPEC R44). A comment
    /// `# label: TEXT` labels the key after it ([`MasterKey::with_label`]).
    ///
    /// # Errors
    /// `Limit` above 1 MiB; `KeyFile` for anything that is not a key, naming the line, or where
    /// there is none.
    pub fn from_file_text(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > Self::MAX_FILE {
            let detail = Detail::new("a key file above 1 MiB");
            return Err(Error::limit(detail.hint("is it a key file at all?")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| not_text(bytes))?;
        if text.contains('\0') || text.starts_with('\u{feff}') {
            return Err(not_text(bytes));
        }
        let mut keys = Self::empty();
        let mut count = 0;
        let mut label = "";
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            // A CR belongs to the line's end only in front of its LF.
            let line = match line.strip_suffix('\n') {
                Some(line) => line.strip_suffix('\r').unwrap_or(line),
                None => line,
            };
            if line.is_empty() || line.starts_with('#') {
                let named = line.strip_prefix(LABEL).filter(|text| is_label(text));
                label = named.unwrap_or(label);
                continue;
            }
            count += 1;
            if count > Self::MAX_KEYS {
                let detail = Detail::new("a key file of more than 1,000 keys");
                return Err(Error::limit(detail.hint("keep keys in several files")));
            }
            let key = MasterKey::from_text(line).map_err(|error| at_line(number, &error))?;
            keys.add(key.with_label(std::mem::take(&mut label)));
        }
        if keys.0.is_empty() {
            return Err(Error::key_file("a key file without a key"));
        }
        Ok(keys)
    }

    /// The key file of the secrets in this keyring (SPEC R44), with labels and public keys in
    /// comments.
    ///
    /// # Errors
    /// `Usage` where a key has no secret text.
    pub fn expose_file_text(&self) -> Result<Zeroizing<String>> {
        // Reserved at once, so that no grown buffer leaves a copy behind.
        let mut out = Zeroizing::new(String::with_capacity(self.0.len() * 4_096));
        for key in &self.0 {
            if is_label(key.label()) {
                out.push_str(LABEL);
                out.push_str(key.label());
                out.push('\n');
            }
            if let Some(public) = key.public() {
                out.push_str("# public key: ");
                out.push_str(&public.to_text());
                out.push('\n');
            }
            out.push_str(&key.expose_secret_text()?);
            out.push('\n');
        }
        Ok(out)
    }

    /// The keys in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        self.0.iter()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that decides a record with this id (R36): one that can open.
    pub(crate) fn holder(&self, kind: Kind, id: KeyId) -> Option<&MasterKey> {
        self.openers(kind).find(|key| key.id() == id)
    }

    pub(crate) fn openers(&self, kind: Kind) -> impl Iterator<Item = &MasterKey> {
        self.0.iter().filter(move |key| key.kind() == kind && key.opens())
    }
}

impl Extend<MasterKey> for Keyring {
    fn extend<I: IntoIterator<Item = MasterKey>>(&mut self, keys: I) {
        keys.into_iter().for_each(|key| self.add(key));
    }
}

impl IntoIterator for Keyring {
    type Item = MasterKey;
    type IntoIter = std::vec::IntoIter<MasterKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Whether a record takes this label (R22), and one line of a file.
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
