//! Key pairs, MLKEM768-X25519: write-only hosts hold the public half (SPEC R28, R41).

use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::symmetric::check_not_constant;
use super::wrap::Parameters;
use crate::error::{Detail, Error, Result};
use crate::format::keytext;
use crate::format::labels;
use crate::format::record::{KeyId, PAIR_PARAMETERS, RecordKind};
use crate::primitives::hpke::{self, ENC};
use crate::primitives::random::{self, Randomness};
use crate::primitives::secret::Secret;
use crate::primitives::sha256;
use crate::primitives::xaes::Xaes;
use crate::trace::event;

/// The public half of a pair: encrypts, opens nothing.
///
/// Text form `age1pq1…`, as age has it (SPEC R43), about 1,960 characters.
#[derive(Clone)]
pub struct PublicKey {
    parts: Arc<Parts>,
    id: KeyId,
}

struct Parts {
    bytes: [u8; hpke::PUBLIC],
    key: hpke::PublicKey,
}

/// A run key sealed once for one recipient: it serves every object until a new run begins (R28).
pub(crate) struct Run {
    parameters: [u8; PAIR_PARAMETERS],
    hash: [u8; 32],
    pub(crate) wrapping: Xaes,
}

impl Run {
    pub(crate) fn parameters(&self) -> Parameters<'_> {
        Parameters { bytes: &self.parameters, hash: self.hash }
    }
}

impl PublicKey {
    /// Random bytes that a new run takes: encapsulation and run key.
    pub(crate) const RUN_RANDOM: usize = hpke::RANDOM + 32;

    /// Reads its text.
    ///
    /// # Errors
    /// `KeyFile` for anything else: another key's text, a typing error, a key that fails FIPS 203
    /// section 7.2 or whose X25519 half is of
    /// low order (SPEC R42, R43).
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes = keytext::decode::<{ hpke::PUBLIC }>(keytext::PUBLIC, text)?;
        let key = hpke::PublicKey::from_bytes(&bytes).map_err(|_| {
            let detail = Detail::new("a public key that is not a valid MLKEM768-X25519 key");
            Error::key_file(detail.hint("ask its owner for it again"))
        })?;
        Self::new(key, *bytes)
    }

    fn new(key: hpke::PublicKey, bytes: [u8; hpke::PUBLIC]) -> Result<Self> {
        let hash = sha256(&[labels::PUBLIC_KEY_ID, &[RecordKind::Pair.code()], &bytes]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        let id = KeyId::from_bytes(id);
        if id.is_anonymous() {
            return Err(Error::key_file("a public key whose id is zero"));
        }
        Ok(Self { parts: Arc::new(Parts { bytes, key }), id })
    }

    /// Returns its text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = keytext::encode(keytext::PUBLIC, &self.parts.bytes);
        text.expect("a public key has 1,216 bytes").to_string()
    }

    /// Returns its id (SPEC R41).
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Begins a run: one KEM operation (R28).
    pub(crate) fn begin_run(&self, randomness: &mut Randomness) -> Result<Run> {
        let encapsulation = randomness.take_secret::<{ hpke::RANDOM }>()?;
        let run_key = randomness.take_secret::<32>()?;
        let sealed =
            hpke::seal(&self.parts.key, labels::PAIR, b"", &run_key, encapsulation.expose());
        let (enc, sealed) = sealed.map_err(|_| Error::Auth)?;
        let mut parameters = [0; PAIR_PARAMETERS];
        parameters[..ENC].copy_from_slice(&enc);
        parameters[ENC..].copy_from_slice(&sealed);
        let hash = sha256(&[&parameters]);
        event!("run begun", key_id = self.id);
        Ok(Run { parameters, hash, wrapping: Xaes::new(run_key.expose()) })
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

/// The private half, from its 32-byte seed.
pub(crate) struct PrivateKey {
    seed: Secret<32>,
    key: hpke::PrivateKey,
    public: PublicKey,
    opened: Mutex<Vec<OpenedRun>>,
}

/// A run opened before: the next object of it costs no KEM operation.
struct OpenedRun {
    parameters: Box<[u8; PAIR_PARAMETERS]>,
    hash: [u8; 32],
    wrapping: Xaes,
}

impl PrivateKey {
    /// Runs remembered for each key.
    const REMEMBERED: usize = 8;

    pub(crate) fn generate() -> Result<Self> {
        Self::new(random::secret()?)
    }

    pub(crate) fn new(seed: Secret<32>) -> Result<Self> {
        check_not_constant(seed.expose())?;
        let key = hpke::PrivateKey::from_seed(&seed);
        let (public, bytes) = key.public();
        let public = PublicKey::new(public, bytes)?;
        Ok(Self { seed, key, public, opened: Mutex::new(Vec::new()) })
    }

    pub(crate) fn from_text(text: &str) -> Result<Self> {
        let seed = keytext::decode::<32>(keytext::PRIVATE, text)?;
        Self::new(Secret::copy_of(&seed))
    }

    pub(crate) fn to_text(&self) -> Result<Zeroizing<String>> {
        keytext::encode(keytext::PRIVATE, self.seed.expose())
    }

    pub(crate) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Calls `unwrap` with the parameters of a record and the wrapping key that is sealed in them
    /// (R28).
    pub(crate) fn with_run<T>(
        &self,
        parameters: &[u8],
        unwrap: impl FnOnce(Parameters<'_>, &Xaes) -> Result<T>,
    ) -> Result<T> {
        let mut opened = self.opened.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = opened.iter().position(|run| run.parameters[..] == *parameters);
        event!("run key of a record", key_id = self.public.id, cached = known.is_some());
        let place = match known {
            Some(place) => place,
            None => {
                let run = self.open(parameters)?;
                if opened.len() == Self::REMEMBERED {
                    opened.remove(0);
                }
                opened.push(run);
                opened.len() - 1
            }
        };
        let run = &opened[place];
        unwrap(Parameters { bytes: &run.parameters[..], hash: run.hash }, &run.wrapping)
    }

    fn open(&self, parameters: &[u8]) -> Result<OpenedRun> {
        let parameters: &[u8; PAIR_PARAMETERS] = parameters.try_into().map_err(|_| Error::Auth)?;
        let (enc, sealed) = parameters.split_first_chunk::<ENC>().ok_or(Error::Auth)?;
        let sealed = sealed.try_into().map_err(|_| Error::Auth)?;
        let run_key =
            hpke::open(&self.key, enc, labels::PAIR, b"", sealed).map_err(|_| Error::Auth)?;
        let (hash, wrapping) = (sha256(&[parameters]), Xaes::new(run_key.expose()));
        Ok(OpenedRun { parameters: Box::new(*parameters), hash, wrapping })
    }
}
