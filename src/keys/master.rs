//! Master keys: one type for everything that a customer holds (SPEC section 8).

use zeroize::Zeroizing;

use super::DataKey;
use super::pair::{PrivateKey, PublicKey};
use super::passphrase::{Passphrase, PassphraseCosts};
use super::symmetric::SymmetricKey;
use super::wrap::{Binding, Parameters};
use crate::error::{Detail, Error, Result};
use crate::format::keytext;
use crate::format::record::{self, KeyId, Kind, Known};
use crate::primitives::random::Randomness;
use crate::primitives::secret::Secret;

/// A key that the customer holds: symmetric, a pair, its public half alone, or a passphrase.
///
/// It has no `Clone`, no `Serialize` and shows only its id; the secret bytes are wiped when it is
/// dropped.
///
/// ```compile_fail
/// let key = keystead::MasterKey::generate().unwrap();
/// let copy = key.clone();                       // secrets are not copied
/// ```
pub struct MasterKey {
    secret: Inner,
    label: String,
    anonymous: bool,
}

enum Inner {
    Symmetric(Box<SymmetricKey>),
    Private(Box<PrivateKey>),
    Public(Box<PublicKey>),
    Passphrase(Box<Passphrase>),
}

impl MasterKey {
    const fn new(secret: Inner) -> Self {
        Self { secret, label: String::new(), anonymous: false }
    }

    /// A new symmetric key: 32 bytes from the operating system.
    ///
    /// # Errors
    /// `Io` where the system's generator fails.
    pub fn generate() -> Result<Self> {
        SymmetricKey::generate().map(|key| Self::new(Inner::Symmetric(Box::new(key))))
    }

    /// A new pair, MLKEM768-X25519. Hosts that only write get [`public`](Self::public).
    ///
    /// # Errors
    /// `Io` where the system's generator fails.
    pub fn generate_pair() -> Result<Self> {
        PrivateKey::generate().map(|key| Self::new(Inner::Private(Box::new(key))))
    }

    /// A passphrase of 1 to 4,096 bytes, used as given: no normalisation.
    ///
    /// # Errors
    /// `Usage` for another length.
    pub fn passphrase(passphrase: impl AsRef<[u8]>) -> Result<Self> {
        Passphrase::new(passphrase.as_ref()).map(|p| Self::new(Inner::Passphrase(Box::new(p))))
    }

    /// From the text of a symmetric, private or public key (SPEC R43).
    ///
    /// # Errors
    /// `KeyFile` for anything else.
    pub fn from_text(text: &str) -> Result<Self> {
        let starts = |prefix: &str| {
            let (head, rest) = text.as_bytes().split_at_checked(prefix.len()).unwrap_or_default();
            head.eq_ignore_ascii_case(prefix.as_bytes()) && rest.first() == Some(&b'1')
        };
        if starts(keytext::SYMMETRIC) {
            SymmetricKey::from_text(text).map(|key| Self::new(Inner::Symmetric(Box::new(key))))
        } else if starts(keytext::PRIVATE) {
            PrivateKey::from_text(text).map(|key| Self::new(Inner::Private(Box::new(key))))
        } else if starts(keytext::PUBLIC) {
            PublicKey::from_text(text).map(Self::from)
        } else {
            Err(Error::key_file(not_a_key(text)))
        }
    }

    /// The text of the secret (SPEC R43): whoever reads it can open everything that this key opens.
    ///
    /// # Errors
    /// `Usage` for a public key and for a passphrase, which have no secret text.
    pub fn expose_secret_text(&self) -> Result<Zeroizing<String>> {
        match &self.secret {
            Inner::Symmetric(key) => key.to_text(),
            Inner::Private(key) => key.to_text(),
            Inner::Public(_) => Err(Error::usage("a public key has no secret")),
            Inner::Passphrase(_) => Err(Error::usage("a passphrase has no text form")),
        }
    }

    /// The public half of a pair.
    #[must_use]
    pub fn public(&self) -> Option<&PublicKey> {
        match &self.secret {
            Inner::Private(key) => Some(key.public()),
            Inner::Public(key) => Some(key),
            Inner::Symmetric(_) | Inner::Passphrase(_) => None,
        }
    }

    /// The kind of records it makes and opens.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match &self.secret {
            Inner::Symmetric(_) => Kind::Symmetric,
            Inner::Private(_) | Inner::Public(_) => Kind::Pair,
            Inner::Passphrase(_) => Kind::Passphrase,
        }
    }

    /// Its id; that of a passphrase is zero, for it has none.
    #[must_use]
    pub fn id(&self) -> KeyId {
        match &self.secret {
            Inner::Symmetric(key) => key.id,
            Inner::Private(key) => key.public().id(),
            Inner::Public(key) => key.id(),
            Inner::Passphrase(_) => KeyId::ZERO,
        }
    }

    /// Whether it can open, or only encrypt.
    #[must_use]
    pub const fn opens(&self) -> bool {
        !matches!(self.secret, Inner::Public(_))
    }

    /// Public text of at most 64 bytes that its records carry, for people.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The text of [`with_label`](Self::with_label); empty where there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its records carry no key id: nobody sees that two objects share it, and opening tries it in
    /// turn.
    #[must_use]
    pub const fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Whether its records carry no key id.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// Costs for new records of a passphrase; other keys have none.
    #[must_use]
    pub fn with_passphrase_costs(mut self, costs: PassphraseCosts) -> Self {
        if let Inner::Passphrase(passphrase) = &mut self.secret {
            passphrase.costs = costs;
        }
        self
    }

    /// The most that opening with a passphrase spends; other keys spend nothing. The product of
    /// memory and passes is then not limited.
    #[must_use]
    pub fn with_passphrase_ceiling(mut self, ceiling: PassphraseCosts) -> Self {
        if let Inner::Passphrase(passphrase) = &mut self.secret {
            passphrase.ceiling = ceiling;
        }
        self
    }

    /// Bytes of its next record.
    pub(crate) fn record_len(&self) -> Result<usize> {
        record::encoded_len(self.kind(), &self.label)
    }

    /// Random bytes that its next record takes.
    pub(crate) fn randomness(&self, fresh: bool) -> usize {
        let fresh = fresh || self.anonymous;
        24 + match &self.secret {
            Inner::Symmetric(_) => 0,
            Inner::Private(key) => run_randomness(key.public(), fresh),
            Inner::Public(key) => run_randomness(key, fresh),
            Inner::Passphrase(_) => 16,
        }
    }

    /// Appends a record that wraps `data_key`.
    pub(crate) fn wrap(
        &self,
        binding: &Binding<'_>,
        data_key: &DataKey,
        fresh: bool,
        randomness: &mut Randomness,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let id = if self.anonymous { KeyId::ZERO } else { self.id() };
        let label = &self.label;
        let public = match &self.secret {
            Inner::Symmetric(key) => {
                let fields = (Kind::Symmetric, id, Parameters::NONE);
                return binding.wrap(&key.wrapping, fields, label, data_key, randomness, out);
            }
            Inner::Passphrase(passphrase) => {
                let (costs, wrapping) = passphrase.begin(randomness)?;
                let parameters = costs.encode();
                let fields = (Kind::Passphrase, KeyId::ZERO, Parameters::new(&parameters));
                return binding.wrap(&wrapping, fields, label, data_key, randomness, out);
            }
            Inner::Private(key) => key.public(),
            Inner::Public(key) => key,
        };
        // R28: a shared enc would tell whose an anonymous record is.
        public.with_run(fresh || self.anonymous, randomness, |parameters, wrapping, randomness| {
            let fields = (Kind::Pair, id, parameters);
            binding.wrap(wrapping, fields, label, data_key, randomness, out)
        })
    }

    /// The bytes of the data key in a record of this key's kind.
    pub(crate) fn unwrap(&self, binding: &Binding<'_>, record: &Known<'_>) -> Result<Secret<32>> {
        match &self.secret {
            Inner::Symmetric(key) => binding.unwrap(&key.wrapping, record, &Parameters::NONE),
            Inner::Private(key) => key.with_run(record.parameters, |parameters, wrapping| {
                binding.unwrap(wrapping, record, &parameters)
            }),
            Inner::Passphrase(passphrase) => {
                let wrapping = passphrase.wrapping(record)?;
                binding.unwrap(&wrapping, record, &Parameters::new(record.parameters))
            }
            Inner::Public(_) => Err(Error::NoKey),
        }
    }
}

fn run_randomness(key: &PublicKey, fresh: bool) -> usize {
    if fresh || key.needs_run() { PublicKey::RUN_RANDOM } else { 0 }
}

impl From<PublicKey> for MasterKey {
    fn from(key: PublicKey) -> Self {
        Self::new(Inner::Public(Box::new(key)))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({} {})", self.kind().name(), self.id())
    }
}

/// What a text looks like that is no key of ours.
fn not_a_key(text: &str) -> Detail {
    let detail = Detail::new("text that is not a keystead key");
    if text.starts_with("ssh-") || text.starts_with("-----BEGIN OPENSSH") {
        detail.hint("it is an SSH key; make a key with `keystead keygen`")
    } else if text.starts_with("-----BEGIN") {
        detail.hint("it is a PEM file; make a key with `keystead keygen`")
    } else if text.starts_with("age1") || text.starts_with("AGE-SECRET-KEY-1") {
        detail.hint("it is a classical age key; keystead takes post-quantum ones (age1pq1…), which `keystead keygen` and `age-keygen -pq` make")
    } else {
        detail
    }
}
