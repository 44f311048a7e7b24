//! Summarizes the records of all objects of a run after a change: which keys open them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use keystead::{Evidence, RecordInspection};
use serde_json::{Value, json};

use super::batch::Outcome;
use crate::demo::format_count;
use crate::report::Report;

/// The records of all changed objects, with a count of equal ones.
#[derive(Default)]
pub(super) struct RecordSummary(Mutex<RecordCounts>);

#[derive(Default)]
struct RecordCounts {
    objects: u64,
    doubts: Doubts,
    /// In order of first appearance.
    records: Vec<Record>,
    places: BTreeMap<(String, Evidence), usize>,
    /// Records beyond the maximum that is listed.
    others: u64,
}

/// Objects with records of which nobody knows here whose they are.
#[derive(Default)]
struct Doubts {
    claimed: u64,
    anonymous: u64,
    unknown: u64,
}

impl Doubts {
    fn add(&mut self, records: &[RecordInspection]) {
        let claimed = || records.iter().filter(|record| record.evidence == Evidence::Claimed);
        let is_unknown = |record: &RecordInspection| record.kind == "unknown";
        self.claimed += u64::from(claimed().any(|record| record.key_id.is_some()));
        self.anonymous += u64::from(claimed().any(|record| record.anonymous));
        self.unknown += u64::from(claimed().any(is_unknown));
    }

    /// What a change that removed keys cannot promise.
    fn hints(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.unknown, "a way in that this version does not know is still there; `keystead inspect` shows it, and --set KEY… removes it"),
            (self.anonymous, "an anonymous record is still there, and may be for a key that was removed: give that key with -k, too, or name all that are to open with --set KEY…"),
            (self.claimed, "a claimed record says only what its writer put there, and a former holder can write any key id; --set KEY… makes new records for exactly the keys given"),
        ]
        .into_iter()
        .filter_map(|(objects, hint)| (objects > 0).then_some(hint))
    }
}

struct Record {
    text: String,
    evidence: Evidence,
    records: u64,
    objects: u64,
    /// Number of the object that it was last counted for.
    last: u64,
}

impl RecordSummary {
    /// Counts the records of one object.
    pub(super) fn add(&self, records: &[RecordInspection]) {
        let Self(counted) = self;
        let mut guard = counted.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = &mut *guard;
        counted.objects += 1;
        counted.doubts.add(records);
        for record in records {
            let (text, evidence) = (describe(record), record.evidence);
            let key = (text.clone(), evidence);
            let place = match counted.places.get(&key) {
                Some(place) => *place,
                None if counted.records.len() < MAX_RECORDS => {
                    counted.places.insert(key, counted.records.len());
                    counted.records.push(Record {
                        text,
                        evidence,
                        records: 0,
                        objects: 0,
                        last: 0,
                    });
                    counted.records.len() - 1
                }
                None => {
                    counted.others += 1;
                    continue;
                }
            };
            let record = &mut counted.records[place];
            record.records += 1;
            record.objects += u64::from(record.last != counted.objects);
            record.last = counted.objects;
        }
    }

    /// Prints one line for each distinct record, and after a removal what it cannot promise.
    pub(super) fn report(self, dry_run: bool, removes: bool, report: &Report) {
        let what = if dry_run { "would open with" } else { "opens with" };
        let Self(counted) = self;
        let mut counted = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Threads finish objects in any order.
        if counted.objects > 1 {
            let place = |record: &Record| (Reverse(record.objects), record.evidence);
            let order = |a: &Record, b: &Record| place(a).cmp(&place(b)).then(a.text.cmp(&b.text));
            counted.records.sort_by(order);
        }
        let all = counted.objects;
        for record in counted.records {
            report.opens(what, &record.line(all));
        }
        if counted.others > 0 {
            report.opens(
                what,
                &format!("{} other records, which --json lists", format_count(counted.others)),
            );
        }
        if removes {
            counted.doubts.hints().for_each(|hint| report.hint(hint));
        }
    }
}

impl Record {
    /// Describes it, of `all` objects.
    fn line(&self, all: u64) -> String {
        let mut line = format!("{} ({}", self.text, self.evidence);
        let (records, objects) = (format_count(self.records), format_count(self.objects));
        if self.records != self.objects {
            line += &format!(", {records} records");
        }
        if all > 1 {
            let separator = if self.records == self.objects { "," } else { " in" };
            line += &format!("{separator} {objects} of {} objects", format_count(all));
        }
        line + ")"
    }
}

/// Describes a record: kind, id and label.
pub(super) fn describe(record: &RecordInspection) -> String {
    let mut text = match (record.kind, record.key_id) {
        ("unknown", _) => return format!("UNKNOWN WAY IN, kind {}", record.code),
        ("passphrase", _) => "passphrase".to_owned(),
        (kind, Some(id)) => format!("{kind} key {id}"),
        (kind, None) => format!("{kind} key"),
    };
    if record.anonymous {
        text.push_str(", anonymous");
    }
    if let Some(label) = &record.label {
        text.push_str(&format!(", “{label}”"));
    }
    text
}

/// Returns the records as JSON.
pub(super) fn to_json(records: &[RecordInspection]) -> Value {
    let records = records.iter().map(|record| {
        json!({
            "kind": record.kind, "code": record.code, "key_id": record.key_id,
            "label": record.label, "anonymous": record.anonymous, "evidence": record.evidence,
        })
    });
    records.collect()
}

/// Returns the outcome of a dry run for one object.
pub(super) fn planned_outcome(
    name: &str,
    was: &[RecordInspection],
    opens: &[RecordInspection],
) -> Outcome {
    let (mut removed, mut added) = (described(was), Vec::new());
    for record in described(opens) {
        match removed.iter().position(|old| *old == record) {
            Some(same) => drop(removed.remove(same)),
            None => added.push(record),
        }
    }
    let value = json!({
        "output": name, "dry_run": true, "added": added, "removed": removed,
        "opens": to_json(opens),
    });
    let changes = [("add", &added), ("remove", &removed)];
    let changes = changes.iter().filter(|(_, records)| !records.is_empty());
    let changes: Vec<_> =
        changes.map(|(what, records)| format!("{what} {}", records.join(" and "))).collect();
    let line = match changes.is_empty() {
        true => format!("{name}: would keep its keys"),
        false => format!("{name}: would {}", changes.join(", ")),
    };
    Outcome { line: Some(line), ..Outcome::from(value) }
}

fn described(records: &[RecordInspection]) -> Vec<String> {
    records.iter().map(describe).collect()
}

/// Keeps the header of an object that is written through it.
pub(super) struct HeaderTap<W> {
    pub(super) out: W,
    pub(super) header: Vec<u8>,
}

impl<W: Write> Write for HeaderTap<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        let room = MAX_HEADER.saturating_sub(self.header.len());
        self.header.extend_from_slice(&bytes[..written.min(room)]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Maximum number of distinct records that are listed, so that the summary stays short.
const MAX_RECORDS: usize = 100;
/// SPEC section 10.
const MAX_HEADER: usize = 65_536;
