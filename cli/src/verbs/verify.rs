//! `verify`: reads whole objects, every chunk and the end, and writes nothing.

use std::sync::OnceLock;

use keystead::{Expected, Provenance, Recipient, RecordKind, Threads};

use super::batch::{Batch, Destination, Outcome, TreeOptions};
use super::expectations::Expectations;
use super::{info_to_json, obstacle, threads_per_file};
use crate::args::Verify;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::object::Object;
use crate::opening_keys::OpeningKeys;
use crate::progress;
use crate::report::Report;

pub(crate) fn run(args: &Verify, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    let expectations = Expectations::of(&args.expectations, inputs.len(), args.recursive)?;
    keys::check_apart(args.keys.names(), args.keys.source.passphrase_fd, &inputs)?;
    let keys = keys::load_to_open(&args.keys, obstacle::find(&inputs, args.recursive))?;
    let each = threads_per_file(&inputs, args.recursive, threads);
    let expected = expectations.expected().threads(each);
    let tree_options = TreeOptions {
        recursive: args.recursive,
        listing: args.listing,
        objects_only: true,
        destination: Destination::Nowhere,
    };
    // A floor belongs to one object; for many objects, --json prints them.
    let single = inputs.len() == 1 && !args.recursive;
    let floor = OnceLock::new();
    let batch = Batch { verb: "verify", threads, tree_options, report };
    let code = batch.run(&inputs, |task| {
        let outcome = verify_object(&task.input, &keys, expected)?;
        if single {
            let _ = floor.set(outcome.value["floor"].as_str().unwrap_or_default().to_owned());
        }
        Ok(outcome)
    })?;
    if let (Some(floor), Some(input)) = (floor.get(), inputs.first()) {
        report.line(&format!("{}: floor {floor}", input.shown()))?;
    }
    Ok(code)
}

/// Reads a whole object. Reports which key opened it and who can have made it.
pub(super) fn verify_object(
    input: &Input,
    keys: &OpeningKeys,
    expected: Expected<'_>,
) -> Result<Outcome> {
    let object = Object::open(input)?;
    let name = object.name.clone();
    let mut reader = object.plaintext(keys, expected)?;
    let read = reader.copy_to(|text| {
        progress::add_bytes(text.len());
        Ok(())
    });
    let len = read.map_err(|error| Failure::at(&name, error))?;
    let by = reader.info().opened_by;
    let maker = match by.provenance {
        Provenance::Holder if by.kind == RecordKind::Passphrase => {
            "made by someone who held or guessed it"
        }
        Provenance::Holder => "made by someone who held it",
        Provenance::Anyone => "anyone with its public half can have made it",
    };
    let named = keys.at_hand();
    let mine = named.recipients.iter().find(|key| key.kind() == by.kind && key.id() == by.key_id);
    let label = mine.map(Recipient::label).filter(|label| !label.is_empty());
    let labelled = label.map(|label| format!(", “{label}”")).unwrap_or_default();
    let key = match by.kind {
        RecordKind::Passphrase => "the passphrase".to_owned(),
        kind => format!("{} key {}{labelled}", kind.name(), by.key_id),
    };
    let mut outcome = Outcome::from(info_to_json(reader.info()));
    outcome.bytes = len;
    outcome.value["opened_by"]["label"] = label.into();
    outcome.value["plaintext_len"] = len.into();
    outcome.line = Some(format!("{name}: ok, {len} bytes, opened by {key}: {maker}"));
    Ok(outcome)
}
