//! Every way of opening an object against the reader of SPEC.md: the same class, the same plaintext,
//! the same released prefix, the same details.

mod buffers;
mod ranges;
mod readers;
mod streams;

use keystead::{Error, ErrorKind, ObjectInfo, Result};

use crate::Note;
use crate::choices::Choices;
use crate::forging::{self, Case};
use crate::reference::body::Told;
use crate::reference::{self, Opened};

/// One input: an object, opened in every way. `note` is told how it ends, for tests/reach.rs.
pub fn run(input: &[u8], note: Note<'_>) {
    let mut c = Choices::new(input);
    let case = forging::case(&mut c);
    let truth = reference::open(&case.object, &case.ring.held, &case.demand);
    let seen = Seen { case: &case, truth: &truth };
    note(&seen.outcome());
    buffers::check(&seen, &mut c);
    streams::check(&seen, &mut c);
    ranges::check(&seen, &mut c);
}

/// A case, and what the reader of SPEC.md says of it.
struct Seen<'a> {
    case: &'a Case,
    truth: &'a reference::Result<Opened>,
}

impl Seen<'_> {
    /// Where it ends: before the chunks, or after so many batches of them.
    fn outcome(&self) -> String {
        match self.opened() {
            Err(class) => format!("refused: {}", class.name()),
            Ok(opened) => {
                let end = opened.stream.map_or_else(ErrorKind::name, |()| "OK");
                let released = match opened.released.len() {
                    0 => "nothing",
                    BATCH.. => "a batch or more",
                    _ => "some chunks",
                };
                let known = if opened.known.is_some() { "ranges" } else { "no ranges" };
                format!("opened: {end}, released {released}, {known}")
            }
        }
    }

    /// How all of the object opens where its length is known.
    fn whole(&self) -> reference::Result<&Opened> {
        self.opened().and_then(|opened| opened.whole.map(|()| opened))
    }

    /// How a stream of it ends.
    fn stream(&self) -> reference::Result<()> {
        self.opened().and_then(|opened| opened.stream)
    }

    /// What comes before the first chunk.
    fn opened(&self) -> reference::Result<&Opened> {
        self.truth.as_ref().map_err(|class| *class)
    }
}

fn class<T>(result: &Result<T>) -> reference::Result<()> {
    result.as_ref().map(|_| ()).map_err(Error::kind)
}

/// The same class as it has to be.
fn agree<T>(way: &str, got: &Result<T>, right: reference::Result<()>) {
    assert_eq!(class(got), right, "{way}");
}

fn agree_on_details(way: &str, details: &ObjectInfo, told: &Told) {
    let context = details.context.iter();
    let metadata = details.metadata.iter();
    let found = Told {
        kind: details.opened_by.kind,
        key_id: *details.opened_by.key_id.as_bytes(),
        grade: details.opened_by.provenance,
        context: context.map(|(n, v)| (n.to_owned(), v.as_bytes().to_vec())).collect(),
        metadata: metadata.map(|(n, v)| (n.to_owned(), v.to_vec())).collect(),
        object_id: *details.object_id.as_bytes(),
        plaintext_len: details.plaintext_len,
        floor: details.floor,
    };
    assert_eq!(&found, told, "{way}");
}

/// A buffer that must hold no plaintext: wiped, or as it was filled before. The plaintexts of these
/// runs have neither byte.
fn is_clean(buffer: &[u8]) -> bool {
    buffer.iter().all(|byte| matches!(*byte, 0 | FILL))
}

/// Plaintext bytes of a batch in the library.
const BATCH: usize = 1 << 20;

/// What buffers are filled with before a call.
const FILL: u8 = 0xee;

/// Bytes are compared without printing a megabyte.
fn same_bytes(way: &str, got: &[u8], right: &[u8]) {
    assert_eq!(got.len(), right.len(), "{way}: length");
    assert!(got == right, "{way}: other bytes");
}

fn threads(c: &mut Choices<'_>) -> keystead::Threads {
    keystead::Threads::new(*c.pick(&[2, 1, 3, 5, 8]))
}

/// The class of an error that came through a reader.
fn io_class(error: std::io::Error) -> ErrorKind {
    Error::from_io(error).kind()
}
