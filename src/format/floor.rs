//! The newest header that a caller has seen of an object: what none that comes later may be behind
//! (SPEC R38).

use std::fmt;
use std::str::FromStr;

use super::keytext;
use crate::error::{Detail, Error, Result};

/// The newest header that the caller has seen of an object (SPEC R38). Opening gives one; keep it
/// where the provider cannot write.
///
/// As text it is one line with a checksum:
///
/// ```
/// # fn main() -> keystead::Result<()> {
/// # use keystead::{Context, Floor, Keys, MasterKey};
/// # let keys = Keys::from(MasterKey::generate()?);
/// # let object = keystead::encrypt(&keys.recipients(), b"meet at noon", &Context::new())?;
/// let opened = keystead::decrypt_with_info(&keys, &object, &Context::new())?;
/// let kept = opened.info.floor.to_string();                              // keystead-floor-1…
/// let floor: Floor = kept.parse()?;
/// keystead::decrypt(&keys, &object, Context::unchecked().not_before(floor))?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// The commitment of its body, which says which object and which encryption of it.
    pub commitment: [u8; 32],
    /// Its generation.
    pub generation: u64,
    /// Its header tag.
    pub tag: [u8; 32],
}

/// Commitment, generation, tag.
const LEN: usize = 32 + 8 + 32;

impl Floor {
    /// R38: a generation further above the floor is not believed.
    const MAX_ADVANCE: u64 = 1 << 20;

    /// Checks whether `found` may follow this floor (R38).
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
            let detail = Detail::new(rollback).hint(hint);
            return Err(Error::Rollback { floor, found: now, detail });
        }
        if found.generation - self.generation > Self::MAX_ADVANCE {
            return Err(Error::Auth);
        }
        Ok(())
    }
}

/// R38: Bech32 of commitment ‖ generation ‖ header tag.
impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.commitment[..], &self.generation.to_be_bytes(), &self.tag].concat();
        let text = keytext::encode(keytext::FLOOR, &bytes).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// Only the text that a floor prints; anything else is `Usage` (R38).
impl FromStr for Floor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = keytext::decode_bytes::<LEN>(keytext::FLOOR, text);
        bytes.and_then(|bytes| Self::from_bytes(&bytes)).ok_or_else(|| {
            let detail = Detail::new("text that is not a floor, or has a wrong character");
            Error::usage(detail.hint(
                "a floor begins with keystead-floor-1; `keystead verify` prints that of an object",
            ))
        })
    }
}

impl Floor {
    fn from_bytes(bytes: &[u8; LEN]) -> Option<Self> {
        let (commitment, rest) = bytes.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (tag, _) = rest.split_first_chunk()?;
        Some(Self {
            commitment: *commitment,
            generation: u64::from_be_bytes(*generation),
            tag: *tag,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor() -> Floor {
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(0..).for_each(|(byte, i)| *byte = i);
        let (commitment, tag) = bytes.split_at(32);
        Floor {
            commitment: commitment.try_into().unwrap(),
            generation: 0x0102_0304_0506_0708,
            tag: tag.try_into().unwrap(),
        }
    }

    /// R38: the text of SPEC, made by another implementation of Bech32.
    #[test]
    fn text_is_bech32_of_the_fields() {
        assert_eq!(floor().to_string(), TEXT);
        assert_eq!(TEXT.parse::<Floor>().unwrap(), floor());
    }

    /// R38: every other text is USAGE and says what a floor looks like.
    #[test]
    fn any_other_text_is_refused() {
        let mut wrong = vec![
            String::new(),
            TEXT.to_uppercase(),
            format!("{TEXT}\n"),
            format!(" {TEXT}"),
            TEXT.replace("keystead-floor-", "keystead-flour-"),
            keytext::encode(keytext::FLOOR, &[7; LEN - 1]).unwrap().to_string(),
            keytext::encode(keytext::FLOOR, &[7; LEN + 1]).unwrap().to_string(),
            keytext::encode("age1pq", &[7; LEN]).unwrap().to_string(),
        ];
        wrong.extend((0..TEXT.len()).map(|at| {
            let other = if TEXT[at..].starts_with('q') { "p" } else { "q" };
            format!("{}{other}{}", &TEXT[..at], &TEXT[at + 1..])
        }));
        wrong.extend((0..TEXT.len()).map(|at| TEXT[..at].to_owned()));
        for text in wrong {
            let error = text.parse::<Floor>().unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Usage, "{text}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn the_extremes_have_a_text() {
        for byte in [0, 0xff] {
            let floor = Floor {
                commitment: [byte; 32],
                generation: u64::from_be_bytes([byte; 8]),
                tag: [byte; 32],
            };
            assert_eq!(floor.to_string().parse::<Floor>().unwrap(), floor);
        }
    }

    const TEXT: &str = "keystead-floor-1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0szqsrqszsvpcgyqsjygeyy5nzw2pf9g4jctfw9ucrzv3nxs6nvdec8yark0pa8clse9ar3y";
}
