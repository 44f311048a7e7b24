//! `keygen`: a new key in a private file that appears complete, and its public half beside it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use keystead::{KeyFile, MasterKey};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{KeyKind, Keygen};
use crate::failure::{Failure, Result};
use crate::output::{self, Output, OutputOptions, Target};
use crate::passphrase::Passphrases;
use crate::platform::PRIVATE;
use crate::report::{Report, shown};
use crate::staging;
use crate::stdio::Stream;

/// Permissions of a public half.
const PUBLIC: u32 = 0o644;

pub(crate) fn run(args: &Keygen, report: &Report) -> Result<u8> {
    let comments = comment_lines(args)?;
    if args.output == Path::new("-") {
        return Err(Failure::usage("a secret key is not written to stdout")
            .hint("-o FILE names a file; only the public key goes to stdout"));
    }
    let key = match args.kind {
        KeyKind::Pair => MasterKey::generate_pair()?,
        KeyKind::Symmetric => MasterKey::generate()?,
    };
    let id = key.id();
    let public = key.public().map(keystead::PublicKey::to_text);
    let beside = public.as_ref().map(|_| public_path(&args.output));
    let outputs = || [Some(&args.output), beside.as_ref()].into_iter().flatten();
    outputs().for_each(|path| staging::remove_leftovers(path));
    outputs().try_for_each(|path| refuse_existing(path))?;

    let kind = key.kind().name();
    let secret = KeyFile::from(key).expose_text()?;
    let mut text = Zeroizing::new(String::with_capacity(secret.len() + comments.len()));
    text.push_str(&comments);
    text.push_str(&secret);
    if args.passphrase || args.source.is_given() {
        let passphrase = Passphrases::new(&args.source)?.ask_new("the key file")?;
        text = Zeroizing::new(KeyFile::encrypt(&text, &passphrase)?);
    }
    // Written one after the other, so that a killed run leaves at most one private file. The secret
    // comes first: nobody may encrypt to a key that does not exist.
    write_secret(&args.output, &text, !args.no_sync)?;
    if let (Some(public), Some(path)) = (&public, &beside) {
        let half = write(path, &format!("{comments}{public}\n"), PUBLIC, !args.no_sync);
        half.map_err(|failure| remove_orphan_secret(&args.output, path, failure))?;
    }

    let made = |failure: Failure| is_made(failure, &args.output, beside.as_deref());
    if report.json {
        let result = json!({
            "verb": "keygen", "ok": true, "kind": kind,
            "output": shown(&args.output), "public_output": beside.as_deref().map(shown),
            "key_id": id.to_string(), "public": public,
        });
        report.result(&result).map_err(made)?;
        return Ok(0);
    }
    // The public key is also in a file, in case stdout is closed.
    if let Some(public) = public.as_ref().filter(|_| !Stream::Stdout.was_closed()) {
        report.print(&format!("{public}\n")).map_err(made)?;
    }
    let name = shown(&args.output);
    report.hint(&match &beside {
        Some(public) => format!(
            "the secret key {id} is in {name}: keep it home, and a copy of it elsewhere; {} is for those who only encrypt",
            shown(public)
        ),
        None => format!("the key {id} is in {name}: keep it home, and a copy of it elsewhere"),
    });
    Ok(0)
}

/// Adds to the failure of a message that the key files are complete. This is said even where the
/// reader of our output is gone: the next run would refuse to overwrite them.
pub(super) fn is_made(failure: Failure, secret: &Path, public: Option<&Path>) -> Failure {
    let secret = shown(secret);
    let hint = match public.map(shown) {
        Some(public) => format!(
            "{secret} and {public} are complete, only the message is missing: use them, or delete both before you run this again"
        ),
        None => format!(
            "{secret} is complete, only the message is missing: use it, or delete it before you run this again"
        ),
    };
    Failure { silent: false, ..failure }.hint(hint)
}

/// Removes the new secret key if its public half could not be written, so that the command can be
/// run again. If a public half exists, perhaps unsynced, the secret stays.
fn remove_orphan_secret(secret: &Path, public: &Path, failure: Failure) -> Failure {
    if public.symlink_metadata().is_err() && std::fs::remove_file(secret).is_ok() {
        return failure;
    }
    failure.hint(format!(
        "the secret key is complete in {name}; `keystead key public {name}` prints its public half",
        name = shown(secret)
    ))
}

/// Returns `FILE.pub`.
fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Returns label and jurisdiction as comment lines, which readers of key files skip.
fn comment_lines(args: &Keygen) -> Result<String> {
    let mut comments = String::new();
    if let Some(label) = &args.label {
        if label.is_empty() || label.len() > 64 || label.chars().any(char::is_control) {
            return Err(Failure::usage("--label takes 1 to 64 bytes of text on one line")
                .hint("a few words: --label \"the laptop, 2026\""));
        }
        comments.push_str(&format!("# label: {label}\n"));
    }
    if let Some(country) = &args.jurisdiction {
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(Failure::usage(format!("--jurisdiction {country}: not a country's code"))
                .hint("two letters, as in ISO 3166: DE, FR, CH"));
        }
        comments.push_str(&format!("# jurisdiction: {}\n", country.to_ascii_uppercase()));
    }
    Ok(comments)
}

/// Fails where the file exists, since overwriting a key loses data, or where its directory is missing.
pub(super) fn refuse_existing(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_err() {
        return output::check_directory(path);
    }
    Err(Failure::usage(format!("{}: exists already, and a key is never overwritten", shown(path)))
        .hint("-o names another file"))
}

/// Writes a private key file under a new name.
pub(super) fn write_secret(path: &Path, text: &str, sync: bool) -> Result<()> {
    write(path, text, PRIVATE, sync)
}

fn write(path: &Path, text: &str, mode: u32, sync: bool) -> Result<()> {
    let options = OutputOptions { force: false, sync, mode, not: None, modified: None, text: true };
    let mut out = Output::open(&Target::File(path.to_owned()), options)?;
    out.write_all(text.as_bytes()).map_err(|error| Failure::io(path, error))?;
    out.commit()
}
