//! The newest header that a caller has seen of an object: what none that comes later may be behind
//! (SPEC R38).

use crate::error::{Detail, Error, Result};

/// The newest header that the caller has seen of an object (SPEC R38). Opening gives one; keep it
/// where the provider cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// The commitment of its body, which says which object and which encryption of it.
    pub commitment: [u8; 32],
    /// Its generation.
    pub generation: u64,
    /// Its header tag.
    pub tag: [u8; 32],
}

impl Floor {
    /// R38: a generation further above the floor is not believed.
    const MAX_ADVANCE: u64 = 1 << 20;

    /// R38: whether `found` may follow this floor.
    pub(crate) fn check(&self, found: &Self) -> Result<()> {
        let (now, floor) = (found.generation, self.generation);
        let rollback = if found.commitment != self.commitment {
            Some("another object, or another encryption of it, than the floor is of".to_owned())
        } else if now < floor {
            Some(format!("an older header was put back: generation {now}, {floor} was seen before"))
        } else if now == floor && found.tag != self.tag {
            Some(format!("another header of generation {now} than was seen before"))
        } else {
            None
        };
        if let Some(rollback) = rollback {
            let hint = "fetch the newest version; after a re-encryption, begin with a new floor";
            return Err(Error::Rollback(Detail::new(rollback).hint(hint)));
        }
        if found.generation - self.generation > Self::MAX_ADVANCE {
            return Err(Error::Auth);
        }
        Ok(())
    }
}
