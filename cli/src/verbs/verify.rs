//! `verify`: reads whole objects, every chunk and the end, and writes nothing.

use keystead::{Expected, Grade, Keyring, Kind};

use super::many::{Folders, Many, Told};
use super::{context, copy_out, details_json, expected};
use crate::args::Verify;
use crate::failure::Result;
use crate::input::Input;
use crate::keys;
use crate::object::Object;
use crate::passphrase::Passphrases;
use crate::progress;
use crate::report::Report;

pub(crate) fn run(args: &Verify, threads: usize, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    let context = context(&args.context)?;
    Passphrases::check_apart(args.keys.passphrase_fd, &inputs)?;
    let (keys, passphrases) = keys::to_open(&args.keys)?;
    passphrases.check_used()?;
    let folders = Folders { taken: args.recursive, objects: true, outputs: None };
    Many { verb: "verify", threads, folders, report }
        .run(&inputs, |task| one(&task.input, &keys, expected(&context)))
}

/// Reads all of one object; tells which key opened it, and who can have made it.
pub(super) fn one(input: &Input, keys: &Keyring, expected: Expected<'_>) -> Result<Told> {
    let object = Object::open(input)?;
    let name = object.name.clone();
    let mut reader = object.decryptor(keys, expected)?;
    let len = copy_out(&mut reader, &mut progress::Sink, &name, "nowhere")?;
    let by = reader.details().opened_by;
    let maker = match by.grade {
        Grade::Held if by.kind == Kind::Passphrase => "made by someone who held or guessed it",
        Grade::Held => "made by someone who held it",
        Grade::Anyone => "anyone with its public half can have made it",
    };
    let key = match by.kind {
        Kind::Passphrase => "the passphrase".to_owned(),
        kind => format!("{} key {}", kind.name(), by.key_id),
    };
    let mut told = Told::from(details_json(reader.details()));
    told.bytes = len;
    told.value["plaintext_len"] = len.into();
    told.line = Some(format!("{name}: ok, {len} bytes, opened by {key}: {maker}"));
    Ok(told)
}
