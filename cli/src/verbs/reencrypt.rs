//! `reencrypt`: a new object with a new data key takes the old one's place when it is complete.

use keystead::{Context, Error, Inspection, Keyring, Threads};
use serde_json::{Value, json};

use super::many::{Folders, Many, Told};
use super::{alone, existing};
use super::{context, details_json, expected, for_each, room};
use crate::args::Reencrypt;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::object::{Object, explained};
use crate::output::{Manner, Output, Target};
use crate::report::Report;
use crate::sidefile;

pub(crate) fn run(args: &Reencrypt, threads: usize, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    if inputs.contains(&Input::Stdin) {
        return Err(Failure::usage("reencrypt replaces files; stdin is none")
            .hint("in a pipe: `keystead decrypt … | keystead encrypt …`"));
    }
    let context = context(&args.context)?;
    let (old, passphrases) = keys::to_open(&args.keys)?;
    let new = keys::load(&args.to, &passphrases)?;
    let each = for_each(&inputs, args.recursive, threads);
    let folders = Folders { taken: args.recursive, objects: true, outputs: None };
    Many { verb: "reencrypt", threads, folders, report }
        .run(&inputs, |task| one((args, each), &task.input, &old, &new, &context))
}

fn one(
    (args, threads): (&Reencrypt, Threads),
    input: &Input,
    old: &Keyring,
    new: &Keyring,
    context: &Context,
) -> Result<Told> {
    let Some(path) = input.path() else { return Err(Failure::usage("stdin is not replaced")) };
    let object = Object::open(input)?;
    let (name, prefix, sync) = (object.name.clone(), object.prefix.clone(), !args.no_sync);
    if object.armored || !object.is_seekable() {
        return Err(Failure::usage(format!("{name}: only binary objects in files are replaced"))
            .hint("`keystead decrypt` it and `keystead encrypt` it again"));
    }
    let gone = |found: &Inspection| existing::none_opens(found, old, new);
    if matches!(input, Input::Entry(_)) && existing::changed(&object, new, gone) {
        return Ok(existing::told(&name));
    }
    let (len, mode, id) = (object.len, object.mode, object.id.clone());
    let Some((_, file)) = object.into_file() else {
        return Err(Failure::usage(format!("{name}: not a file")));
    };
    alone::hold(&file, path, id)?;
    let failed = |error| explained(&name, error, &prefix, old);

    // Finds out which header opens before anything is written.
    let (found, side) = sidefile::open(path, &file, |overlay| {
        keystead::Decryptor::new(overlay, old, expected(context))
            .map(|reader| reader.details().context.clone())
    })
    .map_err(failed)?;
    let whole = sidefile::Overlay::new(file, side).map_err(|error| Failure::io(path, error))?;
    // The header's own length is within the object's: near enough for the choice of room.
    let mut options = room(new, &found, len)?;
    if let Ok(stated) = keystead::inspect(&prefix, len) {
        options = match stated.plaintext_len {
            Some(plaintext) => room(new, &found, Some(plaintext))?,
            None => options,
        };
    }
    let target = path.canonicalize().map_err(|error| Failure::io(path, error))?;
    let manner = Manner { force: true, sync, mode, not: None, text: true };
    let out = Output::open(&Target::File(target), manner)?;
    let made = threads.reencrypt(whole, old, expected(context), new, &options, out);
    let (out, details) = made.map_err(|error| match error {
        Error::Io(_) => Failure::at(&name, error),
        error => failed(error),
    })?;
    out.commit()?;
    sidefile::remove(path, sync)?;
    let ids: Vec<_> = new.iter().map(|key| key.id().to_string()).collect();
    // R47: who is not named again is out, and it says so; the key that was given is meant to be.
    let by = details.opened_by.key_id.to_string();
    let mut dropped = not_carried_over(&prefix, &ids);
    dropped.retain(|way| *way != by);
    let mut told = Told::from(details_json(&details));
    if !dropped.is_empty() {
        told.hint = Some(format!("{name}: opens no longer with {}", dropped.join(", ")));
    }
    told.value["floor"] = Value::Null;
    told.value["output"] = json!(name);
    told.value["key_ids"] = json!(ids);
    told.value["dropped"] = json!(dropped);
    Ok(told)
}

/// The ways in of the old object that the new one has not.
fn not_carried_over(prefix: &[u8], new: &[String]) -> Vec<String> {
    let Ok(old) = keystead::inspect(prefix, None) else { return Vec::new() };
    let old = old.records.into_iter().map(|record| {
        record.key_id.map_or_else(|| format!("its {} record", record.kind), |id| id.to_string())
    });
    old.filter(|way| !new.contains(way)).collect()
}
