//! Recognizes runs that are too short to need a signal thread: one small file to one file, or one
//! header to another. Steps that may still take long start the thread themselves: a prompt, an
//! output that is no regular file, armor, a copy, leftovers.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::args::{OpenKeys, Verb};
use crate::small_file::SMALL;

/// Returns whether the run is quick. In doubt it is not.
pub(crate) fn is_quick(verb: &Verb) -> bool {
    match verb {
        Verb::Encrypt(args) => {
            let asks = args.passphrase || args.source.is_given();
            let files = args.recipients.iter().map(AsRef::as_ref);
            let files = files.chain(args.writing.output.iter().map(AsRef::as_ref));
            !(asks || args.writing.recursive)
                && are_at_hand(args.keys.iter().map(AsRef::as_ref).chain(files))
                && is_one(&args.inputs, is_small)
        }
        Verb::Decrypt(args) => {
            let output = args.writing.output.iter().map(AsRef::as_ref);
            !(asks(&args.keys) || args.writing.recursive)
                && are_at_hand(args.keys.keys.iter().map(AsRef::as_ref).chain(output))
                && is_one(&args.inputs, is_small)
        }
        Verb::Rewrap(args) => {
            let access = &args.access;
            let keys = [&args.keys.keys, &access.add, &access.remove, &access.set];
            let keys = keys.into_iter().flatten().map(AsRef::as_ref);
            !(asks(&args.keys) || args.place.recursive)
                && are_at_hand(keys.chain(access.set_file.iter().map(AsRef::as_ref)))
                && is_one(&args.place.inputs, |_| true)
        }
        _ => false,
    }
}

const fn asks(keys: &OpenKeys) -> bool {
    keys.passphrase || keys.source.is_given()
}

/// Returns whether all names are regular files, keys as text or missing; never a stream.
fn are_at_hand<'a>(mut names: impl Iterator<Item = &'a OsStr>) -> bool {
    let is_at_hand = |name| Path::new(name).metadata().map_or(true, |found| is_file(&found));
    names.all(|name| name != "-" && is_at_hand(name))
}

fn is_one(inputs: &[PathBuf], suits: fn(&Metadata) -> bool) -> bool {
    let [input] = inputs else { return false };
    input.metadata().is_ok_and(|found| is_file(&found) && suits(&found))
}

/// Returns whether it is a regular file. One that claims to be empty may be a system file that
/// blocks.
fn is_file(found: &Metadata) -> bool {
    found.is_file() && found.len() > 0
}

fn is_small(file: &Metadata) -> bool {
    usize::try_from(file.len()).is_ok_and(|len| len < SMALL)
}
