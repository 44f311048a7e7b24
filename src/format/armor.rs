//! Armor: an object as text, RFC 7468 strict (SPEC R45).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};

const BEGIN: &str = "-----BEGIN KEYSTEAD OBJECT-----";
const END: &str = "-----END KEYSTEAD OBJECT-----";
const COLUMNS: usize = 64;
const MAX_BLANK: usize = 1_024;

/// The armored form of an object, lines ending in LF.
#[must_use]
pub fn armor(object: &[u8]) -> String {
    let text = STANDARD.encode(object);
    let mut out = String::with_capacity(text.len() + text.len() / COLUMNS + 70);
    out.push_str(BEGIN);
    out.push('\n');
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(COLUMNS));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str(END);
    out.push('\n');
    out
}

/// Whether input begins as armor does, white space aside.
#[must_use]
pub fn is_armored(input: &[u8]) -> bool {
    let start = input.iter().position(|byte| !is_blank(*byte));
    start.is_some_and(|start| input[start..].starts_with(b"-----BEGIN "))
}

/// The object in an armored text.
///
/// # Errors
/// `Format` for anything but the one canonical form (SPEC R45).
pub fn dearmor(text: &[u8]) -> Result<Vec<u8>> {
    let wrong = |what: &'static str| Error::format(what);
    let text = std::str::from_utf8(trim(text)?).map_err(|_| wrong("armor that is not text"))?;
    let crlf = text.contains('\r');
    let separator = if crlf { "\r\n" } else { "\n" };
    let mut lines = text.split(separator);
    if lines.next() != Some(BEGIN) {
        return Err(wrong("armor that does not begin with -----BEGIN KEYSTEAD OBJECT-----"));
    }
    let mut base64 = String::with_capacity(text.len());
    let mut last = false;
    for line in &mut lines {
        if line == END {
            if lines.next().is_some() {
                return Err(wrong("text behind the armor"));
            }
            if base64.is_empty() {
                return Err(wrong("armor with nothing in it"));
            }
            return STANDARD
                .decode(base64)
                .map_err(|_| wrong("armor that is not canonical Base64"));
        }
        if last || line.is_empty() || line.len() > COLUMNS {
            return Err(wrong("armor with a line of another length than 64"));
        }
        last = line.len() < COLUMNS;
        base64.push_str(line);
    }
    Err(wrong("armor that does not end with -----END KEYSTEAD OBJECT-----"))
}

/// R45: white space around the armor, at most 1,024 bytes on each side.
fn trim(text: &[u8]) -> Result<&[u8]> {
    let start = text.iter().take_while(|byte| is_blank(**byte)).count();
    let text = &text[start..];
    let end = text.iter().rev().take_while(|byte| is_blank(**byte)).count();
    if start > MAX_BLANK || end > MAX_BLANK {
        return Err(Error::format("more than 1,024 bytes of white space around the armor"));
    }
    Ok(&text[..text.len() - end])
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_line_ends() {
        for len in [1, 47, 48, 49, 96, 1_000] {
            let object = vec![0xa5; len];
            let text = armor(&object);
            assert_eq!(dearmor(text.as_bytes()).unwrap(), object);
            assert_eq!(dearmor(text.replace('\n', "\r\n").as_bytes()).unwrap(), object);
        }
    }
}
