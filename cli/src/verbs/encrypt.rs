//! `encrypt`: each input becomes an object that any of the keys opens.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use keystead::{
    ArmorWriter, Context, Detail, EncryptOptions, Encryptor, Error, Floor, Recipients, Threads,
};
use serde_json::json;

use super::batch::{Batch, Destination, Outcome, Task, TreeOptions};
use super::compare::{self, CompareRules, Comparison};
use super::deletion::Deletion;
use super::existing::{self, KeyChanges};
use super::obstacle::Planned;
use super::outputs::Outputs;
use super::{
    Names, check_stdout, encrypt_reader, header_options, make_records, parse_context, read_failure,
    threads_per_file,
};
use crate::args::Encrypt;
use crate::conflicts;
use crate::failure::{Failure, Result};
use crate::input::{FileState, Input, OpenInput, Reader};
use crate::keys::{self, KeyArgs, LoadedKeys};
use crate::opening_keys::OpeningKeys;
use crate::output::{Output, OutputOptions, Target};
use crate::passphrase::Passphrases;
use crate::positional::PositionalReader;
use crate::report::Report;
use crate::small_file::Buffers;
use crate::tree::FileOptions;

/// Maximum plaintext of armor, which readers hold in memory.
const MAX_ARMORED: u64 = 128 * 1024 * 1024;

/// What encrypting every input of a run needs.
struct Job<'a> {
    args: &'a Encrypt,
    outputs: &'a Outputs<'a>,
    /// The keys of the new objects.
    new: &'a Recipients,
    /// Those of them that can open.
    keys: &'a OpeningKeys,
    context: &'a Context,
    /// Threads for one file.
    threads: Threads,
    report: &'a Report,
}

/// What an object is made with.
#[derive(Clone, Copy)]
struct Recipe<'a> {
    recipients: &'a Recipients,
    context: &'a Context,
    options: &'a EncryptOptions,
}

/// An input that is read in order.
struct Source<'a> {
    /// What was read of it already.
    head: &'a [u8],
    rest: Reader,
    state: FileState,
}

pub(crate) fn run(args: &Encrypt, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list_once(&args.inputs)?;
    let outputs = Outputs::of(&args.writing, &inputs, with_ks)?;
    let context = parse_context(&args.context)?;
    let deletion = Deletion::plan(&args.deletion, &inputs, &outputs)?;
    if args.deletion.dry_run {
        return deletion.print(report).map(|()| 0);
    }
    let names = args.keys.iter().map(AsRef::as_ref);
    let names = names.chain(args.recipients.iter().map(AsRef::as_ref));
    keys::check_apart(names, args.source.passphrase_fd, &inputs)?;
    let planned = Planned {
        outputs: &outputs,
        force: args.writing.force,
        objects: false,
        text: args.armor,
        report,
    };
    let passphrases = Passphrases::new(&args.source)?
        .with_memory_limit(args.passphrase_memory)
        .with_runs(args.runs.passphrase_runs)
        .with_obstacle(planned.find_obstacle(&inputs, args.writing.recursive));
    let wanted =
        KeyArgs { keys: &args.keys, recipients: &args.recipients, passphrase: args.passphrase };
    let LoadedKeys { recipients, keys } = keys::load_to_encrypt(&wanted, &passphrases)?;
    let new = make_records(recipients, &args.records);
    passphrases.check_used()?;
    deletion.confirm(&args.deletion, report)?;
    if args.writing.force || args.writing.recursive {
        conflicts::register_inputs(&inputs);
    }
    let _prepared = outputs.prepare()?;
    let job = Job {
        args,
        outputs: &outputs,
        new: &new,
        keys: &OpeningKeys::from(keys),
        context: &context,
        threads: threads_per_file(&inputs, args.writing.recursive, threads),
        report,
    };
    let tree_options = TreeOptions {
        recursive: args.writing.recursive,
        listing: args.writing.listing,
        objects_only: false,
        destination: Destination::Tree(outputs),
    };
    let batch = Batch { verb: "encrypt", threads, tree_options, report };
    let work = |task: &Task, buffers: &mut Buffers| encrypt_input(&job, task, buffers);
    let tally = batch.run_and_end(&inputs, work, |publisher| deletion.carry_out(publisher))?;
    Ok(tally.code)
}

/// Returns `report.pdf.ks` for `report.pdf`.
fn with_ks(path: &Path) -> Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".ks");
    Ok(PathBuf::from(name))
}

fn encrypt_input(job: &Job<'_>, task: &Task, buffers: &mut Buffers) -> Result<Outcome> {
    let Job { args, outputs, new: recipients, keys, context, threads, report } = *job;
    let input = &task.input;
    let explicit = match &task.output_path {
        Some(output_path) => Some(output_path.path.clone()),
        None => outputs.file(input)?,
    };
    let target = Target::of(explicit.as_deref(), input, with_ks)?;
    check_stdout(target == Target::Stdout, report)?;
    let (name, output) = (input.shown(), target.shown());
    let opened = input.open()?;
    let state = opened.state();
    let OpenInput { mut reader, len, id, mode, modified } = opened;
    if args.armor && len.is_some_and(|len| len > MAX_ARMORED) {
        return Err(Failure::at(&name, armor_too_long()));
    }
    let mut force = args.writing.force;
    let mut key_changes = KeyChanges::default();
    let mut out = if let Some(output_path) = &task.output_path {
        if let Some(found) = existing::find_output(output_path, id.as_ref())? {
            let rules = CompareRules::of(&args.writing);
            if rules.compare() {
                let source = compare::Source {
                    name: &name,
                    reader: &mut reader,
                    len,
                    modified,
                    state,
                    recipients,
                    context,
                };
                let mut comparison =
                    Comparison { output_path, status: &found, keys, threads, buffers };
                let verdict = comparison.compare_object(&rules, source)?;
                if let Some(outcome) = rules.apply(&output, verdict)? {
                    return Ok(outcome);
                }
            }
            force = true;
            key_changes = existing::compare_keys(output_path, recipients);
        }
        Output::create_in_tree(
            output_path,
            FileOptions { mode, force, len, modified, replaces: None },
        )?
    } else {
        let options = OutputOptions {
            force,
            sync: !args.writing.no_sync,
            mode,
            not: id,
            modified: None,
            text: args.armor,
        };
        Output::open(&target, options)?
    };

    let names = Names { input: &name, output: &output };
    let head = buffers.read(&mut reader, len);
    let head = head.map_err(|error| Failure::at(&name, Error::from_io(error)))?;
    let stated = if head.whole { u64::try_from(head.len).ok() } else { len.filter(|len| *len > 0) };
    let options = header_options(recipients, context, stated, &args.records)?.threads(threads);
    let recipe = Recipe { recipients, context, options: &options };
    let mut made = None;
    if let (Reader::Regular(file), Some(len), false) = (&reader, stated, head.whole || args.armor) {
        made = encrypt_file(file, len, recipe, &mut out, names)?;
    }
    let (plaintext, floor) = if let Some(floor) = made {
        state.check(&name, &reader)?;
        (stated.unwrap_or(0), Some(floor))
    } else if head.whole && !args.armor && !report.json {
        state.check(&name, &reader)?;
        let object = buffers.encrypt(&head, recipients, context, &options)?;
        out.write_all(object).map_err(|error| Failure::at(&output, Error::from_io(error)))?;
        (stated.unwrap_or(0), None)
    } else {
        let source = Source { head: buffers.head(&head), rest: reader, state };
        let (plaintext, floor);
        (out, plaintext, floor) = if args.armor {
            encrypt_armored(source, recipe, out, names)?
        } else {
            encrypt_stream(source, recipe, out, names)?
        };
        (plaintext, Some(floor))
    };
    let staged = out.finish()?;
    let hints =
        double_encryption_hint(input).into_iter().chain(key_changes.hints(&output)).collect();
    let mut outcome = Outcome { hints, bytes: plaintext, staged, ..Outcome::default() };
    if report.json {
        let ids: Vec<_> = recipients.iter().map(|key| key.id().to_string()).collect();
        let floor = floor.map(|floor| floor.to_string());
        outcome.value = json!({
            "output": output, "plaintext_len": plaintext, "key_ids": ids, "floor": floor,
            "added": key_changes.added, "dropped": key_changes.dropped,
        });
    }
    Ok(outcome)
}

/// Encrypts a file to a file, every chunk at its offset. Returns nothing where the output cannot be
/// written that way.
fn encrypt_file(
    file: &File,
    len: u64,
    recipe: Recipe<'_>,
    out: &mut Output,
    names: Names<'_>,
) -> Result<Option<Floor>> {
    let Recipe { recipients, context, options } = recipe;
    let Names { input, output } = names;
    // Where the length exceeds usize, no space is reserved.
    let object = usize::try_from(len)
        .map_or(Ok(0), |len| keystead::encrypted_len(recipients, len, context, options))?;
    let Some(to) = out.positional_writer(u64::try_from(object).unwrap_or(0)) else {
        return Ok(None);
    };
    match keystead::encrypt_at(&PositionalReader(file), len, recipients, context, options, &to) {
        Ok(made) => Ok(Some(made.floor)),
        Err(error) if to.has_failed() => Err(Failure::at(output, error)),
        Err(error @ Error::Io(_)) => Err(read_failure(input, error)),
        Err(error) => Err(error.into()),
    }
}

/// Encrypts a stream to armor. Returns the output, the length of the plaintext and the floor.
fn encrypt_armored(
    source: Source<'_>,
    recipe: Recipe<'_>,
    out: Output,
    names: Names<'_>,
) -> Result<(Output, u64, Floor)> {
    let out = BoundedWriter { out: ArmorWriter::new(out), left: MAX_ARMORED };
    let (out, plaintext, floor) = encrypt_stream(source, recipe, out, names)?;
    let (out, _) = out.out.finish().map_err(|error| Failure::at(names.output, error))?;
    Ok((out, plaintext, floor))
}

/// Encrypts a stream in order. Returns the output, the length of the plaintext and the floor.
fn encrypt_stream<W: Write + Send>(
    source: Source<'_>,
    recipe: Recipe<'_>,
    out: W,
    names: Names<'_>,
) -> Result<(W, u64, Floor)> {
    let Recipe { recipients, context, options } = recipe;
    let Names { input, output } = names;
    let written = |error| Failure::at(output, error);
    let sealed = Encryptor::with_options(out, recipients, context, options);
    let mut sealed = sealed.map_err(|error| match &error {
        Error::Io(_) => written(error),
        _ => Failure::from(error),
    })?;
    let Source { head, mut rest, state } = source;
    let plaintext = encrypt_reader(head.chain(&mut rest), &mut sealed, names)?;
    // Before the last chunk, so that a reader of the output does not take it for an object.
    state.check(input, &rest)?;
    let made = sealed.finish().map_err(|error| match &error {
        Error::Io(io) if io.raw_os_error().is_some() => written(error),
        _ => read_failure(input, error),
    })?;
    Ok((made.out, plaintext, made.floor))
}

/// Returns a hint for an input that seems to be encrypted already. In a directory, everything is
/// taken as it is.
fn double_encryption_hint(input: &Input) -> Option<String> {
    let Input::File(path) = input else { return None };
    (path.extension() == Some(OsStr::new("ks")))
        .then(|| format!("{} ends in .ks: is it encrypted already?", input.shown()))
}

/// A writer that refuses objects too long for armor.
struct BoundedWriter<W> {
    out: W,
    left: u64,
}

impl<W: Write> Write for BoundedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(len).ok_or_else(armor_too_long)?;
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn armor_too_long() -> Error {
    let detail = Detail::new("more than 128 MiB to be written as text");
    Error::Limit(detail.hint("leave --armor away"))
}
