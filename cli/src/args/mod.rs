//! The arguments: what can be asked for, in words.

mod change;
mod key;

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use change::{Access, Care, Reencrypt, Rewrap};
pub(crate) use key::{Key, KeyCheck, KeyFile, KeyImport, KeyKind, Keygen};

/// Client-side envelope encryption: the keys stay home.
///
/// What a storage provider holds is ciphertext that none of its keys opens.
#[derive(Parser)]
#[command(name = "keystead", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Say nothing but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print results as JSON, one object a line; names are escaped as in messages: \n, \xff, \\
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use so many threads, for many files or for a large one [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Make a key; a file that exists is never overwritten
    Keygen(Keygen),
    /// Encrypt files, or stdin to stdout; any of the keys opens the result
    Encrypt(Encrypt),
    /// Decrypt files, or stdin to stdout; a file appears only when all of it verified
    Decrypt(Decrypt),
    /// Write the plaintext, or a range of it, to stdout
    Cat(Cat),
    /// Show what everybody can read of an object, without a key
    Inspect(Inspect),
    /// Read whole objects and verify every byte, writing nothing
    Verify(Verify),
    /// Change who can open an object; its body is neither read nor changed
    Rewrap(Rewrap),
    /// Make a new object of an old one, which no former holder opens
    Reencrypt(Reencrypt),
    /// Work on a key file
    #[command(subcommand)]
    Key(Key),
    /// Show the settings and where they come from
    #[command(subcommand)]
    Config(Config),
    /// Show the whole story on real files with an embedded provider folder
    Demo(Demo),
    /// Print completions for a shell
    Completions(Completions),
    /// Print the man page of keystead, or of a verb
    Man(ManPage),
}

// Keys that open. (A line of docs here, or over another part of verbs, would stand in the help of each
// verb that has it.)
#[derive(Args)]
pub(crate) struct OpenKeys {
    /// A key file, or `-` for stdin; may be given several times
    #[arg(short, long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<OsString>,
    /// Open with a passphrase
    #[arg(short, long)]
    pub(crate) passphrase: bool,
    #[command(flatten)]
    pub(crate) source: Source,
    /// The most memory that trying a passphrase may take [default: 1024]
    #[arg(long, value_name = "MIB")]
    pub(crate) passphrase_memory: Option<u32>,
}

impl OpenKeys {
    /// The names of key files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.keys.iter().map(AsRef::as_ref)
    }
}

// Where passphrases come from, if not from the terminal.
#[derive(Args)]
pub(crate) struct Source {
    /// Read passphrases from this file descriptor, one a line
    #[arg(long, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
    /// Run a shell command for each passphrase, which is the first line that it prints
    #[arg(long, value_name = "CMD", conflicts_with = "passphrase_fd")]
    pub(crate) passphrase_command: Option<OsString>,
}

impl Source {
    /// Whether it is said.
    pub(crate) const fn is_given(&self) -> bool {
        self.passphrase_fd.is_some() || self.passphrase_command.is_some()
    }
}

// What an object has to be.
#[derive(Args)]
pub(crate) struct Demands {
    /// Refuse unless the object's context has this pair
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) context: Vec<String>,
    /// Refuse the object if it is older than this floor, which `verify` and --json print
    #[arg(long, value_name = "FLOOR")]
    pub(crate) floor: Option<String>,
    /// Refuse what anyone with a public key could have made
    #[arg(long)]
    pub(crate) require_holder: bool,
}

// How the records of new keys are made.
#[derive(Args)]
pub(crate) struct Records {
    /// Show nobody which keys open: records without key ids, tried in turn
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Show nobody which objects were made together; costs a key operation for each
    #[arg(long)]
    pub(crate) unlinkable: bool,
}

// Where outputs go, and how they are written.
#[derive(Args)]
pub(crate) struct Writing {
    /// The output; `-` is stdout; a directory (with `/` at its end it is made) takes each output
    /// under its own name, but with -r and one directory it is the output of that
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Take folders, with all files and folders in them
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// With -r: replace outputs that are older than their input
    #[arg(long, requires = "recursive", conflicts_with = "force")]
    pub(crate) update: bool,
    /// With -r: compare outputs that exist by their time, or by all else that can be compared
    #[arg(long, value_name = "WHAT", requires = "recursive")]
    #[arg(value_enum, default_value = "time")]
    pub(crate) check: Check,
    /// Replace an output that exists
    #[arg(long)]
    pub(crate) force: bool,
    /// Do not wait until the output is on disk
    #[arg(long)]
    pub(crate) no_sync: bool,
}

// Where a file of plaintext has holes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sparse {
    Auto,
    Always,
    Never,
}

// How an output that exists is compared with its input.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Check {
    // By its time and length; objects by their keys and context, too.
    Time,
    // By all but its time: the plaintext itself, where a key that is given opens the object.
    Content,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead encrypt -k home.key report.pdf            writes report.pdf.ks\n  keystead encrypt -k alice.key.pub -k bob.key.pub -c year=2026 *.pdf\n  keystead encrypt -r -k home.key photos             photos/… becomes photos.ks/…, with the same folders\n  tar c photos | keystead encrypt -k home.key > photos.tar.ks\n\nWith -r, a second run completes one that was stopped: what was made already is left, for outputs appear whole or not at all. \"Made already\" means that the output has the time of its input, which it was given, and its length, and opens with the given keys under the given context; rewrap and reencrypt make an object's time one second later, so one that is later by up to 60 whole seconds is done, too. An older one is an error, unless --update or --force says otherwise, and so is any other, unless --force does; the error names what differs.\n\nWhere times were lost, --check content compares what is there instead: where a key given opens the object, its plaintext, byte for byte; otherwise its length, its context and its key ids, which prove nothing, so an object that is older than its input is an error then. What is the same is done and, where a key has proved it, gets the time of its input again. With --force, only what differs is replaced.\n\nA new output folder appears whole, or after each 20,000 files or GiB; a run that is stopped before leaves nothing. Symbolic links, FIFOs, sockets and devices are skipped and named."
)]
pub(crate) struct Encrypt {
    /// A key file, a public-key file, a public key, or `-` for stdin; any of several opens
    #[arg(short, long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<OsString>,
    /// A file of public keys, one a line
    #[arg(short = 'R', long, value_name = "FILE")]
    pub(crate) recipients: Vec<PathBuf>,
    /// A passphrase opens, too
    #[arg(short, long)]
    pub(crate) passphrase: bool,
    #[command(flatten)]
    pub(crate) source: Source,
    /// Public text that belongs to the object, demanded again with decrypt -c
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) context: Vec<String>,
    #[command(flatten)]
    pub(crate) records: Records,
    /// Write text instead of bytes
    #[arg(long)]
    pub(crate) armor: bool,
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// Files; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead decrypt -k home.key report.pdf.ks         writes report.pdf\n  keystead decrypt -k home.key -c year=2026 -o - report.pdf.ks | less\n  keystead decrypt -r -k home.key photos.ks          photos.ks/… becomes photos/…\n\nWith -r, a second run completes one that was stopped: outputs that have the time of their object, which they were given, and the right length are left; an object that is later by up to 60 whole seconds was rewrapped or reencrypted since, one second each. Where times were lost, --check content decrypts each object and compares the output with it, byte for byte; what is the same is done, and gets the time of its object again. With --force, only what differs is replaced.\n\nA file gets holes where its plaintext has whole blocks of zeros at their places: of 64 KiB, with --sparse always of 4 KiB. --sparse auto leaves none on FUSE file systems, some of which take a file in order alone; stdout gets none.\n\nA new output folder appears whole, or after each 20,000 files or GiB; a run that is stopped before leaves nothing. Files whose names do not end in .ks are skipped and named.\n\nPermissions, owners and links are not kept: outputs are private. tar keeps them: tar c photos | keystead encrypt …"
)]
pub(crate) struct Decrypt {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    #[command(flatten)]
    pub(crate) demands: Demands,
    /// Write nothing to stdout until all of it verified; takes as much memory, up to 256 MiB
    #[arg(long)]
    pub(crate) buffer: bool,
    /// Leave holes for zeros: for each 64 KiB of them, for each 4 KiB, or not at all
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub(crate) sparse: Sparse,
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// Objects; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead cat -k home.key notes.txt.ks\n  keystead cat -k home.key --range 0-99 disk.img.ks   the first 100 bytes\n  keystead cat -k home.key --range -512 disk.img.ks   the last 512 bytes"
)]
pub(crate) struct Cat {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    #[command(flatten)]
    pub(crate) demands: Demands,
    /// Bytes A to B (both included), from A on, or the last N: A-B, A-, -N
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,
    /// The object; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) input: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Inspect {
    /// Take folders, with all files and folders in them
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Objects; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    #[command(flatten)]
    pub(crate) demands: Demands,
    /// Take folders, with all files and folders in them
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Objects; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Config {
    /// Print what is in force, and where it comes from
    Show(ConfigShow),
}

#[derive(Args)]
#[command(
    after_help = "A flag comes first, then KEYSTEAD_KEY, which names a key file, then config.toml in the configuration directory, which KEYSTEAD_CONFIG names:\n\n  key = \"home.key\"             or [\"home.key\", \"work.key\"]; a relative name is looked for beside config.toml\n  threads = 2\n  passphrase-memory = 2048     MiB\n\nThe default key is used where -k is left out and neither -p nor -R says who opens."
)]
pub(crate) struct ConfigShow {
    /// As with other verbs
    #[arg(short, long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<OsString>,
    /// As with other verbs
    #[arg(long, value_name = "MIB")]
    pub(crate) passphrase_memory: Option<u32>,
}

#[derive(Args)]
#[command(after_help = "Example:\n  keystead demo ~/Documents --keep /tmp/demo")]
pub(crate) struct Demo {
    /// Files to tell it with
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Leave the customer's and the provider's folder there; it must not exist
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  keystead completions bash > ~/.local/share/bash-completion/completions/keystead"
)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Args)]
#[command(after_help = "Example:\n  keystead man encrypt | man -l -")]
pub(crate) struct ManPage {
    /// The verb: `encrypt`, `key import`
    #[arg(value_name = "VERB")]
    pub(crate) verb: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  keystead demo                                  the whole story in a few seconds, on the files here
  keystead keygen -o home.key                    a key; its public half is home.key.pub
  keystead encrypt -k home.key.pub report.pdf    report.pdf.ks, for who has home.key
  keystead decrypt -k home.key report.pdf.ks     and back

Exit codes: 0 done, 1 I/O, 2 usage, 3 not an object or damaged, 4 no key for it, 5 authentication
failed, 6 another context, 7 older than the floor, 8 a limit, 9 a key file, 130 cancelled; 10 and 11
are for verbs to come.";
