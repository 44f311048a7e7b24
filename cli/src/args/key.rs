//! Arguments of the verbs that make keys and work on key files.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Expectations, Listing, Source};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead keygen -o home.key\n  keystead keygen --kind symmetric -o vault.key --label \"vault 2026\"\n\nThe public half is printed and written to FILE.pub: give that to those who only encrypt."
)]
pub(crate) struct Keygen {
    /// pair: others encrypt with its public half; symmetric: one secret for both
    #[arg(long, value_enum, default_value = "pair")]
    pub(crate) kind: KeyKind,
    /// The key file
    #[arg(short, long, value_name = "FILE", default_value = "keystead.key")]
    pub(crate) output: PathBuf,
    /// Encrypt the key file under a passphrase
    #[arg(short, long)]
    pub(crate) passphrase: bool,
    #[command(flatten)]
    pub(crate) source: Source,
    /// A name for people, which everyone can read in each object that the key opens
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Where its holder lives: two letters, as in ISO 3166
    #[arg(long, value_name = "CC")]
    pub(crate) jurisdiction: Option<String>,
    /// Do not wait until the key is on disk
    #[arg(long)]
    pub(crate) no_sync: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    Pair,
    Symmetric,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Key {
    /// Print the public half of a key file
    Public(KeyFile),
    /// Give a key file a passphrase, or another one
    Passphrase(KeyFile),
    /// Print a key for paper: lines that a person can type, each with a checksum
    Export(KeyFile),
    /// Type a key in from paper; the first wrong line is named
    Import(KeyImport),
    /// A restore drill: prove that a copy of a key opens objects, whole
    Check(KeyCheck),
}

#[derive(Args)]
pub(crate) struct KeyFile {
    /// The key file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) source: Source,
    /// The most memory that trying a passphrase may take [default: 1024]
    #[arg(long, value_name = "MIB")]
    pub(crate) passphrase_memory: Option<u32>,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  keystead key import -o home.key                    and type what `keystead key export` printed"
)]
pub(crate) struct KeyImport {
    /// The key file to be made
    #[arg(short, long, value_name = "FILE", default_value = "keystead.key")]
    pub(crate) output: PathBuf,
    /// Encrypt the key file under a passphrase
    #[arg(short, long)]
    pub(crate) passphrase: bool,
    #[command(flatten)]
    pub(crate) source: Source,
    /// Do not wait until the key is on disk
    #[arg(long)]
    pub(crate) no_sync: bool,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  keystead key check /media/usb/home.key report.pdf.ks\n\nThe copy may also be the text that `keystead key export` printed. Nothing is written."
)]
pub(crate) struct KeyCheck {
    /// The copy of the key
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) source: Source,
    /// The most memory that trying a passphrase may take [default: 1024]
    #[arg(long, value_name = "MIB")]
    pub(crate) passphrase_memory: Option<u32>,
    #[command(flatten)]
    pub(crate) expectations: Expectations,
    /// Recurse into directories
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// Objects that it has to open; `-` is stdin
    #[arg(value_name = "OBJECT", required = true)]
    pub(crate) inputs: Vec<PathBuf>,
}
