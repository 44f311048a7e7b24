//! The keys to open objects with. Those under a passphrase are asked for when an object needs them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keystead::{Error, ErrorKind, Inspection, KeyId, Keys, Recipients};
use zeroize::Zeroizing;

use crate::failure::{Failure, Result};
use crate::keys::{self, LoadedKeys};
use crate::object::explain_open_failure;
use crate::passphrase::Passphrases;
use crate::report::shown;

/// Keys at hand, and keys that a passphrase brings. All threads of a run share them, so that nothing
/// is asked for twice.
pub(crate) struct OpeningKeys(Mutex<State>);

struct State {
    at_hand: Arc<LoadedKeys>,
    /// In the order in which they are asked for.
    locked: Vec<LockedKey>,
    passphrases: Passphrases,
}

/// A key that a passphrase was not asked for yet, or in vain.
pub(crate) struct LockedKey {
    source: KeySource,
    /// Why asking failed.
    failure: Option<Failure>,
}

enum KeySource {
    File {
        path: PathBuf,
        bytes: Zeroizing<Vec<u8>>,
        /// The keys in it, where a public half beside it names them.
        ids: Option<Vec<KeyId>>,
    },
    /// `-p`: the passphrase itself opens objects.
    Passphrase,
}

impl LockedKey {
    /// Makes a key of the bytes of a key file under a passphrase.
    pub(crate) fn in_file(path: PathBuf, bytes: Zeroizing<Vec<u8>>) -> Self {
        let ids = keys::ids_beside(&path);
        Self { source: KeySource::File { path, bytes, ids }, failure: None }
    }

    /// Makes the key of `-p`.
    pub(crate) const fn of_option() -> Self {
        Self { source: KeySource::Passphrase, failure: None }
    }

    /// Returns whether an object with these records may open with it.
    fn is_named(&self, object: &Inspection) -> bool {
        object.records.iter().any(|record| match (&self.source, record.kind, record.key_id) {
            (KeySource::Passphrase, kind, _) => kind == PASSPHRASE,
            (KeySource::File { .. }, PASSPHRASE, _) => false,
            (KeySource::File { ids: Some(ids), .. }, _, Some(id)) => ids.contains(&id),
            // The record or the file does not say which key it is for.
            (KeySource::File { .. }, ..) => true,
        })
    }

    /// Asks for the passphrase. Returns the keys at hand and the new ones.
    fn unlock(&self, at_hand: &LoadedKeys, passphrases: &Passphrases) -> Result<LoadedKeys> {
        let LoadedKeys { mut recipients, keys } = at_hand.clone();
        let keys = match &self.source {
            KeySource::Passphrase => {
                let passphrase = passphrases.ask("the object")?;
                recipients.push(&passphrase);
                keys.and(passphrase)
            }
            KeySource::File { path, bytes, .. } => {
                let file = keys::parse_file(path, bytes, passphrases);
                let file = file.map_err(|failure| match failure.class {
                    // Other objects of the run may be done.
                    ErrorKind::NoKey => failure.hint("try again"),
                    _ => failure,
                })?;
                file.recipients().iter().for_each(|key| recipients.push(key.clone()));
                keys.and(file.keys())
            }
        };
        Ok(LoadedKeys { recipients, keys })
    }
}

impl OpeningKeys {
    pub(crate) fn new(
        at_hand: LoadedKeys,
        locked: Vec<LockedKey>,
        passphrases: Passphrases,
    ) -> Self {
        Self(Mutex::new(State { at_hand: Arc::new(at_hand), locked, passphrases }))
    }

    /// Returns the keys that need no passphrase, or have had it.
    pub(crate) fn at_hand(&self) -> Arc<LoadedKeys> {
        Arc::clone(&self.state().at_hand)
    }

    /// Returns whether some keys need a passphrase that nothing has asked for.
    pub(crate) fn has_locked(&self) -> bool {
        !self.state().locked.is_empty()
    }

    /// Calls `open` with the keys at hand and, as long as none of them opens the object, once more
    /// for each passphrase that it asks for. `start` holds the header of the object, whose records
    /// say what to ask for. The outer failure is that of asking.
    pub(crate) fn try_open<T>(
        &self,
        start: &[u8],
        mut open: impl FnMut(&Keys) -> keystead::Result<T>,
    ) -> Result<keystead::Result<T>> {
        let mut have = self.at_hand();
        loop {
            match open(&have.keys) {
                Err(error @ Error::NoKey(_)) => match self.ask(start, &have)? {
                    Some(more) => have = more,
                    None => return Ok(Err(error)),
                },
                opened => return Ok(opened),
            }
        }
    }

    /// Asks for every passphrase.
    pub(crate) fn ask_all(&self) -> Result<()> {
        while self.ask(&[], &self.at_hand())?.is_some() {}
        Ok(())
    }

    /// Asks for the next passphrase that may open an object. Returns the keys at hand if there are
    /// more than `have`.
    fn ask(&self, start: &[u8], have: &Arc<LoadedKeys>) -> Result<Option<Arc<LoadedKeys>>> {
        let mut state = self.state();
        let State { at_hand, locked, passphrases } = &mut *state;
        // Another thread may have asked meanwhile.
        if !Arc::ptr_eq(at_hand, have) {
            return Ok(Some(Arc::clone(at_hand)));
        }
        let object = keystead::inspect(start, None).ok();
        let may_open = |key: &LockedKey| object.as_ref().is_none_or(|object| key.is_named(object));
        let Some(place) = locked.iter().position(may_open) else { return Ok(None) };
        let key = &mut locked[place];
        if let Some(failure) = &key.failure {
            return Err(failure.clone());
        }
        let more = key.unlock(at_hand, passphrases);
        *at_hand = Arc::new(more.inspect_err(|failure| key.failure = Some(failure.clone()))?);
        locked.remove(place);
        Ok(Some(Arc::clone(at_hand)))
    }

    /// Makes the failure of an object that does not open.
    pub(crate) fn explain(&self, name: &str, error: Error, start: &[u8]) -> Failure {
        let failure = explain_open_failure(name, error, start, &self.at_hand().keys);
        match (failure.class, self.passed_over(start), &failure.hint) {
            (ErrorKind::NoKey, Some(path), Some(hint)) => {
                let path = shown(&path);
                let why = format!("{path}.pub names another key, so {path} was not tried");
                let hint = format!("{hint}; {why}");
                failure.hint(hint)
            }
            _ => failure,
        }
    }

    /// Returns a key file that was not asked for because of what its public half says.
    fn passed_over(&self, start: &[u8]) -> Option<PathBuf> {
        let object = keystead::inspect(start, None).ok()?;
        object.records.iter().find(|record| record.key_id.is_some())?;
        self.state().locked.iter().find_map(|key| match &key.source {
            KeySource::File { path, ids: Some(_), .. } => Some(path.clone()),
            _ => None,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<LoadedKeys> for OpeningKeys {
    fn from(keys: LoadedKeys) -> Self {
        Self::new(keys, Vec::new(), Passphrases::default())
    }
}

impl From<Keys> for OpeningKeys {
    fn from(keys: Keys) -> Self {
        Self::from(LoadedKeys { recipients: Recipients::new(), keys })
    }
}

/// What `inspect` calls the kind of a passphrase record.
const PASSPHRASE: &str = "passphrase";
