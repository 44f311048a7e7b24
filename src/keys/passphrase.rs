//! Passphrases, by Argon2id (SPEC R29).

use zeroize::Zeroizing;

use crate::error::{Detail, Error, Result};
use crate::format::record::{Costs, Known};
use crate::primitives::argon2id;
use crate::primitives::random::Randomness;
use crate::primitives::xaes::Xaes;

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

/// A passphrase, as it was given.
pub(crate) struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    const MAX_LEN: usize = 4_096;

    pub(crate) fn new(passphrase: &[u8]) -> Result<Self> {
        if passphrase.is_empty() || passphrase.len() > Self::MAX_LEN {
            let what = format!("a passphrase of {} bytes; 1 to 4,096 are taken", passphrase.len());
            let hint = match passphrase.is_empty() {
                true => "an empty line is no passphrase",
                false => "a key file holds what is that long: `keystead keygen --kind symmetric`",
            };
            return Err(Error::usage(Detail::new(what).hint(hint)));
        }
        Ok(Self(Zeroizing::new(passphrase.to_vec())))
    }

    /// Draws a new salt, and derives its wrapping key.
    pub(crate) fn begin(
        &self,
        costs: PassphraseCosts,
        randomness: &mut Randomness,
    ) -> Result<(Costs, Xaes)> {
        let PassphraseCosts { memory_kib: m, passes: t, lanes: p } = costs;
        let costs = Costs { salt: randomness.take()?, m, t, p };
        costs.check_floor().map_err(|error| Error::usage(error.to_string()))?;
        Ok((costs, self.derive(&costs)?))
    }

    /// Derives the wrapping key of a record; costs above the ceiling are LIMIT before memory is
    /// taken.
    pub(crate) fn wrapping(&self, record: &Known<'_>, ceiling: PassphraseCosts) -> Result<Xaes> {
        let costs = Costs::parse(record.parameters)?;
        ceiling.check(&costs)?;
        self.derive(&costs)
    }

    fn derive(&self, costs: &Costs) -> Result<Xaes> {
        let key = argon2id::hash(&self.0, &costs.salt, costs.m, costs.t, costs.p)?;
        Ok(Xaes::new(key.expose()))
    }
}
