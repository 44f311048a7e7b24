//! Summarizes the records of all objects of a run after a change: which keys open them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use keystead::{Inspection, RecordInspection};
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
    /// In order of first appearance.
    records: Vec<Record>,
    places: BTreeMap<String, usize>,
    /// Records beyond the maximum that is listed.
    others: u64,
}

struct Record {
    text: String,
    records: u64,
    objects: u64,
    /// Number of the object that it was last counted for.
    last: u64,
}

impl RecordSummary {
    /// Counts the records of one object.
    pub(super) fn add(&self, found: &Inspection) {
        let Self(counted) = self;
        let mut guard = counted.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = &mut *guard;
        counted.objects += 1;
        for record in &found.records {
            let text = describe(record);
            let place = match counted.places.get(&text) {
                Some(place) => *place,
                None if counted.records.len() < MAX_RECORDS => {
                    counted.places.insert(text.clone(), counted.records.len());
                    counted.records.push(Record { text, records: 0, objects: 0, last: 0 });
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

    /// Prints one line for each distinct record.
    pub(super) fn report(self, dry_run: bool, report: &Report) {
        let what = if dry_run { "would open with" } else { "opens with" };
        let Self(counted) = self;
        let mut counted = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Threads finish objects in any order.
        if counted.objects > 1 {
            counted.records.sort_by(|a, b| (b.objects, &a.text).cmp(&(a.objects, &b.text)));
        }
        for record in counted.records {
            let text = &record.text;
            let (records, objects) = (format_count(record.records), format_count(record.objects));
            report.opens(
                what,
                &match (record.records == record.objects, counted.objects) {
                    (true, 1) => text.clone(),
                    (false, 1) => format!("{text} ({records} records)"),
                    (true, all) => format!("{text} ({objects} of {} objects)", format_count(all)),
                    (false, all) => {
                        format!(
                            "{text} ({records} records in {objects} of {} objects)",
                            format_count(all)
                        )
                    }
                },
            );
        }
        if counted.others > 0 {
            report.opens(
                what,
                &format!("{} other records, which --json lists", format_count(counted.others)),
            );
        }
    }
}

/// Describes a record: kind, id and label.
pub(super) fn describe(record: &RecordInspection) -> String {
    let mut text = match (record.kind, record.key_id) {
        ("unknown", _) => return format!("UNKNOWN WAY IN, kind {}", record.code),
        ("passphrase", _) => "passphrase".to_owned(),
        (kind, Some(id)) => format!("{kind} key {id}"),
        (kind, None) => format!("{kind} key, anonymous"),
    };
    if let Some(label) = &record.label {
        text.push_str(&format!(", “{label}”"));
    }
    text
}

/// Returns the records as JSON.
pub(super) fn to_json(found: &Inspection) -> Value {
    let records = found.records.iter().map(|record| {
        json!({
            "kind": record.kind, "code": record.code, "key_id": record.key_id,
            "label": record.label,
        })
    });
    records.collect()
}

/// Returns the outcome of a dry run for one object.
pub(super) fn planned_outcome(name: &str, before: &Inspection, after: &Inspection) -> Outcome {
    let (mut removed, mut added) = (described(before), Vec::new());
    for record in described(after) {
        match removed.iter().position(|old| *old == record) {
            Some(same) => drop(removed.remove(same)),
            None => added.push(record),
        }
    }
    let value = json!({
        "output": name, "dry_run": true, "added": added, "removed": removed,
        "opens": to_json(after),
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

fn described(found: &Inspection) -> Vec<String> {
    found.records.iter().map(describe).collect()
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
