//! What a run over a folder finds where it would write, and what it learns of an object from its
//! header: the ways in, and whether an earlier run changed them already.

use keystead::{
    Error, Expected, Inspection, KeyId, Keys, Recipient, Recipients, RecordKind, SealedHeader,
};
use serde_json::json;

use super::batch::Outcome;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::object::{Object, explain_open_failure};
use crate::output;
use crate::platform::FileId;
use crate::report::shown;
use crate::tree::{OutputPath, Status};

/// What is at the place of an output, if anything: a file, and not the input.
pub(super) fn find_output(
    output_path: &OutputPath,
    input: Option<&FileId>,
) -> Result<Option<Status>> {
    let Some(status) = output_path.status()? else { return Ok(None) };
    if input == Some(&status.id) {
        return Err(output::is_input(&output_path.path));
    }
    if status.len.is_some() {
        return Ok(Some(status));
    }
    let what = format!("{}: something is in the way of a file", shown(&output_path.path));
    Err(Failure::usage(what).hint("move it away, or name another place with -o"))
}

/// Whether an earlier run over the folder made a change of the ways in already. `is_made` judges
/// the ids of a header that anybody can have written: [`is_proven`] asks the keys.
pub(super) fn is_changed(object: &Object, is_made: impl Fn(&Inspection) -> bool) -> bool {
    keystead::inspect(&object.prefix, object.len).is_ok_and(|found| is_made(&found))
}

/// Whether one of the keys given opens the header that says so; without, its ids are all there is.
/// A header that such a key refutes is an error.
pub(super) fn is_proven(
    object: &Object,
    all_keys: [&Keys; 2],
    expected: Expected<'_>,
) -> Result<bool> {
    let failed = |error, keys| explain_open_failure(&object.name, error, &object.prefix, keys);
    let sealed = SealedHeader::parse(&object.prefix);
    let sealed = sealed.map_err(|error| failed(error, all_keys[0]))?;
    for keys in all_keys {
        match sealed.unwrap(keys, expected) {
            Ok(_) => return Ok(true),
            Err(Error::NoKey(_)) => {}
            Err(error) => return Err(failed(error, keys)),
        }
    }
    Ok(false)
}

/// Whether none of these keys opens it, as far as ids say.
pub(super) fn none_opens(found: &Inspection, keys: &Keys) -> bool {
    !keys.recipients().iter().any(|key| opens_with(found, key))
}

/// What is told of a change that was made before.
pub(super) fn changed_outcome(output: &str, proven: bool) -> Outcome {
    let value = json!({ "output": output, "proven": proven });
    Outcome { existing: true, ..Outcome::from(value) }
}

/// Ways in that an object has which its predecessor had not, and those that it has no longer.
#[derive(Default)]
pub(super) struct KeyChanges {
    pub(super) added: Vec<String>,
    pub(super) dropped: Vec<String>,
}

impl KeyChanges {
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
pub(super) fn compare_keys(output_path: &OutputPath, recipients: &Recipients) -> KeyChanges {
    let found = Object::open(&Input::Entry(output_path.entry())).ok();
    let found = found.and_then(|object| keystead::inspect(&object.prefix, object.len).ok());
    let Some(found) = found else { return KeyChanges::default() };
    let old: Vec<_> = found.records.iter().map(|record| way(record.kind, record.key_id)).collect();
    let new = recipients.iter().map(|key| {
        let named = !key.is_anonymous() && key.kind() != RecordKind::Passphrase;
        way(key.kind().name(), named.then(|| key.id()))
    });
    let new: Vec<_> = new.collect();
    let missing = |ways: &[String], there: &[String]| {
        ways.iter().filter(|way| !there.contains(way)).cloned().collect()
    };
    KeyChanges { added: missing(&new, &old), dropped: missing(&old, &new) }
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
pub(super) fn opens_with(found: &Inspection, key: &Recipient) -> bool {
    let unnamed = key.is_anonymous() || key.kind() == RecordKind::Passphrase;
    found.records.iter().any(|record| {
        let named = record.key_id == Some(key.id());
        record.kind == key.kind().name() && (named || unnamed && record.key_id.is_none())
    })
}
