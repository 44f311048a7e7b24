//! Recognizes inputs that are not objects by their first bytes, for the hint of "not a keystead
//! object".

/// Returns a hint: what the input is and what to do about it.
pub(crate) fn hint_for(start: &[u8]) -> &'static str {
    let text = start.trim_ascii_start();
    let known = |(mark, hint): &(&[u8], &'static str)| {
        let found = start.starts_with(mark) || text.starts_with(mark);
        found.then_some(*hint)
    };
    MARKS.iter().find_map(known).unwrap_or_else(|| hint_for_unknown(start))
}

/// Returns a hint for an input without a known prefix: text, zeros or anything else.
fn hint_for_unknown(start: &[u8]) -> &'static str {
    let printable = |c: char| !c.is_control() || c.is_ascii_whitespace();
    let is_text = start.utf8_chunks().next().is_none_or(|chunk| {
        // The last character may be cut.
        chunk.valid().len() + 4 > start.len() && chunk.valid().chars().all(printable)
    });
    match is_text {
        true => "it is plain text: was it encrypted at all?",
        false if start.iter().all(|byte| *byte == 0) => {
            "it begins with zeros: a file that was never written, or a disk that lost it"
        }
        false => "`keystead encrypt` makes objects; this begins as none does: is it another file?",
    }
}

/// Prefixes of files that people mistake for objects, after leading white space.
const MARKS: &[(&[u8], &str)] = &[
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "it is an age file: `age --decrypt` opens it"),
    (b"-----BEGIN PGP ", "it is OpenPGP: `gpg --decrypt` opens it"),
    (&[0x85, 0x02, 0x0c, 0x03], "it looks like OpenPGP: `gpg --decrypt` opens such files"),
    (b"Salted__", "it was made by `openssl enc`"),
    (b"-----BEGIN CERTIFICATE-----", "it is a certificate"),
    (
        b"-----BEGIN ",
        "it is text of another kind: an armored object begins -----BEGIN KEYSTEAD OBJECT-----",
    ),
    (b"KEYSTEAD-SYMMETRIC-KEY-", KEY),
    (b"AGE-SECRET-KEY-", KEY),
    (b"# public key: ", KEY),
    (b"# label: ", KEY),
    (b"age1", KEY),
    (b"version https://git-lfs.github.com/", "it is a Git LFS pointer: fetch the file itself"),
    (b"<?xml", PAGE),
    (b"<!DOCTYPE", PAGE),
    (b"<!doctype", PAGE),
    (b"<html", PAGE),
    (&[0x1f, 0x8b], "it is gzip: was it encrypted at all?"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "it is Zstandard: was it encrypted at all?"),
    (b"\xfd7zXZ\0", "it is xz: was it encrypted at all?"),
    (b"BZh", "it is bzip2: was it encrypted at all?"),
    (b"PK\x03\x04", "it is a ZIP archive, or a document in one: was it encrypted at all?"),
    (b"%PDF-", "it is a PDF: was it encrypted at all?"),
    (b"\x89PNG", "it is a picture: was it encrypted at all?"),
    (&[0xff, 0xd8, 0xff], "it is a picture: was it encrypted at all?"),
];

const KEY: &str = "it is a key, not an object: -k takes it";
const PAGE: &str = "it is a page or a message of a server: the download failed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_input_is_can_often_be_told() {
        for (input, part) in [
            (&b"\n-----BEGIN AGE ENCRYPTED FILE-----\n"[..], "age file"),
            (b"-----BEGIN PGP MESSAGE-----\n", "gpg"),
            (b"-----BEGIN FOO-----\n", "KEYSTEAD OBJECT"),
            (b"AGE-SECRET-KEY-PQ-1QQ", "-k takes it"),
            (b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey", "server"),
            (&[0x1f, 0x8b, 8, 0], "gzip"),
            ("caf\u{e9} au lait".as_bytes(), "plain text"),
            (&"caf\u{e9}".as_bytes()[..4], "plain text"),
            (&[0; 100], "zeros"),
            (&[1, 2, 3, 0xff, 4, 5, 6, 7], "another file"),
        ] {
            assert!(hint_for(input).contains(part), "{input:?}: {}", hint_for(input));
        }
    }
}
