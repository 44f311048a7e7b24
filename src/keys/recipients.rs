//! Recipients: who may open a new object.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::DataKey;
use super::master::{MasterKey, Material};
use super::pair::{PublicKey, Run};
use super::passphrase::{Limits, Passphrase, PassphraseCosts};
use super::symmetric::SymmetricKey;
use super::wrap::{Binding, Fields, Parameters};
use crate::error::{Error, Result};
use crate::format::record::{self, Costs, KeyId, Known, RecordKind};
use crate::primitives::random::Randomness;
use crate::primitives::secret::Secret;
use crate::primitives::xaes::Xaes;

/// One that may open a new object: a master key or a public key, and how its record looks. Clones
/// belong to the same run ([`Recipients`]).
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{MasterKey, Recipient, Recipients};
/// let laptop = MasterKey::generate()?;
/// let backup = MasterKey::generate_pair()?;
/// let recipients = Recipients::from(&laptop)
///     .and(Recipient::from(&backup).with_label("backup in the safe"));
/// # assert_eq!(recipients.len(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Recipient {
    to: To,
    label: String,
    anonymous: bool,
    costs: PassphraseCosts,
}

#[derive(Clone)]
enum To {
    Symmetric(Arc<SymmetricKey>),
    /// The run serves every object of these recipients (SPEC R28).
    Public(PublicKey, Arc<Mutex<Option<Run>>>),
    /// The salt serves every object of these recipients (SPEC R29).
    Passphrase(Arc<Passphrase>, Arc<Mutex<Option<Salted>>>),
}

/// A salt, costs, and the key derived with them.
type Salted = (Costs, Arc<Xaes>);

impl Recipient {
    const fn new(to: To) -> Self {
        Self { to, label: String::new(), anonymous: false, costs: PassphraseCosts::DEFAULT }
    }

    /// Sets public text of at most 64 bytes that the record carries, for people.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Leaves the key id out of the record: nobody sees that two objects share the key, and opening
    /// tries the record with each key at hand.
    #[must_use]
    pub const fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Sets what a passphrase costs, from [`PassphraseCosts::FLOOR`] to
    /// [`PassphraseCosts::CEILING`], which readers refuse to exceed; encrypting fails for other
    /// costs, as `Usage`. Other recipients cost nothing.
    #[must_use]
    pub fn with_passphrase_costs(mut self, costs: PassphraseCosts) -> Self {
        self.costs = costs;
        if let To::Passphrase(_, salted) = &mut self.to {
            *salted = Arc::default();
        }
        self
    }

    /// Returns the kind of its record.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match &self.to {
            To::Symmetric(_) => RecordKind::Symmetric,
            To::Public(..) => RecordKind::Pair,
            To::Passphrase(..) => RecordKind::Passphrase,
        }
    }

    /// Returns the id of its key, which an anonymous record does not carry; zero for a passphrase.
    #[must_use]
    pub fn id(&self) -> KeyId {
        match &self.to {
            To::Symmetric(key) => key.id,
            To::Public(key, _) => key.id(),
            To::Passphrase(..) => KeyId::ZERO,
        }
    }

    /// Returns the text of [`with_label`](Self::with_label); empty where there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns whether its record carries no key id.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// Returns the length of its next record in bytes.
    pub(crate) fn record_len(&self) -> Result<usize> {
        record::encoded_len(self.kind(), &self.label)
    }

    /// Returns whether it takes a run of its own: a shared enc would say whose an anonymous record
    /// is (R28).
    const fn needs_fresh(&self, unlinkable: bool) -> bool {
        unlinkable || self.anonymous
    }

    /// Returns how many random bytes its next record takes.
    pub(crate) fn randomness(&self, unlinkable: bool) -> usize {
        24 + match &self.to {
            To::Symmetric(_) => 0,
            To::Public(_, run) if self.needs_fresh(unlinkable) || current(run).is_none() => {
                PublicKey::RUN_RANDOM
            }
            To::Public(..) => 0,
            To::Passphrase(_, salted) if unlinkable || current(salted).is_none() => 16,
            To::Passphrase(..) => 0,
        }
    }

    /// Returns whether this is the same passphrase as `key`.
    pub(crate) fn is_passphrase(&self, key: &MasterKey) -> bool {
        match (&self.to, key.material()) {
            (To::Passphrase(one, _), Material::Passphrase(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// Returns whether a new passphrase record would cost the same as this one.
    pub(crate) fn costs_as(&self, record: &Known<'_>) -> bool {
        let PassphraseCosts { memory_kib, passes, lanes } = self.costs;
        let is_same = |costs: Costs| (costs.m, costs.t, costs.p) == (memory_kib, passes, lanes);
        record.kind != RecordKind::Passphrase || Costs::parse(record.parameters).is_ok_and(is_same)
    }

    /// Returns whether it has the secret that opens its records.
    pub(crate) const fn can_open(&self) -> bool {
        !matches!(self.to, To::Public(..))
    }

    /// Unwraps the bytes of the data key in a record; a public key unwraps none.
    pub(crate) fn unwrap(
        &self,
        binding: &Binding<'_>,
        record: &Known<'_>,
        limits: &Limits<'_>,
    ) -> Result<Secret<32>> {
        match &self.to {
            To::Symmetric(key) => binding.unwrap(&key.wrapping, record, &Parameters::NONE),
            To::Passphrase(passphrase, _) => passphrase.unwrap(binding, record, limits),
            To::Public(..) => Err(Error::Auth),
        }
    }

    /// Appends a record that wraps `data_key`.
    pub(crate) fn wrap(
        &self,
        binding: &Binding<'_>,
        data_key: &DataKey,
        unlinkable: bool,
        randomness: &mut Randomness,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let key_id = if self.anonymous { KeyId::ZERO } else { self.id() };
        let (kind, label) = (self.kind(), &*self.label);
        match &self.to {
            To::Symmetric(key) => {
                let fields = Fields { kind, key_id, parameters: Parameters::NONE, label };
                binding.wrap(&key.wrapping, &fields, data_key, randomness, out)
            }
            To::Passphrase(passphrase, salted) => {
                let mut wrap = |(costs, wrapping): &Salted, randomness: &mut Randomness| {
                    let parameters = costs.encode();
                    let parameters = Parameters::new(&parameters);
                    let fields = Fields { kind, key_id, parameters, label };
                    binding.wrap(wrapping, &fields, data_key, randomness, out)
                };
                if unlinkable {
                    return wrap(&passphrase.begin(self.costs, randomness)?, randomness);
                }
                let mut current = current(salted);
                let salted = match &mut *current {
                    Some(salted) => salted,
                    none => none.insert(passphrase.begin(self.costs, randomness)?),
                };
                wrap(salted, randomness)
            }
            To::Public(key, run) => {
                let mut wrap = |run: &Run, randomness: &mut Randomness| {
                    let fields = Fields { kind, key_id, parameters: run.parameters(), label };
                    binding.wrap(&run.wrapping, &fields, data_key, randomness, out)
                };
                if self.needs_fresh(unlinkable) {
                    return wrap(&key.begin_run(randomness)?, randomness);
                }
                let mut current = current(run);
                let run = match &mut *current {
                    Some(run) => run,
                    none => none.insert(key.begin_run(randomness)?),
                };
                wrap(run, randomness)
            }
        }
    }
}

/// Locks the current run. A panic of another thread cannot leave half a run, so a poisoned lock is
/// still good.
fn current<T>(run: &Mutex<Option<T>>) -> MutexGuard<'_, Option<T>> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<&MasterKey> for Recipient {
    fn from(key: &MasterKey) -> Self {
        Self::new(match key.material() {
            Material::Symmetric(key) => To::Symmetric(Arc::clone(key)),
            Material::Private(key) => To::Public(key.public().clone(), Arc::default()),
            Material::Passphrase(passphrase) => {
                To::Passphrase(Arc::clone(passphrase), Arc::default())
            }
        })
    }
}

impl From<PublicKey> for Recipient {
    fn from(key: PublicKey) -> Self {
        Self::new(To::Public(key, Arc::default()))
    }
}

impl From<&PublicKey> for Recipient {
    fn from(key: &PublicKey) -> Self {
        Self::from(key.clone())
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recipient({} {})", self.kind().name(), self.id())
    }
}

/// Who may open a new object: any one of them can.
///
/// One value makes the objects of one *run*: a public key costs one key encapsulation for all of
/// them, a passphrase one Argon2id, and that they were made together is visible
/// ([`EncryptOptions::unlinkable`](crate::EncryptOptions::unlinkable) avoids both). Keep one for
/// many objects; clones belong to the same run. It is `Send + Sync`: threads share it.
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// use keystead::{Context, Keys, MasterKey, Recipients};
/// let laptop = MasterKey::generate()?;
/// let backup = MasterKey::generate_pair()?;
/// let recipients = Recipients::from(&laptop).and(&backup);
/// let object = keystead::encrypt(&recipients, b"opens with either", &Context::new())?;
/// # assert_eq!(keystead::decrypt(&Keys::from(backup), &object, &Context::new())?, b"opens with either");
/// # Ok(()) }
/// ```
///
/// The keys at hand are not taken for those who may open:
///
/// ```compile_fail
/// let keys = keystead::Keys::from(keystead::MasterKey::generate().unwrap());
/// keystead::encrypt(&keys, b"for whom?", &keystead::Context::new()).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Returns an empty list, which encrypts nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a recipient.
    #[must_use]
    pub fn and(mut self, recipient: impl Into<Recipient>) -> Self {
        self.push(recipient);
        self
    }

    /// Adds a recipient, as [`and`](Self::and). The same key again changes nothing, but makes its
    /// record anonymous where either asked for that.
    pub fn push(&mut self, recipient: impl Into<Recipient>) {
        let recipient = recipient.into();
        let same = |have: &&mut Recipient| {
            have.kind() == recipient.kind()
                && have.kind() != RecordKind::Passphrase
                && have.id() == recipient.id()
        };
        match self.0.iter_mut().find(same) {
            Some(have) => have.anonymous |= recipient.anonymous,
            None => self.0.push(recipient),
        }
    }

    /// Returns the recipients in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Recipient> {
        self.0.iter()
    }

    /// Returns the number of recipients.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Into<Recipient>> From<T> for Recipients {
    fn from(recipient: T) -> Self {
        Self(vec![recipient.into()])
    }
}

impl<T: Into<Recipient>> Extend<T> for Recipients {
    fn extend<I: IntoIterator<Item = T>>(&mut self, recipients: I) {
        recipients.into_iter().for_each(|recipient| self.push(recipient));
    }
}

impl<T: Into<Recipient>> FromIterator<T> for Recipients {
    fn from_iter<I: IntoIterator<Item = T>>(recipients: I) -> Self {
        let mut list = Self::new();
        list.extend(recipients);
        list
    }
}

impl IntoIterator for Recipients {
    type Item = Recipient;
    type IntoIter = std::vec::IntoIter<Recipient>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
