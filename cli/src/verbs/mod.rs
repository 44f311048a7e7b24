//! The verbs, one per file, and what they share: parsing the context, copying.

mod batch;
mod cat;
mod change;
mod compare;
mod config;
mod decrypt;
mod deletion;
mod encrypt;
mod existing;
mod expectations;
mod file_lock;
mod generate;
mod inspect;
mod key;
mod keygen;
mod obstacle;
mod outputs;
mod publisher;
mod question;
mod record_summary;
mod reencrypt;
mod repeats;
mod replacement;
mod rewrap;
mod tally;
mod verify;

use std::io::{self, IoSliceMut, Read, Write};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use keystead::{
    Context, EncryptOptions, Encryptor, Error, ErrorKind, ObjectInfo, Recipients, Threads,
};
use serde_json::{Value, json};

use crate::args::{Cli, Config, Key, Records, Sparse, Verb};
use crate::demo;
use crate::failure::{Failure, Result};
use crate::input::{self, Input};
use crate::object::Plaintext;
use crate::output::Output;
use crate::permissions;
use crate::report::Report;
use crate::sparse::{Holes, Writer};
use crate::stdio;

/// Plaintext length from which a header has room for later keys, so that a rewrap works in place.
const ROOM_FROM: u64 = 1_048_576;
/// Length of such a header: three public-key records, and the body begins near a page.
const ROOM: usize = 4_096;
/// Printed after a dry run.
const DRY_RUN: &str = "this was a dry run: nothing was written";
/// More threads would not be faster.
const MAX_THREADS: usize = 256;

/// Runs one verb and returns the exit code.
pub(crate) fn run(args: &Cli, report: &Report) -> Result<u8> {
    let threads = threads(args.threads);
    let secret = matches!(&args.verb, Verb::Keygen(_) | Verb::Decrypt(_) | Verb::Key(_));
    let end = match &args.verb {
        Verb::Keygen(args) => keygen::run(args, report),
        Verb::Encrypt(args) => encrypt::run(args, threads, report),
        Verb::Decrypt(args) => decrypt::run(args, threads, report),
        Verb::Cat(args) => cat::run(args, threads, report),
        Verb::Inspect(args) => inspect::run(args, threads, report),
        Verb::Verify(args) => verify::run(args, threads, report),
        Verb::Rewrap(args) => rewrap::run(args, threads, report),
        Verb::Reencrypt(args) => reencrypt::run(args, threads, report),
        Verb::Key(Key::Public(args)) => key::public(args, report),
        Verb::Key(Key::Passphrase(args)) => key::passphrase(args, report),
        Verb::Key(Key::Export(args)) => key::paper::export(args, report),
        Verb::Key(Key::Import(args)) => key::paper::import(args, report),
        Verb::Key(Key::Check(args)) => key::check::run(args, threads, report),
        Verb::Config(Config::Show(show)) => config::show(show, args.threads, report),
        Verb::Demo(args) => demo::run(args, report),
        Verb::Completions(args) => generate::completions(args, report),
        Verb::Man(args) => generate::man(args, report),
    };
    // Objects are not secret.
    if secret {
        permissions::warn_of_exposed(report);
    }
    end
}

/// Adds a hint where a verb takes only files and got a directory.
fn add_directory_hint(failure: Failure) -> Failure {
    match failure.class {
        ErrorKind::Usage => failure.hint("name the files in it"),
        _ => failure,
    }
}

/// Returns the requested number of threads, or one per core.
fn threads(asked: Option<NonZeroUsize>) -> Threads {
    asked.map_or(Threads::available(), |asked| Threads::new(asked.get().min(MAX_THREADS)))
}

/// Returns the threads for one file: all for a single input, at most two for many inputs.
fn threads_per_file(inputs: &[Input], recursive: bool, threads: Threads) -> Threads {
    let alone = inputs.len() == 1 && !recursive;
    if alone || threads == Threads::ONE { threads } else { Threads::new(2) }
}

/// Parses `-c name=value` pairs. Fails on a duplicate name.
fn parse_context(pairs: &[String]) -> Result<Context> {
    let mut context = Context::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("-c {pair}: a pair is name=value"))
                .hint("for a name without a value: -c name="));
        };
        if context.get(name).is_some() {
            return Err(
                Failure::usage(format!("-c {name} is given twice")).hint("a name has one value")
            );
        }
        context = context.with(name, value);
    }
    Ok(context)
}

/// Fails where results and plaintext would share stdout, or stdout is closed.
fn check_stdout(to_stdout: bool, report: &Report) -> Result<()> {
    if to_stdout {
        stdio::check_stdout().map_err(|failure| {
            failure.hint("-o FILE writes the output to a file; `> /dev/null` throws it away")
        })?;
    }
    if to_stdout && report.json {
        return Err(Failure::usage("--json and the output cannot both go to stdout")
            .hint("-o FILE writes the output to a file"));
    }
    Ok(())
}

/// Returns the recipients of new records, with or without their ids.
fn make_records(recipients: Recipients, records: &Records) -> Recipients {
    if !records.anonymous {
        return recipients;
    }
    // A label would reveal the owner.
    recipients.into_iter().map(|recipient| recipient.anonymous().with_label("")).collect()
}

/// Returns options with the header length: exact for plaintext below 1 MiB, with spare room
/// otherwise.
fn header_options(
    recipients: &Recipients,
    context: &Context,
    len: Option<u64>,
    records: &Records,
) -> Result<EncryptOptions> {
    let mut options =
        len.map_or_else(EncryptOptions::new, |len| EncryptOptions::new().plaintext_len(len));
    if records.unlinkable {
        options = options.unlinkable();
    }
    if len.is_some_and(|len| len < ROOM_FROM) {
        return Ok(options);
    }
    let exact = options.exact_header_len(recipients, context)?;
    Ok(options.header_len(exact.max(ROOM)))
}

/// The names of an input and of its output in messages.
#[derive(Clone, Copy)]
struct Names<'a> {
    input: &'a str,
    output: &'a str,
}

/// Copies the whole plaintext and returns its length. Threads write to a file of our own at any
/// offset; other outputs are written in order. A read error names the input, a write error the
/// output.
fn copy_plaintext(
    plaintext: &mut Plaintext,
    out: &mut Output,
    sparse: Sparse,
    names: Names<'_>,
) -> Result<u64> {
    let Names { input, output } = names;
    let holes = out.file().and_then(|file| Holes::of(sparse, file));
    if let (Plaintext::Seekable(reader), Output::File(_) | Output::InTree(_)) =
        (&mut *plaintext, &*out)
    {
        let len = reader.verified_len().map_err(|error| Failure::at(input, error))?;
        if let Some(to) = out.positional_writer(len).map(|to| to.with_holes(holes)) {
            let copied = reader.copy_at(&to);
            let failed = |error| Failure::at(if to.has_failed() { output } else { input }, error);
            let len = copied.map_err(failed)?;
            to.finish().map_err(|error| Failure::at(output, Error::from_io(error)))?;
            return Ok(len);
        }
    }
    let mut name = input;
    let mut writer = Writer::new(out, sparse);
    let copied = plaintext.copy_to(|text| {
        writer.write_all(text).inspect_err(|_| name = output)?;
        Ok(())
    });
    let len = copied.map_err(|error| Failure::at(name, error))?;
    writer.finish().map_err(|error| Failure::at(output, Error::from_io(error)))?;
    Ok(len)
}

/// Encrypts everything that a reader yields and returns the length of the plaintext. A system error
/// names the output unless reading caused it; any other error names the input.
fn encrypt_reader<W: Write + Send>(
    reader: impl Read + Send,
    out: &mut Encryptor<W>,
    names: Names<'_>,
) -> Result<u64> {
    let Names { input, output } = names;
    let failed = AtomicBool::new(false);
    let copied = out.copy_from(WatchedReader { reader, failed: &failed });
    copied.map_err(|error| match &error {
        Error::Io(io) if io.raw_os_error().is_some() && !failed.load(Ordering::Relaxed) => {
            Failure::at(output, error)
        }
        _ => read_failure(input, error),
    })
}

/// A reader that remembers whether it failed.
struct WatchedReader<'a, R> {
    reader: R,
    failed: &'a AtomicBool,
}

impl<R> WatchedReader<'_, R> {
    fn watch(&self, read: io::Result<usize>) -> io::Result<usize> {
        read.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.failed.store(true, Ordering::Relaxed);
            }
        })
    }
}

impl<R: Read> Read for WatchedReader<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(out);
        self.watch(read)
    }

    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let read = self.reader.read_vectored(out);
        self.watch(read)
    }
}

/// Returns the failure of reading an input. Without a number of the system, its length differs from
/// that of the file when it was opened.
fn read_failure(name: &str, error: Error) -> Failure {
    match &error {
        Error::Io(io) if io.raw_os_error().is_some() => Failure::at(name, error),
        Error::Io(_) | Error::Usage(_) => input::changed(name),
        _ => Failure::at(name, error),
    }
}

/// Returns the fields of `--json` about how an object was opened.
fn info_to_json(details: &ObjectInfo) -> Value {
    let by = details.opened_by;
    json!({
        "opened_by": { "kind": by.kind.name(), "key_id": by.key_id.to_string(), "grade": by.provenance },
        "context": details.context.iter().collect::<std::collections::BTreeMap<_, _>>(),
        "generation": details.floor.generation,
        "floor": details.floor.to_string(),
    })
}
