//! What a run over a folder finds where it would write: its own work of an earlier run, which
//! stays, or something else, which stays too
//! but is an error. Outputs appear complete, so one that is there is whole.

use std::time::SystemTime;

use keystead::{
    Context, Error, Expected, Inspection, KeyId, Keyring, Kind, MasterKey, SealedHeader,
};
use serde_json::json;

use super::many::Told;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::object::{Object, explained};
use crate::output;
use crate::platform::FileId;
use crate::report::shown;
use crate::times::{self, Age};
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
/// this run would make. One that was changed since is later by some seconds.
pub(super) fn object(
    place: &Place,
    output: &Status,
    source: &Source,
    keys: &Keyring,
    context: &Context,
) -> Result<Standing> {
    let age = times::of_object(output.modified, source.modified);
    if age == Age::Older {
        return Ok(Standing::Older);
    }
    let object = Object::open(&Input::Entry(place.entry())).map_err(|_| foreign(place))?;
    let found = keystead::inspect(&object.prefix, object.len).map_err(|_| foreign(place))?;
    let same = found.plaintext_len == source.len
        && age == Age::Same
        && context.iter().eq(found.context.iter().map(|(name, value)| (&**name, &**value)))
        && keys.iter().all(|key| opens_with(&found, key));
    if same { Ok(Standing::Done) } else { Err(foreign(place)) }
}

/// The plaintext of an object: it has its time, and its length where the object states that.
pub(super) fn plaintext(
    place: &Place,
    output: &Status,
    object: Object,
    keys: &Keyring,
    expected: Expected<'_>,
) -> Result<Standing> {
    match times::of_plaintext(output.modified, object.modified) {
        Age::Older => return Ok(Standing::Older),
        Age::Other => return Err(foreign(place)),
        Age::Same => {}
    }
    // What this run would refuse is not done, whoever decrypted it before.
    let len = object.plaintext(keys, expected)?.details().plaintext_len;
    if len.is_none() || len == output.len { Ok(Standing::Done) } else { Err(foreign(place)) }
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

/// Ways in that an object has which its predecessor had not, and those that it has no longer.
#[derive(Default)]
pub(super) struct Exchanged {
    pub(super) added: Vec<String>,
    pub(super) dropped: Vec<String>,
}

impl Exchanged {
    /// What people are told of the object called `name`.
    pub(super) fn hints(&self, name: &str) -> impl Iterator<Item = String> {
        let added = (!self.added.is_empty()).then(|| {
            format!("{name} opens now with {}, which did not open it before", self.added.join(", "))
        });
        let dropped = (!self.dropped.is_empty())
            .then(|| format!("{name} opens no longer with {}", self.dropped.join(", ")));
        added.into_iter().chain(dropped)
    }
}

/// What changes when a new object takes the place of one, as far as ids say. What is no object
/// opened with nothing that anybody misses.
pub(super) fn exchanged(place: &Place, keys: &Keyring) -> Exchanged {
    let found = Object::open(&Input::Entry(place.entry())).ok();
    let found = found.and_then(|object| keystead::inspect(&object.prefix, object.len).ok());
    let Some(found) = found else { return Exchanged::default() };
    let old: Vec<_> = found.records.iter().map(|record| way(record.kind, record.key_id)).collect();
    let new = keys.iter().map(|key| {
        let named = !key.is_anonymous() && key.kind() != Kind::Passphrase;
        way(key.kind().name(), named.then(|| key.id()))
    });
    let new: Vec<_> = new.collect();
    let missing = |ways: &[String], there: &[String]| {
        ways.iter().filter(|way| !there.contains(way)).cloned().collect()
    };
    Exchanged { added: missing(&new, &old), dropped: missing(&old, &new) }
}

fn way(kind: &str, id: Option<KeyId>) -> String {
    match (kind, id) {
        (_, Some(id)) => id.to_string(),
        ("passphrase", None) => "a passphrase".to_owned(),
        ("unknown", None) => "a kind of key that this version does not know".to_owned(),
        (kind, None) => format!("an anonymous {kind} key"),
    }
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
