//! Which runs are over before anybody could want to stop them: one small file becomes one file, and
//! nothing on the way can wait for somebody else.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::args::{Verb, Writing};
use crate::small::SMALL;

/// Whether such a run is asked for. When in doubt it is not.
pub(crate) fn is_brief(verb: &Verb) -> bool {
    match verb {
        Verb::Encrypt(args) => {
            let keys = args.keys.iter().map(AsRef::as_ref);
            let files = args.recipients.iter().map(AsRef::as_ref);
            !(args.passphrase || args.passphrase_fd.is_some())
                && keys.chain(files).all(is_at_hand)
                && is_one_file(&args.inputs, &args.writing)
        }
        Verb::Decrypt(args) => {
            !(args.keys.passphrase || args.keys.passphrase_fd.is_some())
                && args.keys.keys.iter().all(|key| is_at_hand(key))
                && is_one_file(&args.inputs, &args.writing)
        }
        _ => false,
    }
}

/// A key's text, a file of one, or nothing at all.
fn is_at_hand(key: &OsStr) -> bool {
    Path::new(key).metadata().map_or(true, |found| found.is_file())
}

/// From a small file to a file. What claims to be empty may be a file of the system's own.
fn is_one_file(inputs: &[PathBuf], writing: &Writing) -> bool {
    let [input] = inputs else { return false };
    let small = 1..u64::try_from(SMALL).unwrap_or(u64::MAX);
    let is_small = input.metadata().is_ok_and(|file| file.is_file() && small.contains(&file.len()));
    let output = writing.output.as_ref();
    let to_file =
        output.is_none_or(|output| output != Path::new("-") && is_at_hand(output.as_os_str()));
    is_small && to_file && !writing.recursive
}
