//! `encrypt`: each input becomes an object that any of the keys opens.

use std::ffi::OsStr;
use std::io::{Cursor, Read, Write as _};
use std::path::{Path, PathBuf};

use keystead::{Context, Detail, Encryptor, Error, Keyring};
use serde_json::json;
use zeroize::Zeroizing;

use super::existing::{self, Source, Standing};
use super::many::{Folders, Many, Outputs, Task, Told};
use super::{about_input, check_single_output, check_stdout, context, copy_in, records, room};
use crate::args::Encrypt;
use crate::failure::{Failure, Result};
use crate::input::{Input, Opened, read_full};
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
    let folders = Folders { taken: args.writing.recursive, objects: false, outputs: Some(outputs) };
    Many { verb: "encrypt", threads, folders, report }
        .run(&inputs, |task| one(args, task, &keys, &context, report))
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
    report: &Report,
) -> Result<Told> {
    let input = &task.input;
    let explicit = task.place.as_deref().or(args.writing.output.as_deref());
    let target = Target::of(explicit, input, with_ks)?;
    check_stdout(target == Target::Stdout, report)?;
    let (name, output) = (input.shown(), target.shown());
    let Opened { mut reader, len, id, mode, modified } = input.open()?;
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

    let mut head = Zeroizing::new(Vec::new());
    // Files of the system's own, as in /proc, claim to be empty.
    let mut stated = len.filter(|len| *len > 0);
    if stated.is_none() {
        head.resize(HEAD, 0);
        let read = read_full(&mut reader, &mut head);
        let read = read.map_err(|error| Failure::at(&name, Error::from_io(error)))?;
        head.truncate(read);
        stated = u64::try_from(read).ok().filter(|_| read < HEAD);
    }
    let mut reader = Cursor::new(&head[..]).chain(reader);
    let options = room(keys, context, stated, &args.records)?;
    let written = |error| Failure::at(&output, error);

    let (plaintext, floor) = if args.armor {
        let sink = Bounded(Vec::new());
        let mut sealed = Encryptor::with_options(sink, keys, context, &options)?;
        let floor = sealed.floor();
        let plaintext = copy_in(&mut reader, &mut sealed, &name, &output)?;
        let object = sealed.finish().map_err(|error| Failure::at(&name, error))?.0;
        let text = keystead::armor(&object);
        out.write_all(text.as_bytes()).map_err(|error| written(Error::from_io(error)))?;
        (plaintext, floor)
    } else {
        let sealed = Encryptor::with_options(out, keys, context, &options);
        let mut sealed = sealed.map_err(|error| match &error {
            Error::Io(_) => written(error),
            _ => Failure::from(error),
        })?;
        let floor = sealed.floor();
        let plaintext = copy_in(&mut reader, &mut sealed, &name, &output)?;
        out = sealed.finish().map_err(|error| match &error {
            Error::Io(io) if io.raw_os_error().is_some() => written(error),
            _ => about_input(Failure::at(&name, error)),
        })?;
        (plaintext, floor)
    };
    out.commit()?;
    let ids: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
    let value = json!({
        "output": output, "plaintext_len": plaintext, "key_ids": ids, "floor": floor.to_string(),
    });
    Ok(Told { hint: twice(input), ..Told::from(value) })
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
