//! Examines existing outputs of a run over a directory: their files, the keys that open them, and
//! whether an earlier run changed those already.

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

/// Returns the status of an existing output, which must be a file and not the input.
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

/// Returns whether an earlier run made the change already. `is_made` judges an unauthenticated
/// header; [`is_proven`] tries the keys.
pub(super) fn is_changed(object: &Object, is_made: impl Fn(&Inspection) -> bool) -> bool {
    keystead::inspect(&object.prefix, object.len).is_ok_and(|found| is_made(&found))
}

/// Returns whether a given key opens the header. A header that such a key refutes is an error.
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

/// Returns whether none of these keys opens it, judged by ids.
pub(super) fn none_opens(found: &Inspection, keys: &Keys) -> bool {
    !keys.recipients().iter().any(|key| opens_with(found, key))
}

/// Returns the outcome for a change that was made before.
pub(super) fn changed_outcome(output: &str, proven: bool) -> Outcome {
    let value = json!({ "output": output, "proven": proven });
    Outcome { existing: true, ..Outcome::from(value) }
}

/// Keys that open an object but not its predecessor, and the reverse.
#[derive(Default)]
pub(super) struct KeyChanges {
    pub(super) added: Vec<String>,
    pub(super) dropped: Vec<String>,
}

impl KeyChanges {
    /// Returns the hints about the object called `name`.
    pub(super) fn hints(&self, name: &str) -> impl Iterator<Item = String> {
        let added = (!self.added.is_empty()).then(|| {
            format!("{name} opens now with {}, which did not open it before", self.added.join(", "))
        });
        let dropped = (!self.dropped.is_empty())
            .then(|| format!("{name} opens no longer with {}", self.dropped.join(", ")));
        added.into_iter().chain(dropped)
    }
}

/// Returns how the keys change when a new object replaces an existing one, judged by ids. A file
/// that is no object counts as having no keys.
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

/// Returns whether a key opens an object, judged by its id; for anonymous records and passphrases
/// only by its kind.
pub(super) fn opens_with(found: &Inspection, key: &Recipient) -> bool {
    let unnamed = key.is_anonymous() || key.kind() == RecordKind::Passphrase;
    found.records.iter().any(|record| {
        let named = record.key_id == Some(key.id());
        record.kind == key.kind().name() && (named || unnamed && record.key_id.is_none())
    })
}
