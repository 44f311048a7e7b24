//! Counts the outcomes of many inputs.

use serde_json::{Value, json};

use super::batch::Outcome;
use crate::demo::{format_count, format_size};
use crate::failure::Failure;

#[derive(Default)]
pub(super) struct Tally {
    pub(super) files: u64,
    /// Their plaintext, in bytes.
    bytes: u64,
    existing: u64,
    /// Existing outputs that were judged by key ids in headers that none of the given keys opens.
    unproven: u64,
    pub(super) skipped: u64,
    failed: u64,
    /// Whether an output lost the time that it was given.
    pub(super) times_lost: bool,
    /// Exit code of the first failure.
    pub(super) code: u8,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        if outcome.existing {
            self.existing += 1;
            self.unproven += u64::from(outcome.value["proven"] == false);
        } else {
            self.files += 1;
            self.bytes += outcome.bytes;
        }
    }

    pub(super) fn fail(&mut self, failure: &Failure) {
        self.failed += 1;
        if self.code == 0 {
            self.code = failure.class.code();
        }
    }

    /// Returns whether no input was found.
    pub(super) const fn is_empty(&self) -> bool {
        self.files == 0 && self.existing == 0 && self.failed == 0
    }

    /// Returns whether something was done, now or before.
    pub(super) const fn has_success(&self) -> bool {
        self.files > 0 || self.existing > 0
    }

    /// `encrypt: 3 files, 12.3 kB; 2 were there already; 1 skipped; 1 failed`.
    pub(super) fn line(&self, verb: &str) -> String {
        let files = if self.files == 1 { "file" } else { "files" };
        let mut line = format!("{verb}: {} {files}", format_count(self.files));
        if self.bytes > 0 {
            line.push_str(&format!(", {}", format_size(self.bytes)));
        }
        let mut add = |number: u64, what: &str| {
            if number > 0 {
                line.push_str(&format!("; {} {what}", format_count(number)));
            }
        };
        add(self.existing, "done already");
        add(
            self.unproven,
            match verb {
                "encrypt" => "of them compared by header only, not verified",
                _ => "of them by key ids alone, which prove nothing",
            },
        );
        add(self.skipped, "skipped");
        add(self.failed, "failed");
        line
    }

    pub(super) fn json(&self, verb: &str) -> Value {
        json!({
            "verb": verb, "summary": true, "ok": self.code == 0, "files": self.files,
            "plaintext_len": self.bytes, "existing": self.existing, "unproven": self.unproven,
            "skipped": self.skipped, "failed": self.failed, "times_kept": !self.times_lost,
        })
    }
}
