//! Key pairs, MLKEM768-X25519: write-only hosts hold the public half (SPEC R28, R41).

use std::sync::Mutex;

use zeroize::Zeroizing;

use super::symmetric::check_not_constant;
use super::wrap::Parameters;
use crate::error::{Detail, Error, Result};
use crate::format::keytext;
use crate::format::labels;
use crate::format::record::{KeyId, Kind, PAIR_PARAMETERS};
use crate::primitives::hpke::{self, ENC};
use crate::primitives::random::{self, Randomness};
use crate::primitives::secret::Secret;
use crate::primitives::sha256;
use crate::primitives::xaes::Xaes;

/// The public half of a pair: encrypts, opens nothing.
///
/// Text form `age1pq1…`, as age has it (SPEC R43), about 1,960 characters.
pub struct PublicKey {
    bytes: Box<[u8; hpke::PUBLIC]>,
    key: hpke::PublicKey,
    id: KeyId,
    run: Mutex<Option<Run>>,
}

/// A run key sealed once for one holder: it serves every object until a new run begins (R28).
struct Run {
    parameters: [u8; PAIR_PARAMETERS],
    hash: [u8; 32],
    wrapping: Xaes,
}

impl Run {
    fn parameters(&self) -> Parameters<'_> {
        Parameters { bytes: &self.parameters, hash: self.hash }
    }
}

impl PublicKey {
    /// Random bytes that a new run takes: encapsulation and run key.
    pub(crate) const RUN_RANDOM: usize = hpke::RANDOM + 32;

    /// From its text.
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
        Self::new(key, Box::new(*bytes))
    }

    fn new(key: hpke::PublicKey, bytes: Box<[u8; hpke::PUBLIC]>) -> Result<Self> {
        let hash = sha256(&[labels::PUBLIC_KEY_ID, &[Kind::Pair.code()], &*bytes]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        let id = KeyId::from_bytes(id);
        if id.is_anonymous() {
            return Err(Error::key_file("a public key whose id is zero"));
        }
        Ok(Self { bytes, key, id, run: Mutex::new(None) })
    }

    /// Its text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = keytext::encode(keytext::PUBLIC, &*self.bytes);
        text.expect("a public key has 1,216 bytes").to_string()
    }

    /// Its id (SPEC R41).
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Calls `wrap` with the parameters and the wrapping key of the current run, which begins where
    /// there is none or `fresh` asks for it.
    pub(crate) fn with_run<T>(
        &self,
        fresh: bool,
        randomness: &mut Randomness,
        wrap: impl FnOnce(Parameters<'_>, &Xaes, &mut Randomness) -> Result<T>,
    ) -> Result<T> {
        if fresh {
            let run = self.begin(randomness)?;
            return wrap(run.parameters(), &run.wrapping, randomness);
        }
        // A panic of another thread cannot leave half a run behind, so a poisoned lock is still
        // good.
        let mut current = self.run.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let run = match &mut *current {
            Some(run) => run,
            none => none.insert(self.begin(randomness)?),
        };
        wrap(run.parameters(), &run.wrapping, randomness)
    }

    /// Whether the next wrap begins a run.
    pub(crate) fn needs_run(&self) -> bool {
        self.run.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_none()
    }

    fn begin(&self, randomness: &mut Randomness) -> Result<Run> {
        let encapsulation = randomness.take_secret::<{ hpke::RANDOM }>()?;
        let run_key = randomness.take_secret::<32>()?;
        let sealed = hpke::seal(&self.key, labels::PAIR, b"", &run_key, encapsulation.expose());
        let (enc, sealed) = sealed.map_err(|_| Error::Auth)?;
        let mut parameters = [0; PAIR_PARAMETERS];
        parameters[..ENC].copy_from_slice(&enc);
        parameters[ENC..].copy_from_slice(&sealed);
        let hash = sha256(&[&parameters]);
        Ok(Run { parameters, hash, wrapping: Xaes::new(run_key.expose()) })
    }
}

impl Clone for PublicKey {
    /// The clone begins a run of its own.
    fn clone(&self) -> Self {
        let key = hpke::PublicKey::from_bytes(&self.bytes).expect("a key that was accepted before");
        Self { bytes: self.bytes.clone(), key, id: self.id, run: Mutex::new(None) }
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
        let public = PublicKey::new(public, Box::new(bytes))?;
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

    /// R28: calls `unwrap` with the parameters of a record and the wrapping key that they give.
    pub(crate) fn with_run<T>(
        &self,
        parameters: &[u8],
        unwrap: impl FnOnce(Parameters<'_>, &Xaes) -> Result<T>,
    ) -> Result<T> {
        let mut opened = self.opened.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = opened.iter().position(|run| run.parameters[..] == *parameters);
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
