//! Arguments of the verbs that change objects in their place.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::{Demands, OpenKeys, Records};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead rewrap -k old.key --to new.key.pub *.ks           new instead of old\n  keystead rewrap -k home.key --to bob.key.pub --add a.ks    bob can open it, too\n  keystead rewrap -k home.key --drop bob.key.pub a.ks        and now he cannot; key ids do, too\n\nWho kept an old header still opens the body, which a rewrap does not change. reencrypt ends that for what is stored from now on; nothing takes back what was read or copied before. Each of the two makes the object's time one second later: what compares times sees the change, and encrypt -r and decrypt -r know it for one. An object with other names (hard links) gets a new file; the other names keep the old object."
)]
pub(crate) struct Rewrap {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    /// A new key: a key file, a public-key file or a public key
    #[arg(long, value_name = "NEW")]
    pub(crate) to: Vec<OsString>,
    /// Keep the key that opens
    #[arg(long)]
    pub(crate) add: bool,
    /// Vouch for what anyone could have made: needed to give an object that a pair opened a
    /// symmetric key
    #[arg(long)]
    pub(crate) vouch: bool,
    /// Take away a key: its id, its file, a public key, or the word `passphrase`
    #[arg(long, value_name = "ID")]
    pub(crate) drop: Vec<OsString>,
    #[command(flatten)]
    pub(crate) demands: Demands,
    #[command(flatten)]
    pub(crate) records: Records,
    #[command(flatten)]
    pub(crate) place: InPlace,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  keystead reencrypt -k old.key --to new.key.pub a.ks    a.ks is replaced when the new one is complete\n\nThe new object has a new data key, so who could open the old one opens nothing that is stored from now on; nothing takes back what was read or copied before.\n\nWith -r, a second run takes as done what the keys of -k open no more and the new ones do; all else is done\nanew, for a new data key leaves no mark that a former holder could not forge."
)]
pub(crate) struct Reencrypt {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    /// A key of the new object: a key file, a public-key file or a public key
    #[arg(long, value_name = "NEW", required = true)]
    pub(crate) to: Vec<OsString>,
    #[command(flatten)]
    pub(crate) demands: Demands,
    #[command(flatten)]
    pub(crate) records: Records,
    #[command(flatten)]
    pub(crate) place: InPlace,
}

// What is changed where it lies.
#[derive(Args)]
pub(crate) struct InPlace {
    /// Take folders, with all files and folders in them
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Do not wait until the change is on disk
    #[arg(long)]
    pub(crate) no_sync: bool,
    /// Objects, changed in place
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<PathBuf>,
}
