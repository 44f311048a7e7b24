//! `key export` and `key import`: a key file to paper and back.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use keystead::{Error, Keys};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{KeyFile, KeyImport};
use crate::conflicts;
use crate::failure::{Failure, Result};
use crate::input::ReadOnce;
use crate::keys;
use crate::paper;
use crate::passphrase::Passphrases;
use crate::report::{Report, shown};
use crate::staging;
use crate::verbs::keygen;

/// Far more bytes than any paper has.
const MAX_TYPED: u64 = 1_048_576;

pub(crate) fn export(args: &KeyFile, report: &Report) -> Result<u8> {
    let passphrases = Passphrases::new(&args.source)?.with_memory_limit(args.passphrase_memory);
    let keys = keys::load_file(&args.file, &passphrases)?;
    if keys.keys().len() < keys.recipients().len() {
        let what = format!("{}: a public key needs no paper", shown(&args.file));
        return Err(Failure::usage(what).hint("give the file with the secret key"));
    }
    let keys = keys.keys();
    let lines = paper::lines(&keys)?;
    let named: Vec<_> = keys.iter().map(paper::named).collect();
    if report.json {
        let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
        let ids: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
        report.result(&json!({
            "verb": "key export", "ok": true, "paper": lines, "key_ids": ids,
        }))?;
        return Ok(0);
    }
    let mut text = Zeroizing::new(String::with_capacity(4_096));
    text.push_str(
        "# keystead: a secret key on paper. Anyone who reads it can open what the key file opens.\n",
    );
    text.push_str("# Back to a file: keystead key import -o FILE, then type the lines below.\n");
    for name in named {
        text.push_str(&format!("# {name}\n"));
    }
    for line in &lines {
        text.push_str(line);
        text.push('\n');
    }
    report.print(&text)?;
    report.hint("print it and leave no file of it; `keystead key check` proves a copy");
    Ok(0)
}

pub(crate) fn import(args: &KeyImport, report: &Report) -> Result<u8> {
    staging::remove_leftovers(&args.output);
    keygen::refuse_existing(&args.output)?;
    if args.source.passphrase_fd == Some(0) {
        return Err(Failure::usage("--passphrase-fd 0: stdin is what the key is read from")
            .hint("--passphrase-fd 3 3< FILE"));
    }
    conflicts::take_stdin("the key")?;
    if io::stdin().is_terminal() {
        report.hint("type the lines of the paper, each with its letter and number");
    }
    let keys = read_typed()?;
    let mut text = keystead::KeyFile::from(&keys).expose_text()?;
    if args.passphrase || args.source.is_given() {
        let passphrase = Passphrases::new(&args.source)?.ask_new("the key file")?;
        text = Zeroizing::new(keystead::KeyFile::encrypt(&text, &passphrase)?);
    }
    keygen::write_secret(&args.output, &text, !args.no_sync)?;
    let ids: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
    let result =
        json!({ "verb": "key import", "ok": true, "output": shown(&args.output), "key_ids": ids });
    report.result(&result).map_err(|failure| keygen::is_made(failure, &args.output, None))?;
    for key in keys.iter() {
        report.hint(&format!("{}: {}", shown(&args.output), paper::named(key)));
    }
    Ok(0)
}

/// Reads lines from stdin, up to the last one of the paper.
fn read_typed() -> Result<Keys> {
    let mut reader = paper::Reader::default();
    let mut stdin = ReadOnce::new(io::stdin().lock()).take(MAX_TYPED);
    let mut line = Zeroizing::new(String::with_capacity(1_024));
    loop {
        line.clear();
        let read = stdin.read_line(&mut line).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                Failure::new(keystead::ErrorKind::KeyFile, "stdin: not a key on paper")
                    .hint("`keystead key export FILE` prints one")
            }
            _ => Failure::at("stdin", Error::from_io(error)),
        })?;
        if read == 0 {
            return Err(reader.missing());
        }
        if let Some(keys) = reader.take(&line)? {
            return Ok(keys);
        }
    }
}
