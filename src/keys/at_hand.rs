//! Keys: the master keys at hand for opening.

use std::sync::{Arc, Mutex};

use super::master::{MasterKey, Material};
use super::passphrase::{Limits, PassphraseCosts};
use super::recipients::Recipients;
use super::wrap::Binding;
use crate::error::Result;
use crate::format::record::{KeyId, Known, RecordKind};
use crate::primitives::secret::Secret;

/// The master keys at hand for opening.
///
/// Cloning is cheap, and clones share what they learn: a key pair remembers the runs that it
/// opened, so with one `Keys` that lives as long as the program, the next object of a run opens 25
/// to 35 times faster than with new ones. It is `Send + Sync`: threads share it.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Context, Keys, MasterKey, Recipients};
/// let old = MasterKey::generate()?;
/// let new = MasterKey::generate_pair()?;
/// let object = keystead::encrypt(&Recipients::from(&old), b"meet at noon", &Context::new())?;
/// let keys = Keys::from(old).and(new);
/// assert_eq!(keystead::decrypt(&keys, &object, &Context::new())?, b"meet at noon");
/// # Ok(()) }
/// ```
///
/// A public key opens nothing, so it is none of them:
///
/// ```compile_fail
/// let pair = keystead::MasterKey::generate_pair().unwrap();
/// let keys = keystead::Keys::from(pair.public().unwrap().clone());
/// ```
#[derive(Debug, Clone)]
pub struct Keys {
    list: Arc<Vec<MasterKey>>,
    ceiling: PassphraseCosts,
    passphrase_runs: u32,
    /// Held while a key is derived from a passphrase.
    turn: Arc<Mutex<()>>,
}

impl Keys {
    /// Returns an empty set, which opens nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds keys. The same key again changes nothing, and the passphrase ceiling stays that of
    /// `self`.
    #[must_use]
    pub fn and(self, keys: impl Into<Self>) -> Self {
        let more = keys.into();
        let all: Self = self.iter().chain(more.iter()).map(MasterKey::share).collect();
        Self { list: all.list, ..self }
    }

    /// Sets the most that opening with a passphrase may cost; the default is
    /// [`PassphraseCosts::CEILING`], and only then is the product of memory and passes limited too.
    #[must_use]
    pub const fn with_passphrase_ceiling(mut self, ceiling: PassphraseCosts) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// Sets with how many salts passphrases may be tried and open nothing, in all objects that these
    /// keys and their clones are tried on: whoever stores them can give each a salt of its own. The
    /// default is 16; beyond is `Limit`. What one run encrypted has one salt, and costs one Argon2id
    /// for each passphrase.
    #[must_use]
    pub const fn with_passphrase_runs(mut self, runs: u32) -> Self {
        self.passphrase_runs = runs;
        self
    }

    /// Returns these keys as recipients: what is encrypted for them, they open. Each call begins a
    /// new run, so keep what it returns for many objects.
    #[must_use]
    pub fn recipients(&self) -> Recipients {
        self.iter().collect()
    }

    /// Returns the keys in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        self.list.iter()
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the key that decides a record with this id (R36).
    pub(crate) fn holder(&self, kind: RecordKind, id: KeyId) -> Option<&MasterKey> {
        self.of_kind(kind).find(|key| key.id() == id)
    }

    pub(crate) fn of_kind(&self, kind: RecordKind) -> impl Iterator<Item = &MasterKey> {
        self.iter().filter(move |key| key.kind() == kind)
    }

    /// Unwraps the bytes of the data key in a record, by one of these keys.
    pub(crate) fn unwrap(
        &self,
        key: &MasterKey,
        binding: &Binding<'_>,
        record: &Known<'_>,
    ) -> Result<Secret<32>> {
        key.unwrap(binding, record, &self.limits())
    }

    /// Returns what passphrases may cost.
    pub(crate) fn limits(&self) -> Limits<'_> {
        let passphrase = |key| match MasterKey::material(key) {
            Material::Passphrase(passphrase) => Some(&**passphrase),
            Material::Symmetric(_) | Material::Private(_) => None,
        };
        let at_hand = self.iter().filter_map(passphrase).collect();
        let (ceiling, runs) = (self.ceiling, self.passphrase_runs);
        Limits { ceiling, runs, at_hand, turn: &self.turn }
    }
}

impl Default for Keys {
    fn default() -> Self {
        let (ceiling, passphrase_runs) = (PassphraseCosts::CEILING, Limits::RUNS);
        Self { list: Arc::default(), ceiling, passphrase_runs, turn: Arc::default() }
    }
}

impl From<MasterKey> for Keys {
    fn from(key: MasterKey) -> Self {
        std::iter::once(key).collect()
    }
}

/// Shares the secret; nothing is copied.
impl From<&MasterKey> for Keys {
    fn from(key: &MasterKey) -> Self {
        Self::from(key.share())
    }
}

impl FromIterator<MasterKey> for Keys {
    fn from_iter<I: IntoIterator<Item = MasterKey>>(keys: I) -> Self {
        let mut list: Vec<MasterKey> = Vec::new();
        for key in keys {
            let is_same = |have: &MasterKey| have.kind() == key.kind() && have.id() == key.id();
            if key.kind() == RecordKind::Passphrase || !list.iter().any(is_same) {
                list.push(key);
            }
        }
        Self { list: Arc::new(list), ..Self::default() }
    }
}
