//! What a run over a folder finds where it would write: its own work of an earlier run, which
//! stays, or something else, which stays too
//! but is an error. Outputs appear complete, so one that is there is whole.

use std::time::{Duration, SystemTime};

use keystead::{Context, Error, Expected, Inspection, Keyring, Kind, MasterKey, SealedHeader};
use serde_json::json;

use super::many::Told;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::object::{Object, explained};
use crate::output;
use crate::platform::FileId;
use crate::report::shown;
use crate::tree::{Place, Status};

/// An output that is there.
pub(super) enum Standing {
    /// Made of this input already.
    Done,
    /// Made of it, but the input was written since.
    Older,
}

/// The input that an output is made of.
pub(super) struct Source {
    pub(super) len: Option<u64>,
    pub(super) modified: Option<SystemTime>,
}

/// What is at the place of an output, if anything: a file, and not the input.
pub(super) fn found(place: &Place, input: Option<&FileId>) -> Result<Option<Status>> {
    let Some(status) = place.status()? else { return Ok(None) };
    if input == Some(&status.id) {
        return Err(output::is_input(&place.path));
    }
    if status.len.is_some() {
        return Ok(Some(status));
    }
    let what = format!("{}: something is in the way of a file", shown(&place.path));
    Err(Failure::usage(what).hint("move it away, or name another place with -o"))
}

/// The object of a plaintext: it has its time, and its length, its keys and its context are what
/// this run would make. One that was rewrapped since is later.
pub(super) fn object(
    place: &Place,
    output: &Status,
    source: &Source,
    keys: &Keyring,
    context: &Context,
) -> Result<Standing> {
    let age = age(output, source);
    if age == Age::Older {
        return Ok(Standing::Older);
    }
    let object = Object::open(&Input::Entry(place.entry())).map_err(|_| foreign(place))?;
    let found = keystead::inspect(&object.prefix, object.len).map_err(|_| foreign(place))?;
    let same = found.plaintext_len == source.len
        && (age == Age::Same || found.generation > 0)
        && context.iter().eq(found.context.iter().map(|(name, value)| (&**name, &**value)))
        && keys.iter().all(|key| opens_with(&found, key));
    if same { Ok(Standing::Done) } else { Err(foreign(place)) }
}

/// The plaintext of an object: it has its time, and its length where the object states that.
pub(super) fn plaintext(place: &Place, output: &Status, object: &Object) -> Result<Standing> {
    let len = keystead::inspect(&object.prefix, object.len).ok().and_then(|i| i.plaintext_len);
    match age(output, &Source { len, modified: object.modified }) {
        Age::Older => Ok(Standing::Older),
        Age::Same if len.is_none() || len == output.len => Ok(Standing::Done),
        Age::Same | Age::Other => Err(foreign(place)),
    }
}

/// A change of the ways in that an earlier run over the folder made already: what is to be there
/// is, and what is to go is gone. These are the ids of a header that anybody can have written:
/// [`proven`] asks the keys.
pub(super) fn changed(object: &Object, new: &Keyring, gone: impl Fn(&Inspection) -> bool) -> bool {
    let Ok(found) = keystead::inspect(&object.prefix, object.len) else { return false };
    new.iter().all(|key| opens_with(&found, key)) && gone(&found)
}

/// Whether one of the keys given opens the header that says so; without, its ids are all there is.
/// A header that such a key refutes is an error.
pub(super) fn proven(
    object: &Object,
    keyrings: [&Keyring; 2],
    expected: Expected<'_>,
) -> Result<bool> {
    let failed = |error, keys| explained(&object.name, error, &object.prefix, keys);
    let sealed = SealedHeader::parse(&object.prefix);
    let sealed = sealed.map_err(|error| failed(error, keyrings[0]))?;
    for keys in keyrings {
        match sealed.unwrap(keys, expected) {
            Ok(_) => return Ok(true),
            Err(Error::NoKey) => {}
            Err(error) => return Err(failed(error, keys)),
        }
    }
    Ok(false)
}

/// None of these opens it, as far as ids say, but for those that are to stay.
pub(super) fn none_opens(found: &Inspection, old: &Keyring, new: &Keyring) -> bool {
    let stays = |key: &MasterKey| new.iter().any(|new| new.id() == key.id());
    !old.iter().any(|key| !stays(key) && opens_with(found, key))
}

/// What is told of a change that was made before.
pub(super) fn told_changed(output: &str, proven: bool) -> Told {
    let value = json!({ "output": output, "proven": proven });
    Told { existing: true, ..Told::from(value) }
}

/// What is told of an output that is there.
pub(super) fn told(output: &str) -> Told {
    Told { existing: true, ..Told::from(json!({ "output": output })) }
}

/// Something older than its input is replaced only where that was asked for.
pub(super) fn older(place: &Place) -> Failure {
    Failure::usage(format!("{}: the output is older than its input", shown(&place.path)))
        .hint("--update replaces such outputs, --force all")
}

/// The time of an output beside that of its input, which it was given when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Same,
    Older,
    /// Later, or nobody knows.
    Other,
}

fn age(output: &Status, source: &Source) -> Age {
    let (Some(output), Some(source)) = (output.modified, source.modified) else {
        return Age::Other;
    };
    let (distance, older) = match output.duration_since(source) {
        Ok(later) => (later, false),
        Err(earlier) => (earlier.duration(), true),
    };
    match distance {
        distance if distance.is_zero() || distance < resolution(output) => Age::Same,
        _ if older => Age::Older,
        _ => Age::Other,
    }
}

/// The coarsest clock that this time can be of: file systems round the times that they are given.
fn resolution(time: SystemTime) -> Duration {
    let nanos = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    // FAT, ext3 and HFS+, exFAT, UFS, NTFS.
    let steps = [2_000_000_000, 1_000_000_000, 10_000_000, 1_000, 100];
    let step = steps.into_iter().find(|step| nanos.is_multiple_of(u128::from(*step)));
    Duration::from_nanos(step.unwrap_or(0))
}

/// Anonymous records have no id, and passphrases none that says anything: their kind has to do.
pub(super) fn opens_with(found: &Inspection, key: &MasterKey) -> bool {
    let unnamed = key.is_anonymous() || key.kind() == Kind::Passphrase;
    found.records.iter().any(|record| {
        let named = record.key_id == Some(key.id());
        record.kind == key.kind().name() && (named || unnamed && record.key_id.is_none())
    })
}

fn foreign(place: &Place) -> Failure {
    Failure::usage(format!(
        "{}: the output exists and is not what this run would make",
        shown(&place.path)
    ))
    .hint("--force replaces it; -o names another place")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_compared_as_far_as_a_file_system_keeps_them() {
        let at = |seconds, nanos| Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
        let id = crate::platform::file_id(
            std::path::Path::new("."),
            &std::path::Path::new(".").metadata().unwrap(),
        );
        let mut output = Status { len: Some(1), modified: None, id: id.unwrap(), is_dir: false };
        for (out, input, expected) in [
            (at(1_001, 123_456_789), at(1_001, 123_456_789), Age::Same),
            (at(1_001, 123_456_788), at(1_001, 123_456_789), Age::Older),
            (at(1_001, 123_456_789), at(1_001, 123_456_788), Age::Other),
            // NTFS, and a clock of seconds.
            (at(1_001, 123_456_700), at(1_001, 123_456_789), Age::Same),
            (at(1_001, 0), at(1_001, 999_999_999), Age::Same),
            (at(1_001, 0), at(1_002, 0), Age::Older),
            // FAT rounds down, and some round up.
            (at(1_000, 0), at(1_001, 999_999_999), Age::Same),
            (at(1_002, 0), at(1_000, 1), Age::Same),
            (at(1_000, 0), at(1_002, 0), Age::Older),
            (at(1_002, 0), at(1_000, 0), Age::Other),
            (None, at(1_000, 0), Age::Other),
        ] {
            output.modified = out;
            let source = Source { len: Some(1), modified: input };
            assert_eq!(age(&output, &source), expected, "{out:?} {input:?}");
        }
    }
}
