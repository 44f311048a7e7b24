//! Names of private files and folders. They are made from the name of the output, so that the next
//! run that writes the same output finds what a killed one left by opening a few names, however
//! many files the folder holds.

use std::ffi::OsStr;

use blake2::{Blake2b512, Digest as _};

/// What a private name ends with before its suffix: which of an output's private names it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The file or folder that takes the output's name when it is complete. Several runs may write
    /// one output at a time, each under its own number.
    Attempt(u8),
    /// The marker that is there while a run claims the name of the output.
    Marker,
}

/// Attempts that have a name of their own.
pub(crate) const ATTEMPTS: u8 = 10;

/// What stands for a folder's name where a private folder in it belongs to no single output. No
/// file can be called so.
pub(crate) const FOLDER_ITSELF: &str = ".";

/// The private name for the output that is called `output` in its folder.
pub(crate) fn private_name(output: &OsStr, part: Part) -> String {
    let hash = Blake2b512::digest(output.as_encoded_bytes());
    let mut name = PREFIX.to_owned();
    // Lower case alone: some file systems see no difference.
    name.extend(hash.iter().take(HASHED).map(|byte| char::from(ALPHABET[usize::from(byte & 31)])));
    name.push(match part {
        Part::Attempt(number) => char::from(b'0' + number % ATTEMPTS),
        Part::Marker => 'c',
    });
    name + SUFFIX
}

/// Whether a name is one of ours.
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
/// Those of them that say which output it is, five bits each.
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
        assert!(is_private(OsStr::new(&name(FOLDER_ITSELF, Part::Attempt(3)))));
        for other in [".keystead-abc.tmp", ".keystead-abcdefghijkl.tmp.txt", "a.tmp"] {
            assert!(!is_private(OsStr::new(other)));
        }
    }
}
