//! The arguments: what can be asked for, in words.

mod change;
mod key;

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use change::{Access, Reencrypt, Rewrap, Safeguards};
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
    /// Print only errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print results as JSON, one object per line; names are escaped as in messages: \n, \xff, \\
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use this many threads, for many files or one large file [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    /// Generate a key; an existing file is never overwritten
    Keygen(Keygen),
    /// Encrypt files, or stdin to stdout; any of the given keys opens the result
    Encrypt(Encrypt),
    /// Decrypt files, or stdin to stdout; a file appears only when all of it has verified
    Decrypt(Decrypt),
    /// Write the plaintext, or a range of it, to stdout
    Cat(Cat),
    /// Show what anyone can read in an object without a key
    Inspect(Inspect),
    /// Verify every byte of objects, and write nothing
    Verify(Verify),
    /// Change who can open an object; its body is neither read nor changed
    Rewrap(Rewrap),
    /// Encrypt an object anew, so that no former holder can open it
    Reencrypt(Reencrypt),
    /// Work on a key file
    #[command(subcommand)]
    Key(Key),
    /// Show the settings and where they come from
    #[command(subcommand)]
    Config(Config),
    /// Show how keystead works, on real files and with a provider's directory
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
    /// A key file, or `-` for stdin; can be repeated
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
    #[command(flatten)]
    pub(crate) runs: PassphraseRuns,
}

// How much work strangers may cause.
#[derive(Args)]
pub(crate) struct PassphraseRuns {
    /// How often a passphrase may be tried in vain on objects that were made apart [default: 16]
    #[arg(long = "passphrase-runs", value_name = "N")]
    pub(crate) passphrase_runs: Option<u32>,
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
    /// Read passphrases from this file descriptor, one per line
    #[arg(long, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
    /// Run this shell command for each passphrase, and take the first line that it prints
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
pub(crate) struct Expectations {
    /// Refuse unless the object's context has this pair
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) context: Vec<String>,
    /// Refuse the object if it is older than this floor, which `verify` and --json print
    #[arg(long, value_name = "FLOOR")]
    pub(crate) floor: Option<String>,
    /// Refuse objects that anyone with a public key could have made
    #[arg(long)]
    pub(crate) require_holder: bool,
}

// How the records of new keys are made.
#[derive(Args)]
pub(crate) struct Records {
    /// Hide which keys open an object: its records have no key ids and are tried in turn
    #[arg(long)]
    pub(crate) anonymous: bool,
    /// Hide which objects were made together; costs one key operation, or one run of Argon2id, per object
    #[arg(long)]
    pub(crate) unlinkable: bool,
}

// What is reported of directories.
#[derive(Args, Clone, Copy)]
pub(crate) struct Listing {
    /// With -r: print every skipped entry and every error, not only the first five of each kind
    #[arg(long, requires = "recursive")]
    pub(crate) verbose: bool,
    /// With -r: exit with 11 if an entry was skipped and nothing failed, after the rest is done
    #[arg(long, requires = "recursive")]
    pub(crate) strict: bool,
}

// What is deleted, and how it is agreed to.
#[derive(Args, Clone, Copy)]
pub(crate) struct DeleteArgs {
    /// With -r: delete objects from the output directory whose input is gone, after asking
    #[arg(long, requires = "recursive")]
    pub(crate) delete: bool,
    /// With --delete: do not ask
    #[arg(long, requires = "delete")]
    pub(crate) yes: bool,
    /// With --delete: print what would be deleted, and change nothing
    #[arg(long, requires = "delete")]
    pub(crate) dry_run: bool,
}

// Where outputs go, and how they are written.
#[derive(Args)]
pub(crate) struct OutputArgs {
    /// The output; `-` is stdout. A directory takes many outputs, each under its own name; it is made
    /// if its name ends with `/`. With -r and one directory, OUT is the directory that is made of it
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Recurse into directories
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// With -r: replace outputs that are older than their input
    #[arg(long, requires = "recursive", conflicts_with = "force")]
    pub(crate) update: bool,
    /// With -r: compare existing outputs by their time, or by their content
    #[arg(long, value_name = "WHAT", requires = "recursive")]
    #[arg(value_enum, default_value = "time")]
    pub(crate) check: Check,
    /// Replace existing outputs
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
    after_help = "Examples:\n  keystead encrypt -k home.key report.pdf            writes report.pdf.ks\n  keystead encrypt -k alice.key.pub -k bob.key.pub -c year=2026 *.pdf\n  keystead encrypt -r -k home.key photos             photos/… becomes photos.ks/…, with the same directories\n  tar c photos | keystead encrypt -k home.key > photos.tar.ks\n\nWith -r, a second run completes one that was stopped. An output counts as done if it has the time of its input, which outputs get, and the right length, and opens with the given keys under the given context. rewrap and reencrypt make an object's time one second later, so an object that is up to 60 whole seconds later counts as done, too. An older output is an error unless --update or --force is given, and so is any other that differs, unless --force is; the error names the difference.\n\nIf times were lost, --check content compares contents: the plaintext, byte for byte, where a given key opens the object; otherwise only length, context and key ids, which prove nothing, so an object that is older than its input is then an error. Outputs that are the same are done and, where a key has proved it, get the time of their input again. With --force, only outputs that differ are replaced.\n\nA new output directory appears whole, or after every 20,000 files or GiB; a run that is stopped earlier leaves nothing. Symbolic links, FIFOs, sockets and devices are skipped and named.\n\n--delete deletes objects from the output directory whose file or directory is gone, and directories that this leaves empty; without it, they would come back when the directory is decrypted. It deletes only keystead objects that end in .ks, follows no links, and begins when everything else has succeeded: after any error, nothing is deleted. What cannot be read, or is behind a link, counts as there. An input directory without any file may be a disk that is not mounted, so it is refused. Without a terminal to ask on, --yes is required."
)]
pub(crate) struct Encrypt {
    /// A key file, a public-key file, a public key, or `-` for stdin; any of several opens
    #[arg(short, long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<OsString>,
    /// A file of public keys, one per line
    #[arg(short = 'R', long, value_name = "FILE")]
    pub(crate) recipients: Vec<PathBuf>,
    /// Let a passphrase open the result, too
    #[arg(short, long)]
    pub(crate) passphrase: bool,
    #[command(flatten)]
    pub(crate) source: Source,
    /// The most memory that trying the passphrase of a key file may take [default: 1024]
    #[arg(long, value_name = "MIB")]
    pub(crate) passphrase_memory: Option<u32>,
    #[command(flatten)]
    pub(crate) runs: PassphraseRuns,
    /// Public text that is bound to the object; `decrypt -c` can require it
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub(crate) context: Vec<String>,
    #[command(flatten)]
    pub(crate) records: Records,
    /// Write text (armor) instead of binary
    #[arg(long)]
    pub(crate) armor: bool,
    #[command(flatten)]
    pub(crate) deletion: DeleteArgs,
    #[command(flatten)]
    pub(crate) writing: OutputArgs,
    /// Files; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead decrypt -k home.key report.pdf.ks         writes report.pdf\n  keystead decrypt -k home.key -c year=2026 -o - report.pdf.ks | less\n  keystead decrypt -r -k home.key photos.ks          photos.ks/… becomes photos/…\n\nWith -r, a second run completes one that was stopped: outputs that have the time of their object, which outputs get, and the right length are done. An object that is up to 60 whole seconds later was rewrapped or reencrypted since, one second for each. If times were lost, --check content decrypts each object and compares the output, byte for byte; outputs that are the same are done, and get the time of their object again. With --force, only outputs that differ are replaced.\n\nZeros in the plaintext become holes in the file: blocks of 64 KiB, or of 4 KiB with --sparse always. --sparse auto makes none on FUSE file systems, some of which accept writes only in order; stdout gets none.\n\nA new output directory appears whole, or after every 20,000 files or GiB; a run that is stopped earlier leaves nothing. Files whose names do not end in .ks are skipped and named.\n\nPermissions, owners and links are not kept: outputs are private. tar keeps them: tar c photos | keystead encrypt …\n\nA passphrase is asked for when an object needs it, once in a run: keys that need none are tried first."
)]
pub(crate) struct Decrypt {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    #[command(flatten)]
    pub(crate) expectations: Expectations,
    /// Write nothing to stdout until all of it has verified; needs memory for it, up to 256 MiB
    #[arg(long)]
    pub(crate) buffer: bool,
    /// Write zeros as holes: those of 64 KiB, those of 4 KiB, or none
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub(crate) sparse: Sparse,
    #[command(flatten)]
    pub(crate) writing: OutputArgs,
    /// Objects; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  keystead cat -k home.key notes.txt.ks\n  keystead cat -k home.key --range 0-99 disk.img.ks   the first 100 bytes\n  keystead cat -k home.key --range -512 disk.img.ks   the last 512 bytes\n\nA passphrase is asked for if the object needs it: keys that need none are tried first."
)]
pub(crate) struct Cat {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    #[command(flatten)]
    pub(crate) expectations: Expectations,
    /// Bytes A to B (both included), from A on, or the last N: A-B, A-, -N
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,
    /// Write nothing until all of it has verified; needs memory for it, up to 256 MiB
    #[arg(long)]
    pub(crate) buffer: bool,
    /// The object; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) input: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Inspect {
    /// Recurse into directories
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
    /// Objects; `-` or none is stdin
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
}

#[derive(Args)]
#[command(
    after_help = "A passphrase is asked for when an object needs it, once in a run: keys that need none are tried first."
)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) keys: OpenKeys,
    #[command(flatten)]
    pub(crate) expectations: Expectations,
    /// Recurse into directories
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) listing: Listing,
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
    after_help = "A flag comes first, then KEYSTEAD_KEY, which names a key file, then config.toml in the configuration directory, which KEYSTEAD_CONFIG names:\n\n  key = \"home.key\"             or [\"home.key\", \"work.key\"]; a relative name is looked for beside config.toml\n  threads = 2\n  passphrase-memory = 2048     MiB\n\nThe default key is used where -k is left out, and neither -p nor -R is given."
)]
pub(crate) struct ConfigShow {
    /// A key file, as for the verbs that open objects
    #[arg(short, long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<OsString>,
    /// The most memory that trying a passphrase may take
    #[arg(long, value_name = "MIB")]
    pub(crate) passphrase_memory: Option<u32>,
}

#[derive(Args)]
#[command(after_help = "Example:\n  keystead demo ~/Documents --keep /tmp/demo")]
pub(crate) struct Demo {
    /// Files to tell it with
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Leave the customer's and the provider's directory there; it must not exist
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
  keystead encrypt -k home.key.pub report.pdf    report.pdf.ks, for the holder of home.key
  keystead decrypt -k home.key report.pdf.ks     and back

Exit codes: 0 done, 1 I/O, 2 usage, 3 not an object or damaged, 4 no key for it, 5 authentication
failed, 6 another context, 7 older than the floor, 8 a limit, 9 a key file, 11 something was skipped
(--strict), 130 cancelled; 10 is for verbs to come. Where several inputs fail, it is 5, 7 or 6 if
there is one, in this order, and otherwise the lowest.";
