//! `decrypt`: each object becomes its plaintext, and appears when all of it verified.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use keystead::{Expected, Keyring, Threads};

use super::demands::Demands;
use super::existing::{self, Standing};
use super::many::{Folders, Many, Outputs, Task, Told};
use super::{check_single_output, check_stdout, copy_out, details_json, for_each};
use crate::args::Decrypt;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::object::Object;
use crate::output::{Manner, Output, Target};
use crate::passphrase::Passphrases;
use crate::platform::PRIVATE;
use crate::report::{Report, shown};

pub(crate) fn run(args: &Decrypt, threads: usize, report: &Report) -> Result<u8> {
    let inputs = Input::list(&args.inputs)?;
    check_single_output(args.writing.output.as_deref(), &inputs)?;
    let demands = Demands::of(&args.demands, inputs.len(), args.writing.recursive)?;
    Passphrases::check_apart(args.keys.passphrase_fd, &inputs)?;
    let (keys, passphrases) = keys::to_open(&args.keys)?;
    passphrases.check_used()?;
    let root = args.writing.output.as_deref();
    let outputs = Outputs { root, name: without_ks, sync: !args.writing.no_sync };
    let each = for_each(&inputs, args.writing.recursive, threads);
    let folders = Folders { taken: args.writing.recursive, objects: true, outputs: Some(outputs) };
    Many { verb: "decrypt", threads, folders, report }
        .run(&inputs, |task| one(args, task, &keys, demands.expected(), (each, report)))
}

fn one(
    args: &Decrypt,
    task: &Task,
    keys: &Keyring,
    expected: Expected<'_>,
    (threads, report): (Threads, &Report),
) -> Result<Told> {
    let input = &task.input;
    // Before its output's name, so that a name that is none is told first.
    let object = Object::open(input)?;
    let explicit = task.place.as_deref().or(args.writing.output.as_deref());
    let target = Target::of(explicit, input, without_ks)?;
    check_stdout(target == Target::Stdout, report)?;
    let (name, output) = (input.shown(), target.shown());
    let mut force = args.writing.force;
    if let (Some(place), false) = (&task.place, force) {
        match existing::plaintext(place, &object)? {
            Standing::Free => {}
            Standing::Done => return Ok(existing::told(&output)),
            Standing::Older if args.writing.update => force = true,
            Standing::Older => return Err(existing::older(place)),
        }
    }
    let manner = Manner {
        force,
        sync: !args.writing.no_sync,
        // The provider chose the mode of what it stored; it does not choose who reads the
        // plaintext.
        mode: PRIVATE,
        not: object.id.clone(),
        text: true,
    };
    let mut out = Output::open(&target, manner)?;
    if args.buffer {
        out.hold_back();
    }
    let mut reader = object.plaintext(keys, expected)?;
    let len = copy_out(threads, &mut reader, &mut out, (&name, &output))?;
    out.commit()?;
    let mut value = details_json(reader.details());
    value["output"] = output.into();
    value["plaintext_len"] = len.into();
    Ok(value.into())
}

/// `report.pdf.ks` becomes `report.pdf`.
fn without_ks(path: &Path) -> Result<PathBuf> {
    if path.extension() == Some(OsStr::new("ks")) {
        return Ok(path.with_extension(""));
    }
    Err(Failure::usage(format!("{}: does not end in .ks, so its output has no name", shown(path)))
        .hint("name the output with -o, `-o -` for stdout"))
}
