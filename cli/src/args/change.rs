//! Arguments of the verbs that change objects in their place.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::{Expectations, Listing, OpenKeys, Records};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead rewrap -k home.key --add bob.key.pub a.ks         Bob can open it, too\n  keystead rewrap -k home.key --remove bob.key.pub a.ks      and now he cannot\n  keystead rewrap -k home.key --set home.key.pub a.ks        only home.key can\n  keystead rewrap -r -k old.key -k new.key --add new.key.pub --remove old.key.pub photos.ks\n                                                             a new key in place of an old one\n\nAfterwards, rewrap says which keys open the objects. A removed key still opens copies of the old header with the body, which a rewrap does not change. reencrypt ends that for what is stored from now on; nothing takes back what was read or copied before.\n\nA file called `passphrase` is written ./passphrase.\n\nrewrap and reencrypt make an object's time one second later: what compares times sees the change, and encrypt -r and decrypt -r recognize it. An object with other names (hard links) gets a new file; the other names keep the old object."
)]
pub(crate) struct Rewrap {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(flatten)]
    pub(crate) safeguards: Safeguards,
    #[command(flatten)]
    pub(crate) expectations: Expectations,
    #[command(flatten)]
    pub(crate) records: Records,
    #[command(flatten)]
    pub(crate) place: InPlace,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead reencrypt -k home.key a.ks                         for the same keys\n  keystead reencrypt -k home.key --set home.key.pub --set bob.key.pub a.ks\n\na.ks is replaced when the new object is complete. It has a new data key, so no former holder opens what is stored from now on; nothing takes back what was read or copied before.\n\nA new object needs every key that is to open it: with --add and --remove, or without a change, each key that stays is given with -k or --add, and its public key will do. --set names all of them.\n\nWith -r, a second run takes as done what the new keys open and the keys of -k do not; all else is done anew, for a new data key leaves no mark that a former holder could not forge."
)]
pub(crate) struct Reencrypt {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(flatten)]
    pub(crate) safeguards: Safeguards,
    #[command(flatten)]
    pub(crate) expectations: Expectations,
    #[command(flatten)]
    pub(crate) records: Records,
    #[command(flatten)]
    pub(crate) place: InPlace,
}

// Who can open afterwards.
#[derive(Args)]
pub(crate) struct Access {
    /// Add a key: a key file, a public-key file or a public key
    #[arg(long, value_name = "KEY")]
    pub(crate) add: Vec<OsString>,
    /// Remove a key: its id, its file, its public key, or the word `passphrase`
    #[arg(long, value_name = "KEY")]
    pub(crate) remove: Vec<OsString>,
    /// Let only this key open the object; repeat it for each key that is to open
    #[arg(long, value_name = "KEY", conflicts_with_all = ["add", "remove"])]
    pub(crate) set: Vec<OsString>,
    /// Let only the keys in this file open the object: public keys, one per line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["add", "remove"])]
    pub(crate) set_file: Vec<PathBuf>,
    /// Allow a change after which no key given with -k or -p opens the object
    #[arg(long)]
    pub(crate) without_me: bool,
}

impl Access {
    /// Whether the keys that open afterwards are given, all of them.
    pub(crate) fn is_set(&self) -> bool {
        !self.set.is_empty() || !self.set_file.is_empty()
    }

    /// Whether no change is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty() && !self.is_set()
    }
}

// What a change needs to be told, or asks.
#[derive(Args)]
pub(crate) struct Safeguards {
    /// Vouch for an object that anyone could have made, so that it can get a symmetric key
    #[arg(long)]
    pub(crate) vouch: bool,
    /// Do not ask before keys are removed from all objects of a directory
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

// What is changed where it lies.
#[derive(Args)]
pub(crate) struct InPlace {
    /// Recurse into directories
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// Do not wait until the change is on disk
    #[arg(long)]
    pub(crate) no_sync: bool,
    /// Objects, changed in place
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<PathBuf>,
}
