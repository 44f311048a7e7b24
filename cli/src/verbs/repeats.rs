//! Limits how many messages of one kind a run over directories prints, and counts the rest.

use std::collections::BTreeMap;

use keystead::ErrorKind;

use crate::demo::format_count;
use crate::report::Report;
use crate::tree::SkipReason;

/// Messages of each kind that are printed.
const PRINTED: u64 = 5;

/// Counts the messages of each kind.
pub(super) struct Repeats {
    /// Messages of each kind to print.
    limit: u64,
    skipped: BTreeMap<SkipReason, u64>,
    /// By the exit code of the class.
    failed: BTreeMap<u8, (ErrorKind, u64)>,
}

impl Repeats {
    /// Prints the first messages of each kind, or all.
    pub(super) const fn new(print_all: bool) -> Self {
        let limit = if print_all { u64::MAX } else { PRINTED };
        Self { limit, skipped: BTreeMap::new(), failed: BTreeMap::new() }
    }

    /// Returns whether every message is printed.
    pub(super) const fn prints_all(&self) -> bool {
        self.limit == u64::MAX
    }

    /// Counts a skipped entry. Returns whether to print it.
    pub(super) fn admit_skip(&mut self, why: SkipReason) -> bool {
        let count = self.skipped.entry(why).or_default();
        *count += 1;
        *count <= self.limit
    }

    /// Counts a failure. Returns whether to print it.
    pub(super) fn admit_failure(&mut self, class: ErrorKind) -> bool {
        let (_, count) = self.failed.entry(class.code()).or_insert((class, 0));
        *count += 1;
        *count <= self.limit
    }

    /// Prints how many messages of each kind were left out.
    pub(super) fn report(&self, report: &Report) {
        for (why, count) in &self.skipped {
            if let Some(more) = self.left_out(*count) {
                report.hint(&format!("{}; --verbose lists {}", more.skipped(*why), more.them()));
            }
        }
        for (class, count) in self.failed.values() {
            if let Some(more) = self.left_out(*count) {
                report.error(&format!("{}; --verbose lists {}", more.failed(*class), more.them()));
            }
        }
    }

    fn left_out(&self, count: u64) -> Option<More> {
        count.checked_sub(self.limit).filter(|more| *more > 0).map(More)
    }
}

/// How many messages of one kind were left out.
struct More(u64);

impl More {
    /// Returns `354 more symbolic links were skipped`.
    fn skipped(&self, why: SkipReason) -> String {
        let [one, many] = why.counted();
        let what = self.choose([&format!("{one} was"), &format!("{many} were")]).to_owned();
        format!("{} more {what} skipped", format_count(self.0))
    }

    /// Returns `354 more failures of class IO`.
    fn failed(&self, class: ErrorKind) -> String {
        let failures = self.choose(["failure", "failures"]);
        format!("{} more {failures} of class {}", format_count(self.0), class.name())
    }

    fn them(&self) -> &'static str {
        self.choose(["it", "them"])
    }

    const fn choose<'a>(&self, [one, many]: [&'a str; 2]) -> &'a str {
        if self.0 == 1 { one } else { many }
    }
}
