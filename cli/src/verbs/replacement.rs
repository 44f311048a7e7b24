//! Replaces the file of an object by a new one that is complete, synced on request, and has the
//! attributes of the old one.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::file_lock::Lock;
use crate::attributes::Attributes;
use crate::demo::format_count;
use crate::failure::{Failure, Result};
use crate::output::{Output, OutputOptions, Target};
use crate::platform;
use crate::report::Report;
use crate::tree::{FileOptions, OutputPath, ReplacedFile, Staged};

/// An old file and how it is replaced.
pub(super) struct Replacement<'a> {
    path: &'a Path,
    /// Its path in the directory that is walked, where files wait for a common sync.
    output_path: Option<&'a OutputPath>,
    old: ReplacedFile,
    attributes: Attributes,
    sync: bool,
}

impl<'a> Replacement<'a> {
    pub(super) fn of(
        path: &'a Path,
        output_path: Option<&'a OutputPath>,
        old: &File,
        lock: Lock,
        sync: bool,
    ) -> Result<Self> {
        let attributes = Attributes::of(old).map_err(|error| Failure::io(path, error))?;
        let old = ReplacedFile::new(lock).map_err(|error| Failure::io(path, error))?;
        Ok(Self { path, output_path, old, attributes, sync })
    }

    /// Returns whether the file has other names (hard links). They lead to the old object
    /// afterwards, so that snapshots by hard links do not change.
    pub(super) const fn has_other_names(&self) -> bool {
        self.attributes.other_names > 0
    }

    /// Returns whether files are replaced in batches here.
    pub(super) const fn is_batched(&self) -> bool {
        self.output_path.is_some()
    }

    /// Opens the new file, for about `len` bytes.
    pub(super) fn open(&self, len: Option<u64>, modified: Option<SystemTime>) -> Result<Output> {
        let mode = self.attributes.mode();
        if let Some(output_path) = self.output_path {
            let replaces = Some(self.old.clone());
            return Output::create_in_tree(
                output_path,
                FileOptions { mode, force: true, len, modified, replaces },
            );
        }
        let options =
            OutputOptions { force: true, sync: self.sync, mode, not: None, modified, text: true };
        let target = self.path.canonicalize().map_err(|error| Failure::io(self.path, error))?;
        Output::open(&Target::File(target), options)
    }

    /// Sets the attributes of the new file and publishes it, or returns what it still waits for.
    pub(super) fn finish(
        &self,
        mut out: Output,
        warnings: &Warnings,
    ) -> Result<FinishedReplacement> {
        if self.output_path.is_none() {
            let failed = |error| Failure::io(self.path, error);
            let found = self.path.metadata().map_err(failed)?;
            let found = platform::file_id(self.path, &found).map_err(failed)?;
            self.old.check(self.path, Some(&found))?;
        }
        let not_kept = out.copy_attributes(&self.attributes);
        let staged = out.finish()?;
        warnings.add(self.attributes.other_names, &not_kept);
        Ok(FinishedReplacement { staged, other_names: self.attributes.other_names, not_kept })
    }
}

/// A new file that has its name, or waits for it.
pub(super) struct FinishedReplacement {
    pub(super) staged: Option<Staged>,
    other_names: u64,
    not_kept: Vec<String>,
}

impl FinishedReplacement {
    /// Adds the names and attributes that were not kept to the JSON result.
    pub(super) fn describe(&self, value: &mut Value) {
        value["other_names"] = json!(self.other_names);
        value["not_kept"] = json!(self.not_kept);
    }
}

/// Warnings about the files that a run replaced.
#[derive(Default)]
pub(super) struct Warnings {
    linked: AtomicU64,
    not_kept: Mutex<BTreeSet<String>>,
}

impl Warnings {
    fn add(&self, other_names: u64, not_kept: &[String]) {
        self.linked.fetch_add(u64::from(other_names > 0), Ordering::Relaxed);
        if !not_kept.is_empty() {
            let mut all = self.not_kept.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(not_kept.iter().cloned());
        }
    }

    /// Prints the warnings, once per run.
    pub(super) fn report(self, report: &Report) {
        match self.linked.into_inner() {
            0 => {}
            linked => {
                let objects = if linked == 1 { "object has" } else { "objects have" };
                report.hint(&format!(
                    "{} {objects} other names (hard links), which still hold the old object: the old keys open it there",
                    format_count(linked)
                ));
            }
        }
        let not_kept = self.not_kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !not_kept.is_empty() {
            let names: Vec<_> = not_kept.into_iter().collect();
            report.hint(&format!(
                "the new file could not keep: {}; restore it by hand, or run this as root",
                names.join(", ")
            ));
        }
    }
}
