//! Passphrases, by Argon2id (SPEC R29).

use zeroize::Zeroizing;

use crate::error::{Detail, Error, Result};
use crate::format::record::{Costs, Known};
use crate::primitives::argon2id;
use crate::primitives::random::Randomness;
use crate::primitives::xaes::Xaes;

/// What a passphrase costs: memory in KiB, passes, lanes (RFC 9106 section 3.1).
///
/// As the cost of writing, the default is 64 MiB, 3 passes, 4 lanes; the floor is 19,456 KiB, 2
/// passes, 1 lane. As the ceiling of
/// reading, see [`PassphraseCosts::CEILING`].
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
    /// What a reader spends at most unless told otherwise: 1 GiB, 10 passes, 8 lanes, memory times
    /// passes 4 GiB (SPEC R29).
    pub const CEILING: Self = Self { memory_kib: 1_048_576, passes: 10, lanes: 8 };
    /// The least that is written or read: 19 MiB, 2 passes, 1 lane.
    pub const FLOOR: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// Of memory times passes, where the ceiling is not raised.
    const PRODUCT: u64 = 4_194_304;
}

impl Default for PassphraseCosts {
    /// RFC 9106 section 4, second recommended option.
    fn default() -> Self {
        Self { memory_kib: 65_536, passes: 3, lanes: 4 }
    }
}

/// A passphrase with the costs it writes and the most it spends on reading.
pub(crate) struct Passphrase {
    bytes: Zeroizing<Vec<u8>>,
    pub(crate) costs: PassphraseCosts,
    pub(crate) ceiling: PassphraseCosts,
}

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
        Ok(Self {
            bytes: Zeroizing::new(passphrase.to_vec()),
            costs: PassphraseCosts::default(),
            ceiling: PassphraseCosts::CEILING,
        })
    }

    /// A new salt with the costs of writing, and its wrapping key.
    pub(crate) fn begin(&self, randomness: &mut Randomness) -> Result<(Costs, Xaes)> {
        let PassphraseCosts { memory_kib: m, passes: t, lanes: p } = self.costs;
        let costs = Costs { salt: randomness.take()?, m, t, p };
        costs.check_floor().map_err(|error| Error::usage(error.to_string()))?;
        Ok((costs, self.derive(&costs)?))
    }

    /// The wrapping key of a record; costs above the ceiling are LIMIT before memory is taken.
    pub(crate) fn wrapping(&self, record: &Known<'_>) -> Result<Xaes> {
        let costs = Costs::parse(record.parameters)?;
        self.check_ceiling(&costs)?;
        self.derive(&costs)
    }

    fn derive(&self, costs: &Costs) -> Result<Xaes> {
        let key = argon2id::hash(&self.bytes, &costs.salt, costs.m, costs.t, costs.p)?;
        Ok(Xaes::new(key.expose()))
    }

    fn check_ceiling(&self, costs: &Costs) -> Result<()> {
        let PassphraseCosts { memory_kib, passes, lanes } = self.ceiling;
        let usual = PassphraseCosts::CEILING;
        let raised = memory_kib > usual.memory_kib || passes > usual.passes || lanes > usual.lanes;
        let product = u64::from(costs.m) * u64::from(costs.t);
        let above = costs.m > memory_kib || costs.t > passes || costs.p > lanes;
        if above || (!raised && product > PassphraseCosts::PRODUCT) {
            let what = format!(
                "the passphrase record asks Argon2id for {} KiB, {} passes, {} lanes: more than this reader spends",
                costs.m, costs.t, costs.p
            );
            let hint = "if you trust its maker, raise the ceiling: --passphrase-memory MIB, or `MasterKey::with_passphrase_ceiling`";
            return Err(Error::limit(Detail::new(what).hint(hint)));
        }
        Ok(())
    }
}
