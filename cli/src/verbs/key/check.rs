//! `key check`: a restore drill. A copy of a key, in a file or typed from paper, opens real objects
//! to their last byte, or it does not.

use std::path::Path;

use keystead::{KeyFile, Threads};
use serde_json::json;

use crate::args::KeyCheck;
use crate::demo::format_count;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys::{self, LoadedKeys};
use crate::opening_keys::OpeningKeys;
use crate::paper;
use crate::passphrase::Passphrases;
use crate::report::{Report, shown};
use crate::verbs::batch::{Batch, Destination, TreeOptions};
use crate::verbs::expectations::Expectations;
use crate::verbs::obstacle;
use crate::verbs::threads_per_file;
use crate::verbs::verify;

pub(crate) fn run(args: &KeyCheck, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    let expectations = Expectations::of(&args.expectations, inputs.len(), args.recursive)?;
    let passphrases = Passphrases::new(&args.source)?
        .with_memory_limit(args.passphrase_memory)
        .with_obstacle(obstacle::find(&inputs, args.recursive));
    let file = read_backup(&args.file, &passphrases)?;
    let recipients = file.recipients();
    let ids: Vec<_> = recipients.iter().map(|key| key.id().to_string()).collect();
    let keys = OpeningKeys::from(LoadedKeys { recipients, keys: file.keys() });
    let each = threads_per_file(&inputs, args.recursive, threads);
    let expected = expectations.expected().threads(each);
    let tree_options = TreeOptions {
        recursive: args.recursive,
        listing: args.listing,
        objects_only: true,
        destination: Destination::Nowhere,
    };
    let batch = Batch { verb: "key check", threads, tree_options, report };
    let tally = batch.run_and_tally(&inputs, |task, _| {
        verify::verify_object(&task.input, &keys, expected).map_err(without_passphrase)
    })?;
    let (code, objects) = (tally.code, tally.files);
    let name = shown(&args.file);
    if code == 0 {
        let opened = match objects {
            1 => "the object".to_owned(),
            objects => format!("all {} objects", format_count(objects)),
        };
        report.line(&format!("{name}: this copy opens {opened}"))?;
    }
    report.result(&json!({
        "verb": "key check", "key_file": name, "ok": code == 0, "objects": objects, "key_ids": ids,
    }))?;
    Ok(code)
}

/// Takes -p from a hint: this verb checks a copy of a key and does not open with a passphrase.
fn without_passphrase(failure: Failure) -> Failure {
    Failure { hint: failure.hint.map(|hint| hint.replace(" (-p)", "")), ..failure }
}

/// Reads a key file, or the text of a paper.
fn read_backup(path: &Path, passphrases: &Passphrases) -> Result<KeyFile> {
    let bytes = keys::read_file(path)?;
    let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| paper::is_paper(text)) else {
        return keys::parse_file(path, &bytes, passphrases);
    };
    let mut reader = paper::Reader::default();
    for line in text.lines() {
        if let Some(keys) = reader.take(line)? {
            return Ok(KeyFile::from(&keys));
        }
    }
    Err(reader.missing())
}
