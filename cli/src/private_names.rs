//! Names private files and directories. The names derive from the name of the output, so that the
//! next run that writes it finds leftovers by a few lookups, however many files the directory
//! holds.

use std::ffi::OsStr;

use blake2::{Blake2b512, Digest as _};

/// The end of a private name before its suffix: which of an output's private names it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The file or directory that takes the output's name when it is complete. Several runs may
    /// write one output at a time, each under its own number.
    Attempt(u8),
    /// The marker that exists while a run claims the name of the output.
    Marker,
}

/// Number of attempts with a fixed name.
pub(crate) const ATTEMPTS: u8 = 10;

/// Replaces the name of an output for a private directory that belongs to no single output. No file
/// can have this name.
pub(crate) const DIR_ITSELF: &str = ".";

/// Returns the private name for the output that is called `output` in its directory.
pub(crate) fn private_name(output: &OsStr, part: Part) -> String {
    let hash = Blake2b512::digest(output.as_encoded_bytes());
    let mut name = PREFIX.to_owned();
    // Only lower case: some file systems ignore case.
    name.extend(hash.iter().take(HASHED).map(|byte| char::from(ALPHABET[usize::from(byte & 31)])));
    name.push(match part {
        Part::Attempt(number) => char::from(b'0' + number % ATTEMPTS),
        Part::Marker => 'c',
    });
    name + SUFFIX
}

/// Returns whether a name is one of ours.
pub(crate) fn is_private(name: &OsStr) -> bool {
    let middle = name
        .to_str()
        .and_then(|name| name.strip_prefix(PREFIX))
        .and_then(|name| name.strip_suffix(SUFFIX));
    middle.is_some_and(|middle| {
        middle.len() == MIDDLE && middle.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

pub(crate) const PREFIX: &str = ".keystead-";
pub(crate) const SUFFIX: &str = ".tmp";
/// Letters and digits between the two.
pub(crate) const MIDDLE: usize = 12;
/// Those of them that identify the output, five bits each.
const HASHED: usize = MIDDLE - 1;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_every_run_and_of_every_version() {
        let name = |output: &str, part| private_name(OsStr::new(output), part);
        assert_eq!(name("text.ks", Part::Attempt(0)), ".keystead-uollvgjvg4z0.tmp");
        assert_eq!(name("text.ks", Part::Attempt(9)), ".keystead-uollvgjvg4z9.tmp");
        assert_eq!(name("text.ks", Part::Marker), ".keystead-uollvgjvg4zc.tmp");
        assert_ne!(name("text", Part::Marker), name("text.ks", Part::Marker));
        assert!(is_private(OsStr::new(&name(DIR_ITSELF, Part::Attempt(3)))));
        for other in [".keystead-abc.tmp", ".keystead-abcdefghijkl.tmp.txt", "a.tmp"] {
            assert!(!is_private(OsStr::new(other)));
        }
    }
}
