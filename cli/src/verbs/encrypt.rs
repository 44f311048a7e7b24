//! `encrypt`: each input becomes an object that any of the keys opens.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Cursor, Read, Write as _};
use std::path::{Path, PathBuf};

use keystead::{Context, Detail, Encryptor, Error, Floor, Keyring, Threads};
use serde_json::json;
use zeroize::Zeroizing;

use super::existing::{self, Source, Standing};
use super::many::{Folders, Many, Outputs, Task, Told};
use super::{
    about_input, check_single_output, check_stdout, context, copy_in, for_each, records, room,
};
use crate::args::Encrypt;
use crate::bulk::From;
use crate::failure::{Failure, Result};
use crate::input::{Input, Opened, Reader, read_full};
use crate::keys::{self, Wanted};
use crate::output::{Manner, Output, Target};
use crate::passphrase::Passphrases;
use crate::report::Report;

/// So much of a pipe is read before the header is written: a short one gets its length stated, a
/// long one gets room.
const HEAD: usize = 1_048_576;
/// Armor is made in memory.
const MAX_ARMORED: usize = 128 * 1024 * 1024;

pub(crate) fn run(args: &Encrypt, threads: usize, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    check_single_output(args.writing.output.as_deref(), &inputs)?;
    let context = context(&args.context)?;
    Passphrases::check_apart(args.passphrase_fd, &inputs)?;
    let passphrases = Passphrases::new(args.passphrase_fd)?;
    let wanted =
        Wanted { keys: &args.keys, recipients: &args.recipients, passphrase: args.passphrase };
    let keys = records(keys::to_encrypt(&wanted, &passphrases)?, &args.records);
    passphrases.check_used()?;
    let root = args.writing.output.as_deref();
    let outputs = Outputs { root, name: with_ks, sync: !args.writing.no_sync };
    let each = for_each(&inputs, args.writing.recursive, threads);
    let folders = Folders { taken: args.writing.recursive, objects: false, outputs: Some(outputs) };
    Many { verb: "encrypt", threads, folders, report }
        .run(&inputs, |task| one(args, task, &keys, &context, (each, report)))
}

/// `report.pdf` becomes `report.pdf.ks`.
fn with_ks(path: &Path) -> Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".ks");
    Ok(PathBuf::from(name))
}

fn one(
    args: &Encrypt,
    task: &Task,
    keys: &Keyring,
    context: &Context,
    (threads, report): (Threads, &Report),
) -> Result<Told> {
    let input = &task.input;
    let explicit = task.place.as_deref().or(args.writing.output.as_deref());
    let target = Target::of(explicit, input, with_ks)?;
    check_stdout(target == Target::Stdout, report)?;
    let (name, output) = (input.shown(), target.shown());
    let Opened { reader, len, id, mode, modified } = input.open()?;
    let mut force = args.writing.force;
    if let (Some(place), false) = (&task.place, force) {
        match existing::object(place, &Source { len, modified }, keys, context)? {
            Standing::Free => {}
            Standing::Done => return Ok(existing::told(&output)),
            Standing::Older if args.writing.update => force = true,
            Standing::Older => return Err(existing::older(place)),
        }
    }
    let manner = Manner { force, sync: !args.writing.no_sync, mode, not: id, text: args.armor };
    let mut out = Output::open(&target, manner)?;

    let names = (&*name, &*output);
    // Files of the system's own, as in /proc, claim to be empty.
    let stated = len.filter(|len| *len > 0);
    let mut placed = None;
    if let (Reader::Regular(file), Some(len), false) = (&reader, stated, args.armor) {
        placed = at_their_places(args, threads, (file, len), keys, context, &out, names)?;
    }
    let (plaintext, floor) = match placed {
        Some(placed) => placed,
        None => {
            let made;
            (out, made) = in_order(args, threads, (reader, stated), keys, context, out, names)?;
            made
        }
    };
    out.commit()?;
    let ids: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
    let value = json!({
        "output": output, "plaintext_len": plaintext, "key_ids": ids, "floor": floor.to_string(),
    });
    Ok(Told { hint: twice(input), ..Told::from(value) })
}

/// From a file to a file.
fn at_their_places(
    args: &Encrypt,
    threads: Threads,
    (file, len): (&File, u64),
    keys: &Keyring,
    context: &Context,
    out: &Output,
    (input, output): (&str, &str),
) -> Result<Option<(u64, Floor)>> {
    let options = room(keys, context, Some(len), &args.records)?;
    // Where memory is too small to count it, no room is taken beforehand.
    let object = usize::try_from(len)
        .map_or(Ok(0), |len| keystead::encrypted_len(keys, len, context, &options))?;
    let Some(to) = out.place(u64::try_from(object).unwrap_or(0)) else { return Ok(None) };
    let source = (&From(file), len);
    match keystead::encrypt_at(threads, source, keys, context, &options, &to) {
        Ok((_, floor)) => Ok(Some((len, floor))),
        Err(error) if to.has_failed() => Err(Failure::at(output, error)),
        Err(error @ Error::Io(_)) => Err(about_input(Failure::at(input, error))),
        Err(error) => Err(error.into()),
    }
}

/// From anything to anything; gives the output back.
fn in_order(
    args: &Encrypt,
    threads: Threads,
    (mut reader, mut stated): (Reader, Option<u64>),
    keys: &Keyring,
    context: &Context,
    mut out: Output,
    names: (&str, &str),
) -> Result<(Output, (u64, Floor))> {
    let (input, output) = names;
    let mut head = Zeroizing::new(Vec::new());
    if stated.is_none() {
        head.resize(HEAD, 0);
        let read = read_full(&mut reader, &mut head);
        let read = read.map_err(|error| Failure::at(input, Error::from_io(error)))?;
        head.truncate(read);
        stated = u64::try_from(read).ok().filter(|_| read < HEAD);
    }
    let reader = Cursor::new(&head[..]).chain(reader);
    let options = room(keys, context, stated, &args.records)?;
    let written = |error| Failure::at(output, error);
    if args.armor {
        let mut sealed = Encryptor::with_options(Bounded(Vec::new()), keys, context, &options)?;
        let floor = sealed.floor();
        let plaintext = copy_in(threads, reader, &mut sealed, names)?;
        let object = sealed.finish().map_err(|error| Failure::at(input, error))?.0;
        let text = keystead::armor(&object);
        out.write_all(text.as_bytes()).map_err(|error| written(Error::from_io(error)))?;
        return Ok((out, (plaintext, floor)));
    }
    let sealed = Encryptor::with_options(out, keys, context, &options);
    let mut sealed = sealed.map_err(|error| match &error {
        Error::Io(_) => written(error),
        _ => Failure::from(error),
    })?;
    let floor = sealed.floor();
    let plaintext = copy_in(threads, reader, &mut sealed, names)?;
    let out = sealed.finish().map_err(|error| match &error {
        Error::Io(io) if io.raw_os_error().is_some() => written(error),
        _ => about_input(Failure::at(input, error)),
    })?;
    Ok((out, (plaintext, floor)))
}

/// In a folder, everything is taken as it is.
fn twice(input: &Input) -> Option<String> {
    let Input::File(path) = input else { return None };
    (path.extension() == Some(OsStr::new("ks")))
        .then(|| format!("{} ends in .ks: is it encrypted already?", input.shown()))
}

/// A buffer that refuses to grow without end.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_ARMORED {
            let detail = Detail::new("more than 128 MiB to be written as text");
            return Err(Error::Limit(detail.hint("leave --armor away")).into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
