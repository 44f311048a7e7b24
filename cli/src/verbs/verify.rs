//! `verify`: reads whole objects, every chunk and the end, and writes nothing.

use std::sync::OnceLock;

use keystead::{Expected, Grade, Keyring, Kind, MasterKey, Threads};

use super::demands::Demands;
use super::many::{Destination, Folders, Many, Told};
use super::{details_json, for_each};
use crate::args::Verify;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::object::Object;
use crate::progress;
use crate::report::Report;

pub(crate) fn run(args: &Verify, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    let demands = Demands::of(&args.demands, inputs.len(), args.recursive)?;
    keys::check_apart(args.keys.names(), args.keys.source.passphrase_fd, &inputs)?;
    let (keys, passphrases) = keys::to_open(&args.keys)?;
    passphrases.check_used()?;
    let each = for_each(&inputs, args.recursive, threads);
    let folders =
        Folders { taken: args.recursive, objects: true, destination: Destination::Nowhere };
    // A floor is of one object; where there are many, --json tells them.
    let single = inputs.len() == 1 && !args.recursive;
    let floor = OnceLock::new();
    let many = Many { verb: "verify", threads, folders, report };
    let code = many.run(&inputs, |task| {
        let told = one(each, &task.input, &keys, demands.expected())?;
        if single {
            let _ = floor.set(told.value["floor"].as_str().unwrap_or_default().to_owned());
        }
        Ok(told)
    })?;
    if let (Some(floor), Some(input)) = (floor.get(), inputs.first()) {
        report.line(&format!("{}: floor {floor}", input.shown()))?;
    }
    Ok(code)
}

/// Reads all of one object; tells which key opened it, and who can have made it.
pub(super) fn one(
    threads: Threads,
    input: &Input,
    keys: &Keyring,
    expected: Expected<'_>,
) -> Result<Told> {
    let object = Object::open(input)?;
    let name = object.name.clone();
    let mut reader = object.plaintext(keys, expected)?;
    let read = reader.copy_to(threads, |text| {
        progress::add(text.len());
        Ok(())
    });
    let len = read.map_err(|error| Failure::at(&name, error))?;
    let by = reader.details().opened_by;
    let maker = match by.grade {
        Grade::Held if by.kind == Kind::Passphrase => "made by someone who held or guessed it",
        Grade::Held => "made by someone who held it",
        Grade::Anyone => "anyone with its public half can have made it",
    };
    let mine = keys.iter().find(|key| key.kind() == by.kind && key.id() == by.key_id);
    let label = mine.map(MasterKey::label).filter(|label| !label.is_empty());
    let labelled = label.map(|label| format!(", “{label}”")).unwrap_or_default();
    let key = match by.kind {
        Kind::Passphrase => "the passphrase".to_owned(),
        kind => format!("{} key {}{labelled}", kind.name(), by.key_id),
    };
    let mut told = Told::from(details_json(reader.details()));
    told.bytes = len;
    told.value["opened_by"]["label"] = label.into();
    told.value["plaintext_len"] = len.into();
    told.line = Some(format!("{name}: ok, {len} bytes, opened by {key}: {maker}"));
    Ok(told)
}
