//! Armor: an object as text, RFC 7468 strict (SPEC R45).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Detail, Error, Result};

pub(crate) const BEGIN: &str = "-----BEGIN KEYSTEAD OBJECT-----";
pub(crate) const END: &str = "-----END KEYSTEAD OBJECT-----";
const COLUMNS: usize = 64;
/// Bytes of the object in a full line.
pub(crate) const LINE: usize = 48;
const MAX_BLANK: usize = 1_024;

/// Encodes an object as armor, with lines that end in LF.
#[must_use]
pub fn armor(object: &[u8]) -> String {
    let text = object.len().div_ceil(3) * 4;
    let mut out = String::with_capacity(text + text / COLUMNS + 70);
    out.push_str(BEGIN);
    out.push('\n');
    for part in object.chunks(LINE) {
        push_line(&mut out, part);
    }
    out.push_str(END);
    out.push('\n');
    out
}

/// Adds a line of at most [`LINE`] bytes; only the last one is shorter.
pub(crate) fn push_line(out: &mut String, part: &[u8]) {
    STANDARD.encode_string(part, out);
    out.push('\n');
}

/// Returns whether input begins as armor does, white space aside.
#[must_use]
pub fn is_armored(input: &[u8]) -> bool {
    let start = input.iter().position(|byte| !is_blank(*byte));
    start.is_some_and(|start| input[start..].starts_with(b"-----BEGIN "))
}

/// Decodes the object in an armored text. A `Vec` is decoded in its own memory, a slice is copied
/// first.
///
/// # Errors
/// `Format` for anything but the one canonical form (SPEC R45).
pub fn dearmor(text: impl Into<Vec<u8>>) -> Result<Vec<u8>> {
    let mut text = text.into();
    let Lines { start, end, separator } = lines(&text)?;
    let (mut read, mut written) = (start, 0);
    while read < end {
        let line_end = end.min(read + COLUMNS);
        let mut object = [0; LINE];
        // Padding inside is padding that does not end the text.
        let padded = line_end < end && text[read..line_end].contains(&b'=');
        let len = match STANDARD.decode_slice(&text[read..line_end], &mut object) {
            Ok(len) if !padded => len,
            _ => return Err(Error::format("armor that is not canonical Base64")),
        };
        // Text is longer than what it holds, so that nothing is overwritten before it is read.
        text[written..written + len].copy_from_slice(&object[..len]);
        written += len;
        read = line_end + separator;
    }
    text.truncate(written);
    Ok(text)
}

/// Where the lines of Base64 are in a text, and how many bytes end each of them.
struct Lines {
    start: usize,
    /// The end of the last line, without what ends it.
    end: usize,
    separator: usize,
}

/// Checks the form of all lines, of which every one but the last is full.
fn lines(whole: &[u8]) -> Result<Lines> {
    let wrong = |what: &'static str| Error::format(what);
    let trimmed = trim(whole)?;
    let blank = whole.iter().take_while(|byte| is_blank(**byte)).count();
    let text = std::str::from_utf8(trimmed).map_err(|_| wrong("armor that is not text"))?;
    let separator = if text.contains('\r') { "\r\n" } else { "\n" };
    let mut lines = text.split(separator);
    if lines.next() != Some(BEGIN) {
        return Err(wrong("armor that does not begin with -----BEGIN KEYSTEAD OBJECT-----"));
    }
    let start = blank + BEGIN.len() + separator.len();
    let mut end = start;
    let mut last = false;
    for line in &mut lines {
        if line == END {
            if lines.next().is_some() {
                let detail = Detail::new("text after the armor");
                return Err(Error::format(detail.hint("delete what is after its END line")));
            }
            if end == start {
                return Err(wrong("armor with nothing in it"));
            }
            return Ok(Lines { start, end: end - separator.len(), separator: separator.len() });
        }
        if last || line.is_empty() || line.len() > COLUMNS {
            return Err(wrong("armor with a line of another length than 64"));
        }
        last = line.len() < COLUMNS;
        end += line.len() + separator.len();
    }
    let detail = Detail::new("armor that does not end with -----END KEYSTEAD OBJECT-----");
    Err(Error::format(detail.hint("it was cut: get all of it")))
}

/// Strips the white space around the armor, at most 1,024 bytes on each side (R45).
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
