//! Passphrases, by Argon2id (SPEC R29).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::wrap::{Binding, Parameters};
use crate::error::{Detail, Error, Result};
use crate::format::record::{Costs, Known};
use crate::primitives::argon2id;
use crate::primitives::random::Randomness;
use crate::primitives::secret::Secret;
use crate::primitives::xaes::Xaes;
use crate::trace::event;

/// What a passphrase costs: memory in KiB, passes, lanes (RFC 9106 section 3.1).
///
/// A new record costs [`DEFAULT`](Self::DEFAULT) unless told otherwise, and at least
/// [`FLOOR`](Self::FLOOR). A reader spends at most [`CEILING`](Self::CEILING) unless told
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PassphraseCosts {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl PassphraseCosts {
    /// What a new record costs: 64 MiB, 3 passes, 4 lanes (RFC 9106 section 4, second recommended
    /// option).
    pub const DEFAULT: Self = Self { memory_kib: 65_536, passes: 3, lanes: 4 };
    /// What a reader spends at most unless told otherwise: 1 GiB, 10 passes, 8 lanes, memory times
    /// passes 4 GiB (SPEC R29).
    pub const CEILING: Self = Self { memory_kib: 1_048_576, passes: 10, lanes: 8 };
    /// The least that is written or read: 19 MiB, 2 passes, 1 lane.
    pub const FLOOR: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// Of memory times passes, where the ceiling is not raised.
    const PRODUCT: u64 = 4_194_304;

    /// Fails where a record asks for more than this ceiling.
    fn check(self, costs: &Costs) -> Result<()> {
        let Self { memory_kib, passes, lanes } = self;
        let usual = Self::CEILING;
        let raised = memory_kib > usual.memory_kib || passes > usual.passes || lanes > usual.lanes;
        let product = u64::from(costs.m) * u64::from(costs.t);
        let above = costs.m > memory_kib || costs.t > passes || costs.p > lanes;
        if above || (!raised && product > Self::PRODUCT) {
            let what = format!(
                "its passphrase takes {} MiB of memory, {} passes and {} lanes (Argon2id): more than is allowed",
                costs.m.div_ceil(1_024),
                costs.t,
                costs.p
            );
            // More memory alone would not do where passes or lanes are above the ceiling.
            let hint = match costs.t > passes || costs.p > lanes {
                true => {
                    "if you trust who made it, allow more work: `Keys::with_passphrase_ceiling`"
                }
                false => {
                    "if you trust who made it, allow more memory: `Keys::with_passphrase_ceiling`"
                }
            };
            return Err(Error::limit(Detail::new(what).hint(hint)));
        }
        Ok(())
    }
}

/// A passphrase, as it was given, and the keys that were derived from it.
pub(crate) struct Passphrase {
    text: Zeroizing<Vec<u8>>,
    derived: Mutex<Vec<Derived>>,
}

/// A key derived before: the next record with this salt and these costs takes no Argon2id.
struct Derived {
    costs: Costs,
    wrapping: Arc<Xaes>,
    opened: bool,
}

impl Passphrase {
    const MAX_LEN: usize = 4_096;
    /// Derived keys that opened a record and are kept (R29).
    const REMEMBERED: usize = 1_024;

    pub(crate) fn new(passphrase: &[u8]) -> Result<Self> {
        if passphrase.is_empty() || passphrase.len() > Self::MAX_LEN {
            let what = format!("a passphrase of {} bytes; 1 to 4,096 are taken", passphrase.len());
            let hint = match passphrase.is_empty() {
                true => "an empty line is no passphrase",
                false => "a key file holds what is that long: `keystead keygen --kind symmetric`",
            };
            return Err(Error::usage(Detail::new(what).hint(hint)));
        }
        let text = Zeroizing::new(passphrase.to_vec());
        Ok(Self { text, derived: Mutex::default() })
    }

    /// Returns salts and costs with which keys were derived, those first that opened something.
    pub(crate) fn tried(&self) -> (Vec<Costs>, Vec<Costs>) {
        let (opened, in_vain): (Vec<_>, Vec<_>) =
            self.derived().iter().map(|known| (known.costs, known.opened)).partition(|(_, o)| *o);
        let costs = |all: Vec<(Costs, bool)>| all.into_iter().map(|(costs, _)| costs).collect();
        (costs(opened), costs(in_vain))
    }

    /// Returns whether the other is the same text. The time it takes says nothing of where they
    /// differ.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.text.ct_eq(&other.text).into()
    }

    /// Draws a new salt, and derives its wrapping key.
    pub(crate) fn begin(
        &self,
        costs: PassphraseCosts,
        randomness: &mut Randomness,
    ) -> Result<(Costs, Arc<Xaes>)> {
        let PassphraseCosts { memory_kib: m, passes: t, lanes: p } = costs;
        let costs = Costs { salt: randomness.take()?, m, t, p };
        costs.check_floor().map_err(|error| Error::usage(error.to_string()))?;
        if PassphraseCosts::CEILING.check(&costs).is_err() {
            let what = "Argon2id costs that readers refuse: 1 GiB, 10 passes, 8 lanes, and 4 GiB of \
                        memory times passes are the most";
            return Err(Error::usage(what));
        }
        let wrapping = Arc::new(self.derive(&costs)?);
        let derived = Derived { costs, wrapping: Arc::clone(&wrapping), opened: true };
        keep(&mut self.derived(), derived);
        Ok((costs, wrapping))
    }

    /// Unwraps the bytes of the data key in a record. What the limits do not allow is LIMIT before
    /// memory is taken.
    pub(crate) fn unwrap(
        &self,
        binding: &Binding<'_>,
        record: &Known<'_>,
        limits: &Limits<'_>,
    ) -> Result<Secret<32>> {
        let parameters = Parameters::new(record.parameters);
        let unwrap = |wrapping: &Xaes| binding.unwrap(wrapping, record, &parameters);
        let costs = Costs::parse(record.parameters)?;
        limits.ceiling.check(&costs)?;
        // One derivation at a time: threads that meet one salt at once derive it once.
        let _turn = limits.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.derived().iter_mut().find(|known| known.costs == costs) {
            let unwrapped = unwrap(&known.wrapping);
            known.opened |= unwrapped.is_ok();
            return unwrapped;
        }
        limits.check_runs(self, &costs)?;
        let wrapping = Arc::new(self.derive(&costs)?);
        let unwrapped = unwrap(&wrapping);
        let opened = unwrapped.is_ok();
        keep(&mut self.derived(), Derived { costs, wrapping, opened });
        unwrapped
    }

    fn derived(&self) -> MutexGuard<'_, Vec<Derived>> {
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn derive(&self, costs: &Costs) -> Result<Xaes> {
        event!("key derived from a passphrase", memory_kib = costs.m, passes = costs.t);
        let key = argon2id::hash(&self.text, &costs.salt, costs.m, costs.t, costs.p)?;
        Ok(Xaes::new(key.expose()))
    }
}

/// Keeps a derived key, in the place of the oldest that opened something where there are many.
fn keep(derived: &mut Vec<Derived>, new: Derived) {
    let is_full = derived.iter().filter(|known| known.opened).count() >= Passphrase::REMEMBERED;
    if is_full && let Some(oldest) = derived.iter().position(|known| known.opened) {
        derived.remove(oldest);
    }
    derived.push(new);
}

/// The most that opening with passphrases may cost.
pub(crate) struct Limits<'a> {
    /// Of one derivation.
    pub(crate) ceiling: PassphraseCosts,
    /// Salts that may open nothing under any passphrase.
    pub(crate) runs: u32,
    /// The passphrases at hand.
    pub(crate) at_hand: Vec<&'a Passphrase>,
    /// Held while a key is derived.
    pub(crate) turn: &'a Mutex<()>,
}

impl Limits<'_> {
    /// R29.
    pub(crate) const RUNS: u32 = 16;

    /// Refuses a new salt where so many opened nothing.
    fn check_runs(&self, passphrase: &Passphrase, new: &Costs) -> Result<()> {
        let all = self.at_hand.iter().copied().chain([passphrase]);
        let (opened, in_vain): (Vec<_>, Vec<_>) = all.map(Passphrase::tried).unzip();
        let is_open = |costs: &Costs| opened.iter().flatten().any(|one| one == costs);
        let mut counted: Vec<Costs> = Vec::new();
        for costs in in_vain.into_iter().flatten() {
            if costs != *new && !counted.contains(&costs) && !is_open(&costs) {
                counted.push(costs);
            }
        }
        if u32::try_from(counted.len()).is_ok_and(|count| count < self.runs) {
            return Ok(());
        }
        let what = "too many objects that no passphrase opens, each with a salt of its own";
        let detail = Detail::new(what);
        Err(Error::limit(
            detail.hint("if they are yours, allow more: `Keys::with_passphrase_runs`"),
        ))
    }
}
