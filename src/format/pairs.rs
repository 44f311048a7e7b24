//! Canonical name=value pairs, shared by the public context and the private metadata (SPEC R12).

use super::bytes::Cursor;
use crate::error::{Detail, Error, Result};

/// R13: names of this format and its tools.
pub(crate) const RESERVED_PREFIX: &str = "keystead.";
/// R11, R14.
pub(crate) const MAX_PAIRS: usize = 64;
/// R11, R14: bytes of the pairs of a context, or of sealed metadata.
pub(crate) const MAX_PAIRS_LEN: usize = 16_384;

/// What to do about pairs above a limit.
pub(crate) const TOO_LONG: &str = "what is long belongs into the plaintext";

/// Whether values must be text (R12).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    Text,
    Bytes,
}

/// Visits pairs that fill `bytes` exactly, in canonical order; anything else is FORMAT (R12).
pub(crate) fn parse<'a>(
    bytes: &'a [u8],
    values: Values,
    mut visit: impl FnMut(&'a str, &'a [u8]),
) -> Result<()> {
    let mut cursor = Cursor::new(bytes);
    let mut previous: Option<&str> = None;
    let mut count = 0;
    while !cursor.rest().is_empty() {
        if count == MAX_PAIRS {
            return Err(Error::limit(format!("more than {MAX_PAIRS} pairs")));
        }
        let name_len = usize::from(cursor.u8()?);
        let value_len = usize::from(cursor.u16()?);
        let name = text(cursor.take(name_len)?)?;
        let value = cursor.take(value_len)?;
        if name.is_empty() || previous.is_some_and(|p| p.as_bytes() >= name.as_bytes()) {
            return Err(Error::format("pairs are not in canonical order"));
        }
        if values == Values::Text {
            text(value)?;
        }
        visit(name, value);
        previous = Some(name);
        count += 1;
    }
    if count == 0 {
        return Err(Error::format("an empty list of pairs"));
    }
    Ok(())
}

/// Encodes pairs in canonical order; the caller's may come in any order (R12). Reserved names are
/// USAGE (R13).
pub(crate) fn encode<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a [u8])>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut sorted: Vec<_> = pairs.collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    if sorted.windows(2).any(|w| w[0].0 == w[1].0) {
        return Err(Error::usage("a duplicate name among the pairs"));
    }
    if sorted.len() > MAX_PAIRS {
        let what = format!("{} pairs; at most {MAX_PAIRS} fit", sorted.len());
        return Err(Error::limit(Detail::new(what).hint(TOO_LONG)));
    }
    for (name, value) in sorted {
        let name_len = u8::try_from(name.len()).ok().filter(|n| *n > 0);
        let name_len =
            name_len.ok_or_else(|| Error::usage("a pair's name takes 1 to 255 bytes"))?;
        let value_len = u16::try_from(value.len()).map_err(|_| {
            let what = format!("a pair's value has {} bytes", value.len());
            Error::limit(Detail::new(what).hint(TOO_LONG))
        })?;
        out.push(name_len);
        out.extend_from_slice(&value_len.to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(value);
    }
    Ok(())
}

/// Refuses names that only this format may use (R13).
pub(crate) fn check_unreserved<'a>(names: impl Iterator<Item = &'a str>) -> Result<()> {
    for name in names {
        if name.starts_with(RESERVED_PREFIX) {
            let what = format!(
                "the name {name:?} is reserved: names that begin with \"{RESERVED_PREFIX}\" are keystead's own"
            );
            return Err(Error::usage(Detail::new(what).hint("take another name")));
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Error::format("text that is not valid UTF-8"))
}
