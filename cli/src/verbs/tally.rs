//! Counts the outcomes of many inputs.

use keystead::ErrorKind;
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
    pub(super) deleted: u64,
    /// Whether an output lost the time that it was given.
    pub(super) times_lost: bool,
    /// Exit code of the gravest failure.
    pub(super) code: u8,
}

/// Exit code of a run that did everything and found something left to do.
const FINDINGS: u8 = 11;

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
        self.raise(failure.class.code());
    }

    /// Records that something is left to do, though nothing failed.
    pub(super) fn find(&mut self) {
        self.raise(FINDINGS);
    }

    /// Sets the exit code, unless that of an earlier failure is graver.
    fn raise(&mut self, code: u8) {
        if self.code == 0 || gravity(code) < gravity(self.code) {
            self.code = code;
        }
    }

    /// Returns whether no input was found.
    pub(super) const fn is_empty(&self) -> bool {
        self.files == 0 && self.existing == 0 && self.failed == 0
    }

    pub(super) const fn has_failures(&self) -> bool {
        self.failed > 0
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
        add(self.deleted, "deleted");
        add(self.skipped, "skipped");
        add(self.failed, "failed");
        line
    }

    pub(super) fn json(&self, verb: &str) -> Value {
        json!({
            "verb": verb, "summary": true, "ok": self.code == 0, "files": self.files,
            "plaintext_len": self.bytes, "existing": self.existing, "unproven": self.unproven,
            "skipped": self.skipped, "failed": self.failed, "deleted": self.deleted,
            "times_kept": !self.times_lost,
        })
    }
}

/// Orders exit codes, the gravest first: what an attacker may have caused, then the lowest number.
/// Findings come last, since nothing failed.
fn gravity(code: u8) -> u8 {
    const AUTH: u8 = ErrorKind::Auth.code();
    const ROLLBACK: u8 = ErrorKind::Rollback.code();
    const CONTEXT: u8 = ErrorKind::Context.code();
    match code {
        AUTH => 0,
        ROLLBACK => 1,
        CONTEXT => 2,
        FINDINGS => u8::MAX,
        code => code.saturating_add(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_code_is_kept_in_any_order() {
        let all = [5, 7, 6, 1, 2, 3, 4, 8, 9, 130, FINDINGS];
        for (index, grave) in all.iter().enumerate() {
            for other in &all[index..] {
                for codes in [[grave, other], [other, grave]] {
                    let mut tally = Tally::default();
                    codes.iter().for_each(|code| tally.raise(**code));
                    assert_eq!(tally.code, *grave, "{codes:?}");
                }
            }
        }
    }
}
