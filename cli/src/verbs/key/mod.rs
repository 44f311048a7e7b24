//! `key`: work on a key file. Here its public half and its passphrase.

pub(super) mod check;
pub(super) mod paper;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use crate::args::KeyFile;
use crate::attributes::Attributes;
use crate::failure::{Failure, Result};
use crate::keys;
use crate::output::{Output, OutputOptions};
use crate::passphrase::Passphrases;
use crate::platform::PRIVATE;
use crate::report::{Report, shown};

/// Prints the public halves, one a line.
pub(crate) fn public(args: &KeyFile, report: &Report) -> Result<u8> {
    let passphrases = Passphrases::new(&args.source)?.with_memory_limit(args.passphrase_memory);
    let keys = keys::load_file(&args.file, &passphrases)?;
    let public: Vec<_> = keys.public_keys().collect();
    if public.is_empty() {
        let what = format!("{}: a symmetric key has no public half", shown(&args.file));
        return Err(Failure::usage(what)
            .hint("`keystead keygen --kind pair` makes a key that others can encrypt for"));
    }
    let texts: Vec<_> = public.iter().map(|key| key.to_text()).collect();
    let ids: Vec<_> = public.iter().map(|key| key.id().to_string()).collect();
    if report.json {
        report.result(
            &json!({ "verb": "key public", "ok": true, "public": texts, "key_ids": ids }),
        )?;
    } else {
        report.print(&format!("{}\n", texts.join("\n")))?;
    }
    Ok(0)
}

/// Rewrites the key file under a passphrase. The old one stays until the new one is complete.
pub(crate) fn passphrase(args: &KeyFile, report: &Report) -> Result<u8> {
    check_is_file(&args.file)?;
    let passphrases = Passphrases::new(&args.source)?.with_memory_limit(args.passphrase_memory);
    let keys = keys::load_file(&args.file, &passphrases)?;
    if keys.keys().len() < keys.recipients().len() {
        let what = format!("{}: a public key is not encrypted", shown(&args.file));
        return Err(Failure::usage(what).hint("give the file with the secret key"));
    }
    let name = format!("the key file {}", shown(&args.file));
    let text = keys.expose_text()?;
    let text = keystead::KeyFile::encrypt(&text, &passphrases.ask_new(&name)?)?;
    // A link is followed: its target holds the secret that must be replaced.
    let path = args.file.canonicalize().map_err(|error| Failure::io(&args.file, error))?;
    let failed = |error| Failure::io(&path, error);
    let old = File::open(&path).and_then(|old| Attributes::of(&old)).map_err(failed)?.private();
    let options = OutputOptions {
        force: true,
        sync: true,
        mode: PRIVATE,
        not: None,
        modified: None,
        text: true,
    };
    let mut out = Output::replace(&path, options)?;
    out.write_all(text.as_bytes()).map_err(failed)?;
    let not_kept = out.copy_attributes(&old);
    out.commit()?;
    let result = json!({ "verb": "key passphrase", "ok": true, "output": shown(&args.file) });
    report.result(&result).map_err(|failure| {
        let what =
            format!("{} has its new passphrase, only the message is missing", shown(&args.file));
        Failure { silent: false, ..failure }.hint(what)
    })?;
    if old.other_names > 0 {
        report.hint(&format!(
            "{}: its other names (hard links) still hold the old key file; delete them",
            shown(&args.file)
        ));
    }
    if !not_kept.is_empty() {
        report.hint(&format!("the key file could not keep: {}", not_kept.join(", ")));
    }
    report.hint("the old bytes may still be on the disk and in backups");
    Ok(0)
}

/// Fails for anything but a file, before a passphrase is asked for.
fn check_is_file(path: &Path) -> Result<()> {
    let found = if path == Path::new("-") { None } else { path.metadata().ok() };
    if found.is_some_and(|found| !found.is_file() && !found.is_dir()) || path == Path::new("-") {
        let what = format!("{}: not a regular file, so it cannot be written anew", shown(path));
        return Err(Failure::usage(what).hint("name the key file itself"));
    }
    Ok(())
}
