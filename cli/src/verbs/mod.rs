//! The verbs, one a file, and what they share: the context asked for, copying.

mod alone;
mod cat;
mod decrypt;
mod encrypt;
mod existing;
mod generate;
mod inspect;
mod key;
mod keygen;
mod many;
mod reencrypt;
mod rewrap;
mod settle;
mod tally;
mod verify;

use std::io::{BufRead, Read, Write};
use std::num::NonZeroUsize;

use keystead::{Context, Decryptor, Details, Error, ErrorClass, Expected, Keyring, Options};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::args::{Cli, Key, Verb};
use crate::demo;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::report::Report;

/// From this plaintext length on, a header has room for later keys (a rewrap in place instead of a
/// copy).
const ROOM_FROM: u64 = 1_048_576;
/// Bytes of such a header: three public-key records, and the body begins near a page.
const ROOM: usize = 4_096;
/// More would not be faster.
const MAX_THREADS: usize = 256;

/// Runs one verb; gives the exit code.
pub(crate) fn run(args: &Cli, report: &Report) -> Result<u8> {
    let threads = threads(args.threads);
    match &args.verb {
        Verb::Keygen(args) => keygen::run(args, report),
        Verb::Encrypt(args) => encrypt::run(args, threads, report),
        Verb::Decrypt(args) => decrypt::run(args, threads, report),
        Verb::Cat(args) => cat::run(args, report),
        Verb::Inspect(args) => inspect::run(args, report),
        Verb::Verify(args) => verify::run(args, threads, report),
        Verb::Rewrap(args) => rewrap::run(args, threads, report),
        Verb::Reencrypt(args) => reencrypt::run(args, threads, report),
        Verb::Key(Key::Public(args)) => key::public(args, report),
        Verb::Key(Key::Passphrase(args)) => key::passphrase(args, report),
        Verb::Key(Key::Export(args)) => key::paper::export(args, report),
        Verb::Key(Key::Import(args)) => key::paper::import(args, report),
        Verb::Key(Key::Check(args)) => key::check::run(args, threads, report),
        Verb::Demo(args) => demo::run(args, report),
        Verb::Completions(args) => generate::completions(args, report),
        Verb::Man(args) => generate::man(args, report),
    }
}

/// As many as asked for, or as there are cores.
fn threads(asked: Option<NonZeroUsize>) -> usize {
    let most = |threads: NonZeroUsize| threads.get().min(MAX_THREADS);
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, most), most)
}

/// `-c name=value`, none twice.
fn context(pairs: &[String]) -> Result<Context> {
    let mut context = Context::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("-c {pair}: a pair is name=value"))
                .hint("for a name without a value: -c name="));
        };
        if context.get(name).is_some() {
            return Err(Failure::usage(format!("-c {name} is given twice")));
        }
        context = context.with(name, value);
    }
    Ok(context)
}

/// The pairs given must be among the object's; without any, every context is taken.
fn expected(context: &Context) -> Expected<'_> {
    if context.is_empty() { Context::unchecked() } else { context.included() }
}

/// A name for the output needs one input.
fn check_single_output(output: Option<&std::path::Path>, inputs: &[Input]) -> Result<()> {
    if output.is_none() || inputs.len() == 1 {
        return Ok(());
    }
    Err(Failure::usage(format!("-o names one output, but {} inputs are given", inputs.len()))
        .hint("without -o, each output is named after its input"))
}

/// Results and plaintext cannot share stdout.
fn check_stdout(to_stdout: bool, report: &Report) -> Result<()> {
    if to_stdout && report.json {
        return Err(Failure::usage("--json and the output cannot both go to stdout")
            .hint("-o FILE writes the output to a file"));
    }
    Ok(())
}

/// Header length by plaintext length: exact below 1 MiB, with room from there and where it is not
/// known.
fn room(keys: &Keyring, context: &Context, len: Option<u64>) -> Result<Options> {
    let options = len.map_or_else(Options::new, |len| Options::new().plaintext_len(len));
    if len.is_some_and(|len| len < ROOM_FROM) {
        return Ok(options);
    }
    let exact = keystead::header_len(keys, context, &options)?;
    Ok(options.header_len(exact.max(ROOM)))
}

/// Copies everything that verified; says how much. A reading error is the input's, a writing error
/// the output's.
fn copy_out(
    reader: &mut Decryptor<impl Read>,
    out: &mut impl Write,
    input: &str,
    output: &str,
) -> Result<u64> {
    let mut total = 0;
    loop {
        let text = reader.fill_buf().map_err(|e| Failure::at(input, Error::from_io(e)))?;
        if text.is_empty() {
            return Ok(total);
        }
        out.write_all(text).map_err(|error| Failure::at(output, Error::from_io(error)))?;
        let len = text.len();
        reader.consume(len);
        total += u64::try_from(len).unwrap_or(0);
    }
}

/// Copies plaintext into an encryptor through a buffer that is wiped.
fn copy_in(reader: &mut impl Read, out: &mut impl Write, input: &str, output: &str) -> Result<u64> {
    let mut buffer = Zeroizing::new(vec![0; 65_536]);
    let mut total = 0;
    loop {
        let len = crate::input::read_full(reader, &mut buffer)
            .map_err(|error| Failure::at(input, Error::from_io(error)))?;
        if len == 0 {
            return Ok(total);
        }
        out.write_all(&buffer[..len]).map_err(|error| {
            // Without a number of the system's it is the encryptor's, and that is about the input.
            match error.raw_os_error() {
                Some(_) => Failure::at(output, Error::from_io(error)),
                None => about_input(Failure::at(input, Error::from_io(error))),
            }
        })?;
        total += u64::try_from(len).unwrap_or(0);
    }
}

/// A stated length that did not come true means that somebody wrote to the input.
fn about_input(failure: Failure) -> Failure {
    match failure.class {
        ErrorClass::Io => failure.or_hint("the input changed while it was read; run it again"),
        _ => failure,
    }
}

/// Which key opened, for `--json`.
fn details_json(details: &Details) -> Value {
    let by = details.opened_by;
    json!({
        "opened_by": { "kind": by.kind.name(), "key_id": by.key_id.to_string(), "grade": by.grade },
        "context": details.context.iter().collect::<std::collections::BTreeMap<_, _>>(),
        "floor": {
            "commitment": hex(&details.floor.commitment),
            "generation": details.floor.generation,
            "tag": hex(&details.floor.tag),
        },
    })
}

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
