//! `cat`: the plaintext, or a range of it, to stdout. Only verified bytes come out.

use std::collections::VecDeque;
use std::io::{BufRead as _, Read, Write};

use keystead::{Decryptor, Detail, Error, ErrorKind, RangeReader, Threads};

use super::expectations::Expectations;
use super::{Names, add_directory_hint, check_stdout, copy_plaintext, obstacle};
use crate::args::{Cat, Sparse};
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::object::{Object, Plaintext, ReadSeek};
use crate::output::{Output, OutputOptions, Target};
use crate::platform::PRIVATE;
use crate::report::Report;

/// Maximum tail of a pipe, which is kept in memory.
const MAX_TAIL: u64 = 64 * 1024 * 1024;
/// The most that the decryptor returns at a time.
const CHUNK: usize = 65_536;

/// Printed after a prefix of the output.
const INCOMPLETE: &str = "what was written to stdout is authentic but incomplete; --buffer holds it back until all of it has verified";

/// A range as in HTTP (RFC 9110 section 14.1.2), with an inclusive end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    All,
    From(u64),
    Between(u64, u64),
    Last(u64),
}

pub(crate) fn run(args: &Cat, threads: Threads, report: &Report) -> Result<u8> {
    check_stdout(true, report).map_err(|failure| match failure.class {
        ErrorKind::Usage => failure.hint("leave --json away: what cat prints is the plaintext"),
        _ => failure.hint("`keystead decrypt -o FILE` writes a file"),
    })?;
    let range = args.range.as_deref().map_or(Ok(Range::All), parse_range)?;
    let expectations = Expectations::of(&args.expectations, 1, false)?;
    let inputs = Input::list(args.input.as_slice())?;
    keys::check_apart(args.keys.names(), args.keys.source.passphrase_fd, &inputs)?;
    let obstacle = obstacle::find(&inputs, false).map(add_directory_hint);
    let keys = keys::load_to_open(&args.keys, obstacle)?;
    let Some(input) = inputs.first() else { return Err(Failure::usage("no input")) };
    let object = Object::open(input).map_err(add_directory_hint)?;
    let options = OutputOptions {
        force: false,
        sync: false,
        mode: PRIVATE,
        not: None,
        modified: None,
        text: true,
    };
    let mut out = Output::open(&Target::Stdout, options)?;
    let name = object.name.clone();
    let plaintext = object.plaintext(&keys, expectations.expected().threads(threads))?;
    Copy { name: &name, range, buffer: args.buffer }.write(plaintext, &mut out)?;
    out.commit().map(|()| 0)
}

/// What is copied to stdout, and when.
struct Copy<'a> {
    /// The name of the object in messages.
    name: &'a str,
    range: Range,
    /// Whether nothing is shown before all of it has verified.
    buffer: bool,
}

impl Copy<'_> {
    fn write(&self, mut plaintext: Plaintext, out: &mut Output) -> Result<()> {
        let name = self.name;
        if self.range == Range::All {
            let len =
                if self.buffer { plaintext.len().map_err(|e| Failure::at(name, e))? } else { None };
            self.hold_back(len, out)?;
            let names = Names { input: name, output: "stdout" };
            let copied = copy_plaintext(&mut plaintext, out, Sparse::Never, names);
            return copied.map(|_| ()).map_err(|failure| self.explain(failure));
        }
        match plaintext {
            Plaintext::Seekable(reader) => self.write_range(reader, out),
            Plaintext::Stream(mut reader) => {
                self.hold_back(None, out)?;
                let written = write_sequential(&mut reader, self.range, out, name);
                written.map_err(|failure| self.explain(failure))
            }
        }
    }

    fn write_range(
        &self,
        mut reader: RangeReader<Box<dyn ReadSeek>>,
        out: &mut Output,
    ) -> Result<()> {
        // R33: only a verified end can say where a range ends, or that it begins after the end.
        let end = reader.verified_len().map_err(|error| Failure::at(self.name, error))?;
        let wanted = self.range.within(end);
        if wanted.start >= end && !matches!(self.range, Range::Last(_) | Range::From(0)) {
            return Err(range_past_end(self.name, wanted.start, end));
        }
        self.hold_back(Some(wanted.end.min(end).saturating_sub(wanted.start)), out)?;
        let mut blamed = self.name;
        let copied = reader.copy_range(wanted, |text| {
            out.write_all(text).inspect_err(|_| blamed = "stdout")?;
            Ok(())
        });
        copied.map(|_| ()).map_err(|error| self.explain(Failure::at(blamed, error)))
    }

    /// Adds a hint that the output is incomplete, which a reader of a pipe cannot see.
    fn explain(&self, failure: Failure) -> Failure {
        match failure.class {
            ErrorKind::Auth if !self.buffer => failure.hint(INCOMPLETE),
            _ => failure,
        }
    }

    /// Holds `len` bytes back, if that is asked for.
    fn hold_back(&self, len: Option<u64>, out: &mut Output) -> Result<()> {
        let held = if self.buffer { out.hold_back(len) } else { Ok(()) };
        held.map_err(|error| Failure::at(self.name, error))
    }
}

impl Range {
    /// Returns the bytes of a plaintext of this length. They may end after it.
    const fn within(self, len: u64) -> std::ops::Range<u64> {
        match self {
            Self::All => 0..len,
            Self::From(start) => start..len,
            Self::Between(start, last) => start..last.saturating_add(1),
            Self::Last(count) => len.saturating_sub(count)..len,
        }
    }
}

/// Writes a range of a pipe. Bytes before the range are verified and dropped.
fn write_sequential(
    reader: &mut Decryptor<impl Read>,
    range: Range,
    out: &mut impl Write,
    name: &str,
) -> Result<()> {
    let (start, last) = match range {
        Range::All => (0, u64::MAX),
        Range::From(start) => (start, u64::MAX),
        Range::Between(start, last) => (start, last),
        Range::Last(len) => return write_tail(reader, len, out, name),
    };
    let mut position: u64 = 0;
    while position <= last {
        let text = reader.fill_buf().map_err(|e| Failure::at(name, Error::from_io(e)))?;
        if text.is_empty() {
            // The whole of an empty plaintext is empty.
            if position <= start && range != Range::From(0) {
                return Err(range_past_end(name, start, position));
            }
            break;
        }
        let skip = usize::try_from(start.saturating_sub(position)).unwrap_or(usize::MAX);
        let room = usize::try_from((last - position).saturating_add(1)).unwrap_or(usize::MAX);
        let len = text.len();
        let part = &text[skip.min(len)..room.min(len)];
        out.write_all(part).map_err(|error| Failure::at("stdout", Error::from_io(error)))?;
        reader.consume(len);
        position += u64::try_from(len).unwrap_or(0);
    }
    Ok(())
}

fn write_tail(
    reader: &mut Decryptor<impl Read>,
    len: u64,
    out: &mut impl Write,
    name: &str,
) -> Result<()> {
    let keep = usize::try_from(len).ok().filter(|_| len <= MAX_TAIL).ok_or_else(|| {
        let detail = Detail::new("more than the last 64 MiB of a pipe");
        Failure::at(name, Error::Limit(detail.hint("give the file by its name")))
    })?;
    // Reserved at once, so that growing leaves no copy: the wanted length and one chunk.
    let stated = reader.info().plaintext_len.and_then(|len| usize::try_from(len).ok());
    let most = stated.map_or(keep, |len| keep.min(len)).saturating_add(CHUNK);
    let mut kept = TailBuffer(VecDeque::new());
    let TailBuffer(kept) = &mut kept;
    kept.try_reserve_exact(most).map_err(|_| {
        let detail = Detail::new(format!("{most} bytes cannot be allocated"));
        Failure::at(name, Error::Limit(detail.hint("give the file by its name")))
    })?;
    loop {
        let text = reader.fill_buf().map_err(|e| Failure::at(name, Error::from_io(e)))?;
        if text.is_empty() {
            break;
        }
        // Drain first, to stay within the reserved capacity.
        kept.drain(..(kept.len() + text.len()).saturating_sub(keep).min(kept.len()));
        kept.extend(text);
        let len = text.len();
        reader.consume(len);
    }
    kept.drain(..kept.len().saturating_sub(keep));
    let (first, second) = kept.as_slices();
    let written = out.write_all(first).and_then(|()| out.write_all(second));
    written.map_err(|error| Failure::at("stdout", Error::from_io(error)))
}

/// Plaintext, wiped when dropped, including spare capacity.
struct TailBuffer(VecDeque<u8>);

impl Drop for TailBuffer {
    fn drop(&mut self) {
        let Self(bytes) = self;
        bytes.clear();
        bytes.resize(bytes.capacity(), 0);
        zeroize::optimization_barrier(bytes.make_contiguous());
    }
}

fn range_past_end(name: &str, start: u64, end: u64) -> Failure {
    Failure::usage(format!("{name}: the range begins at {start}, but there are only {end} bytes"))
        .hint("the first byte is 0; `--range -N` counts from the end")
}

fn parse_range(text: &str) -> Result<Range> {
    let wrong = || {
        Failure::usage(format!("--range {text}: not a range"))
            .hint("0-99 is the first 100 bytes, 100- everything after them, -512 the last 512")
    };
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse::<u64>().map_err(|_| wrong()),
        false => Err(wrong()),
    };
    match text.split_once('-').ok_or_else(wrong)? {
        ("", last) => number(last).map(Range::Last),
        (first, "") => number(first).map(Range::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last { Err(wrong()) } else { Ok(Range::Between(first, last)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        assert_eq!(parse_range("0-99").ok(), Some(Range::Between(0, 99)));
        assert_eq!(parse_range("7-").ok(), Some(Range::From(7)));
        assert_eq!(parse_range("-5").ok(), Some(Range::Last(5)));
        for wrong in ["", "-", "5", "a-b", "2-1", "+1-2", "1--2", "99999999999999999999-"] {
            assert!(parse_range(wrong).is_err(), "{wrong}");
        }
    }
}
