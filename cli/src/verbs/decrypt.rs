//! `decrypt`: each object becomes its plaintext, and appears when all of it verified.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use keystead::{Error, ErrorKind, Expected, Threads};
use serde_json::Value;

use super::batch::{Batch, Destination, Outcome, Task, TreeOptions};
use super::compare::{CompareRules, Comparison};
use super::existing;
use super::expectations::Expectations;
use super::obstacle::Planned;
use super::outputs::Outputs;
use super::{Names, check_stdout, copy_plaintext, info_to_json, threads_per_file};
use crate::args::Decrypt;
use crate::conflicts;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::object::Object;
use crate::opening_keys::OpeningKeys;
use crate::output::{Output, OutputOptions, Target};
use crate::platform::PRIVATE;
use crate::report::{Report, shown};
use crate::small_file::Buffers;
use crate::sparse::Writer;
use crate::tree::FileOptions;

/// A reader of a pipe does not see that it ended early.
const INCOMPLETE: &str =
    "what was written to stdout is incomplete; --buffer holds it back until all of it verified";

/// What decrypting every input of a run needs.
struct Job<'a> {
    args: &'a Decrypt,
    outputs: &'a Outputs<'a>,
    keys: &'a OpeningKeys,
    expected: Expected<'a>,
    /// Threads for one file.
    threads: Threads,
    report: &'a Report,
}

pub(crate) fn run(args: &Decrypt, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list_once(&args.inputs)?;
    let outputs = Outputs::of(&args.writing, &inputs, without_ks)?;
    let expectations = Expectations::of(&args.expectations, inputs.len(), args.writing.recursive)?;
    keys::check_apart(args.keys.names(), args.keys.source.passphrase_fd, &inputs)?;
    let planned =
        Planned { outputs: &outputs, force: args.writing.force, objects: true, text: true, report };
    let obstacle = planned.find_obstacle(&inputs, args.writing.recursive);
    let keys = keys::load_to_open(&args.keys, obstacle)?;
    if args.writing.force || args.writing.recursive {
        conflicts::register_inputs(&inputs);
    }
    let _prepared = outputs.prepare()?;
    let each = threads_per_file(&inputs, args.writing.recursive, threads);
    let job = Job {
        args,
        outputs: &outputs,
        keys: &keys,
        expected: expectations.expected().threads(each),
        threads: each,
        report,
    };
    let tree_options = TreeOptions {
        recursive: args.writing.recursive,
        listing: args.writing.listing,
        objects_only: true,
        destination: Destination::Tree(outputs),
    };
    Batch { verb: "decrypt", threads, tree_options, report }
        .run_with(&inputs, |task, buffers| decrypt_input(&job, task, buffers))
}

fn decrypt_input(job: &Job<'_>, task: &Task, buffers: &mut Buffers) -> Result<Outcome> {
    let Job { args, outputs, keys, expected, threads, report } = *job;
    let input = &task.input;
    // Opened before the output is named, so that a wrong input name is reported first.
    let mut opened = Object::open_input(input)?;
    let explicit = match &task.output_path {
        Some(output_path) => Some(output_path.path.clone()),
        None => outputs.file(input)?,
    };
    let target = Target::of(explicit.as_deref(), input, without_ks)?;
    check_stdout(target == Target::Stdout, report)?;
    let (name, output) = (input.shown(), target.shown());
    let mut force = args.writing.force;
    // The provider chose the mode of what it stored; it does not choose who reads the plaintext.
    let mode = PRIVATE;
    let mut out = if let Some(output_path) = &task.output_path {
        if let Some(found) = existing::find_output(output_path, opened.id.as_ref())? {
            let rules = CompareRules::of(&args.writing);
            if rules.compare() {
                let mut comparison =
                    Comparison { output_path, status: &found, keys, threads, buffers };
                let verdict = comparison.compare_plaintext(&rules, input, expected)?;
                if let Some(outcome) = rules.apply(&output, verdict)? {
                    return Ok(outcome);
                }
            }
            force = true;
        }
        let (len, modified) = (opened.len, opened.modified);
        Output::create_in_tree(
            output_path,
            FileOptions { mode, force, len, modified, replaces: None },
        )?
    } else {
        let not = opened.id.clone();
        let options = OutputOptions {
            force,
            sync: !args.writing.no_sync,
            mode,
            not,
            modified: None,
            text: true,
        };
        Output::open(&target, options)?
    };
    // A stream shows plaintext up to a damaged chunk, so it is not decrypted whole.
    let whole = match out.shows_at_once() && !args.buffer {
        true => None,
        false => buffers.decrypt(input, &mut opened, keys, expected)?,
    };
    let mut value;
    let bytes;
    if let Some((text, details)) = whole {
        let mut writer = Writer::new(&mut out, args.sparse);
        let written = writer.write_all(&text).and_then(|()| writer.finish());
        written.map_err(|error| Failure::at(&output, Error::from_io(error)))?;
        bytes = u64::try_from(text.len()).unwrap_or(0);
        value = if report.json { info_to_json(&details) } else { Value::Null };
    } else {
        let mut reader = Object::of(input, opened)?.plaintext(keys, expected)?;
        if args.buffer {
            let len = reader.len().map_err(|error| Failure::at(&name, error))?;
            out.hold_back(len).map_err(|error| Failure::at(&name, error))?;
        }
        let names = Names { input: &name, output: &output };
        let copied = copy_plaintext(&mut reader, &mut out, args.sparse, names);
        bytes = copied.map_err(|failure| match (failure.class, &target) {
            (ErrorKind::Auth, Target::Stdout) if !args.buffer => failure.hint(INCOMPLETE),
            _ => failure,
        })?;
        value = if report.json { info_to_json(reader.info()) } else { Value::Null };
    }
    let staged = out.finish()?;
    if report.json {
        value["output"] = output.into();
        value["plaintext_len"] = bytes.into();
    }
    Ok(Outcome { bytes, staged, value, ..Outcome::default() })
}

/// Returns `report.pdf` for `report.pdf.ks`.
fn without_ks(path: &Path) -> Result<PathBuf> {
    if path.extension() == Some(OsStr::new("ks")) {
        return Ok(path.with_extension(""));
    }
    Err(Failure::usage(format!("{}: does not end in .ks, so its output has no name", shown(path)))
        .hint("name the output with -o, `-o -` for stdout"))
}
