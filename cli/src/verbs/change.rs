//! The access change that `rewrap` and `reencrypt` make: keys to add, keys to remove, or all keys
//! that open afterwards.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use keystead::{
    Changes, Evidence, Inspection, KeyId, Keys, MasterKey, Provenance, Recipient, Recipients,
    RecordInspection, RecordKind, Rewrapped,
};

use super::record_summary::describe;
use super::tally::Tally;
use super::{existing, make_records, question};
use crate::args::{Access, Records, Safeguards};
use crate::failure::{Failure, Result};
use crate::keys;
use crate::passphrase::Passphrases;
use crate::pasted;
use crate::report::{Report, shown};

/// How `--remove` names the one record that has no id, and what `inspect` calls its kind.
const PASSPHRASE: &str = "passphrase";

/// The requested change, for all inputs of a run.
pub(super) struct Change {
    /// The keys of `--add`, or those of `--set` and `--set-file`.
    pub(super) new: Recipients,
    /// Those of them that can open.
    pub(super) new_keys: Keys,
    /// Whether the keys of `new` are all that open afterwards.
    pub(super) set: bool,
    /// The keys to open with, as recipients, for records that stay in a new object.
    mine: Recipients,
    ids: Vec<KeyId>,
    passphrase: bool,
    without_me: bool,
}

/// What some object of a run had and has no longer.
#[derive(Default)]
pub(super) struct Removed {
    ids: BTreeSet<KeyId>,
    passphrase: bool,
}

impl Removed {
    pub(super) fn add(&mut self, records: &[RecordInspection]) {
        self.ids.extend(records.iter().filter_map(|record| record.key_id));
        self.passphrase |= records.iter().any(|record| record.kind == PASSPHRASE);
    }
}

impl Change {
    /// Loads the keys that the arguments name.
    /// `mine` are the keys that were given to open with.
    pub(super) fn load(
        args: &Access,
        made: &Records,
        passphrases: &Passphrases,
        mine: &Recipients,
    ) -> Result<Self> {
        let set = args.is_set();
        let mut new = keys::load_files(if set { &args.set } else { &args.add }, passphrases)?;
        for path in &args.set_file {
            new = new.and(keys::load_public_keys(path, "--set-file")?);
        }
        let (new_keys, new) = (new.keys(), make_records(new.recipients(), made));
        let mine = make_records(mine.clone(), made);
        let mut change = Self {
            new,
            new_keys,
            set,
            mine,
            ids: Vec::new(),
            passphrase: false,
            without_me: args.without_me,
        };
        for name in &args.remove {
            change.remove(name, passphrases)?;
        }
        Ok(change)
    }

    /// Adds a key to remove: a key id, a key by its file or text, or the passphrase.
    fn remove(&mut self, name: &OsString, passphrases: &Passphrases) -> Result<()> {
        let id = name.to_str().and_then(|text| text.parse().ok());
        match id {
            _ if name == PASSPHRASE => self.passphrase = true,
            Some(id) => self.ids.push(id),
            None if Path::new(name).exists() || pasted::is_public(name) => {
                let keys = keys::load_files(std::slice::from_ref(name), passphrases)?;
                self.ids.extend(keys.recipients().iter().map(Recipient::id));
            }
            None => {
                let name = shown(Path::new(name));
                return Err(Failure::usage(format!("--remove {name}: neither a key id nor a key"))
                    .hint("`keystead inspect FILE` lists the key ids; a key file, a public key or the word `passphrase` will do"));
            }
        }
        Ok(())
    }

    /// Returns whether the change may take access away.
    pub(super) fn removes(&self) -> bool {
        self.set || self.passphrase || !self.ids.is_empty()
    }

    /// Returns whether this record is removed.
    pub(super) fn is_removed(&self, record: &RecordInspection) -> bool {
        let named = match record.key_id {
            Some(id) => self.ids.contains(&id),
            None => self.passphrase && record.kind == PASSPHRASE,
        };
        self.set || named
    }

    /// Returns whether a header already states the requested change. The header is unauthenticated.
    pub(super) fn is_made(&self, found: &Inspection) -> bool {
        let others_are_gone = match self.set {
            true => found.records.len() == self.new.len(),
            false => !found.records.iter().any(|record| self.is_removed(record)),
        };
        others_are_gone && self.new.iter().all(|key| existing::opens_with(found, key))
    }

    /// Converts the change to the library's type.
    /// Of many objects, only the end of the run shows which removals none of them needed.
    pub(super) fn to_library(&self, found: &Inspection, is_alone: bool) -> Changes<'_> {
        let changes = match (self.set, self.new.is_empty()) {
            (true, _) => Changes::set(&self.new),
            (false, false) => Changes::add(&self.new),
            (false, true) => Changes::new(),
        };
        let has_passphrase = || found.records.iter().any(|record| record.kind == PASSPHRASE);
        let changes = match self.passphrase && (is_alone || has_passphrase()) {
            true => changes.remove_passphrase(),
            false => changes,
        };
        self.ids.iter().fold(changes, |changes, id| match is_alone {
            true => changes.remove(*id),
            false => changes.remove_if_there(*id),
        })
    }

    /// Fails for a key or passphrase that was to be removed and that no object of the run had. But
    /// where there was nothing to add either, an earlier run made the change.
    pub(super) fn check_removed(&self, removed: &Removed, tally: &Tally) -> Result<()> {
        if !self.new.is_empty() && tally.files == 0 {
            return Ok(());
        }
        let missing = match self.ids.iter().find(|id| !removed.ids.contains(id)) {
            Some(id) => format!("no record of any object has the key id {id}"),
            None if self.passphrase && !removed.passphrase => {
                "no passphrase opens any object".to_owned()
            }
            None => return Ok(()),
        };
        Err(Failure::usage(format!("--remove: {missing}"))
            .hint("`keystead inspect` lists what opens an object; if an earlier run removed this, nothing is left to do"))
    }

    /// Returns what it removes, for an object that shows the change already.
    pub(super) fn removals(&self) -> Removed {
        Removed { ids: self.ids.iter().copied().collect(), passphrase: self.passphrase }
    }

    /// Asks on the terminal before keys are removed from all objects of a directory.
    pub(super) fn confirm(
        &self,
        safeguards: &Safeguards,
        recursive: bool,
        report: &Report,
    ) -> Result<()> {
        let asks =
            recursive && self.removes() && !safeguards.yes && !safeguards.dry_run && !report.json;
        if asks && question::has_terminal() {
            question::confirm("remove keys from all objects of these directories?", report)?;
        }
        Ok(())
    }

    /// Fails where `--set` names none of the keys given to open with, before any object is read.
    pub(super) fn check_me(&self, mine: &Keys) -> Result<()> {
        if !self.set || self.without_me || shares_a_key(mine, &self.new) {
            return Ok(());
        }
        Err(locked_out("", mine.iter()))
    }

    /// Fails where none of the given keys opens the object after a rewrap.
    pub(super) fn check_rewrapped(&self, name: &str, mine: &Keys, new: &Rewrapped) -> Result<()> {
        if self.set || self.without_me || !self.removes() {
            return Ok(());
        }
        let is_mine = |record: &RecordInspection| match record.evidence {
            Evidence::OpenedHere => true,
            Evidence::MadeNow => mine.iter().any(|key| record.key_id == Some(key.id())),
            _ => false,
        };
        if new.who_opens().iter().any(is_mine) {
            return Ok(());
        }
        let opened = new.removed.iter().filter(|record| record.evidence == Evidence::OpenedHere);
        let gone = |key: &&MasterKey| match key.kind() {
            RecordKind::Passphrase => self.passphrase,
            _ => opened.clone().any(|record| record.key_id == Some(key.id())),
        };
        Err(locked_out(&format!("{name}: "), mine.iter().filter(gone)))
    }

    /// Returns the keys of a new object that replaces one with these records. Keys that stay must
    /// be among those given.
    pub(super) fn resolve(
        &self,
        name: &str,
        mine: &Keys,
        old: &[RecordInspection],
        made: &Records,
    ) -> Result<Recipients> {
        let mut keys = Recipients::new();
        let mut missing = Vec::new();
        if !self.set {
            self.check_removals(name, old)?;
            for record in old.iter().filter(|record| !self.is_removed(record)) {
                let same = |key: &&Recipient| {
                    record.key_id == Some(key.id()) && record.kind == key.kind().name()
                };
                match self.new.iter().chain(self.mine.iter()).find(same) {
                    Some(key) => {
                        let label = record.label.as_deref().unwrap_or(key.label());
                        keys.push(key.clone().with_label(label));
                    }
                    None => missing.push(describe(record)),
                }
            }
        }
        if !missing.is_empty() {
            let what = missing.join("; ");
            return Err(Failure::usage(format!(
                "{name}: a new object needs every key that is to open it, and these are not given: {what}"
            ))
            .hint("give each with -k or --add, or take it away with --remove; --set names all that open the new object"));
        }
        for key in self.new.iter() {
            keys.push(key.clone());
        }
        if keys.is_empty() {
            return Err(Failure::usage(format!(
                "{name}: without the last key nobody could open the object"
            ))
            .hint("add another key: --add KEY"));
        }
        if !self.without_me && !shares_a_key(mine, &keys) {
            return Err(locked_out(&format!("{name}: "), mine.iter()));
        }
        Ok(make_records(keys, made))
    }

    /// Fails where a key of the new object would vouch for one that anyone can have made (R39,
    /// R46).
    pub(super) fn check_vouched(
        name: &str,
        new: &Recipients,
        provenance: Provenance,
        vouch: bool,
    ) -> Result<()> {
        let held = new.iter().any(|key| key.kind().provenance() == Provenance::Holder);
        if vouch || !held || provenance == Provenance::Holder {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{name}: anyone with a public key could have made this object; a symmetric key or passphrase would make it look as if a holder had"
        ))
        .hint("check what it holds, then repeat this with --vouch"))
    }

    /// Fails where a record to remove does not exist (R46).
    fn check_removals(&self, name: &str, old: &[RecordInspection]) -> Result<()> {
        let is_there = |id: &&KeyId| old.iter().any(|record| record.key_id == Some(**id));
        if let Some(id) = self.ids.iter().find(|id| !is_there(id)) {
            return Err(Failure::usage(format!(
                "{name}: no record of this object has the key id {id}"
            ))
            .hint("`keystead inspect` lists the key ids"));
        }
        if self.passphrase && !old.iter().any(|record| record.kind == PASSPHRASE) {
            return Err(Failure::usage(format!("{name}: no passphrase opens this object"))
                .hint("`keystead inspect` lists what opens it"));
        }
        Ok(())
    }
}

/// Returns whether one of the keys that were given to open with is among those of the new records.
fn shares_a_key(mine: &Keys, new: &Recipients) -> bool {
    let same = |key: &MasterKey| new.iter().any(|n| n.kind() == key.kind() && n.id() == key.id());
    mine.iter().any(same)
}

/// Returns the failure for a change that locks its maker out. `place` is the name of the object
/// with a colon, or empty.
fn locked_out<'a>(place: &str, keys: impl Iterator<Item = &'a MasterKey>) -> Failure {
    let keys: Vec<_> = keys
        .map(|key| match key.kind() {
            RecordKind::Passphrase => "the passphrase".to_owned(),
            kind => format!("{} key {}", kind.name(), key.id()),
        })
        .collect();
    Failure::usage(format!(
        "{place}none of the keys given to open with would open it afterwards: {}",
        keys.join(", ")
    ))
    .hint("--without-me allows that; where another key of yours stays, give it with -k, too")
}
