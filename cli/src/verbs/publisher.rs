//! Publishes the outputs of many inputs and reports their outcomes in order. A file is reported as
//! done only when it has its name and, with sync, when the name is on disk.

use std::path::PathBuf;
use std::sync::Arc;

use keystead::ErrorKind;
use serde_json::{Value, json};

use super::batch::Outcome;
use super::repeats::Repeats;
use super::tally::Tally;
use crate::failure::{Failure, Result};
use crate::progress;
use crate::report::{Report, failure_json, shown};
use crate::tree::{OutputTree, SkipReason, Staged};

pub(super) enum Event {
    Finished(String, Result<Outcome>),
    Skipped(PathBuf, SkipReason),
    /// An object whose input is gone.
    Deleted(PathBuf),
    /// A directory has no more files.
    EndOfTree(Arc<OutputTree>),
}

/// Takes events in order, publishes outputs and reports outcomes.
pub(super) struct Publisher<'a> {
    pub(super) tally: Tally,
    pub(super) repeats: Repeats,
    verb: &'static str,
    report: &'a Report,
    waiting: Vec<Event>,
    /// How many of the first of them have their names, which the next sync makes durable.
    named: usize,
    /// Bytes of the others.
    waiting_bytes: u64,
}

/// Bytes after which files are published at the latest.
const BATCH_BYTES: u64 = 64 << 20;

impl<'a> Publisher<'a> {
    pub(super) fn new(verb: &'static str, report: &'a Report, repeats: Repeats) -> Self {
        let tally = Tally::default();
        Self { tally, repeats, verb, report, waiting: Vec::new(), named: 0, waiting_bytes: 0 }
    }

    pub(super) fn take(&mut self, mut event: Event) -> Result<()> {
        if let Event::EndOfTree(tree) = &event {
            return self.end_tree(&Arc::clone(tree));
        }
        progress::add_file();
        let Some(tree) = staged(&event).map(|staged| Arc::clone(staged.tree())) else {
            // Only JSON output lists successes, so only there the order matters.
            if self.waiting.is_empty() || !self.report.json {
                return self.report_event(event);
            }
            self.waiting.push(event);
            return Ok(());
        };
        if let (Event::Finished(name, Ok(outcome)), false) = (&mut event, self.report.json) {
            *name = String::new();
            outcome.value = Value::Null;
        }
        if let Some(Staged::File(file)) = staged(&event) {
            self.waiting_bytes = self.waiting_bytes.saturating_add(file.len);
        }
        self.waiting.push(event);
        if tree.is_private() {
            return if tree.is_full() { self.publish_tree(&tree).map(|_| ()) } else { Ok(()) };
        }
        if self.waiting.len() - self.named >= tree.batch() || self.waiting_bytes >= BATCH_BYTES {
            return self.publish_batch(&tree);
        }
        Ok(())
    }

    /// Publishes what is left when a directory has no more files.
    fn end_tree(&mut self, tree: &OutputTree) -> Result<()> {
        if !self.publish_tree(tree)? {
            tree.close();
            return Ok(());
        }
        if self.waiting.len() > self.named {
            self.publish_batch(tree)?;
        }
        let synced = tree.sync();
        tree.close();
        match synced {
            Ok(()) => self.report_first(self.waiting.len()),
            Err(failure) => self.fail_all(tree, &failure),
        }
    }

    /// Publishes the tree with everything in it. Returns false where that failed, which is
    /// reported.
    fn publish_tree(&mut self, tree: &OutputTree) -> Result<bool> {
        if let Err(failure) = tree.publish() {
            return self.fail_all(tree, &failure).map(|()| false);
        }
        for event in &mut self.waiting {
            if let Event::Finished(_, Ok(Outcome { staged, .. })) = event {
                staged.take_if(|staged| matches!(staged, Staged::Directory(_)));
            }
        }
        // Names given since the last sync are not on disk yet.
        if self.named == 0 {
            let first = self.waiting.iter().position(|event| staged(event).is_some());
            self.report_first(first.unwrap_or(self.waiting.len()))?;
        }
        Ok(true)
    }

    /// Publishes waiting files after a sync. The same sync makes earlier names durable, so those
    /// outcomes are reported.
    fn publish_batch(&mut self, tree: &OutputTree) -> Result<()> {
        // Files that were published with the tree but arrived after that.
        if !self.publish_tree(tree)? {
            return Ok(());
        }
        if let Err(failure) = tree.sync() {
            return self.fail_all(tree, &failure);
        }
        let named = std::mem::take(&mut self.named);
        self.report_first(named)?;
        self.waiting_bytes = 0;
        for event in &mut self.waiting {
            let Event::Finished(_, outcome) = event else { continue };
            if let Some(Staged::File(file)) = outcome.as_mut().ok().and_then(|t| t.staged.take())
                && let Err(failure) = file.publish()
            {
                *outcome = Err(failure);
            }
        }
        self.named = self.waiting.len();
        Ok(())
    }

    fn report_first(&mut self, count: usize) -> Result<()> {
        let rest = self.waiting.split_off(count);
        self.named = self.named.saturating_sub(count);
        std::mem::replace(&mut self.waiting, rest)
            .into_iter()
            .try_for_each(|o| self.report_event(o))
    }

    /// Fails everything that waits. The failure is printed once.
    fn fail_all(&mut self, tree: &OutputTree, failure: &Failure) -> Result<()> {
        let mut is_reported = false;
        (self.named, self.waiting_bytes) = (0, 0);
        for event in std::mem::take(&mut self.waiting) {
            match event {
                Event::Finished(_, Ok(Outcome { existing: true, .. })) => {
                    self.report_event(event)?
                }
                Event::Finished(name, Ok(_)) if !is_reported || self.report.json => {
                    self.report_event(Event::Finished(name, Err(failure.clone())))?;
                    is_reported = true;
                }
                Event::Finished(_, Ok(_)) => self.tally.fail(failure),
                event => self.report_event(event)?,
            }
        }
        if is_reported {
            return Ok(());
        }
        self.report_event(Event::Finished(tree.shown(), Err(failure.clone())))
    }

    fn report_event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Finished(name, Ok(outcome)) => self.report_outcome(&name, outcome),
            Event::Finished(_, Err(failure))
                if failure.silent || failure.class == ErrorKind::Cancelled =>
            {
                Err(failure)
            }
            Event::Finished(name, Err(failure)) => self.report_failure(&name, &failure),
            Event::Skipped(path, why) => self.report_skipped(&shown(&path), why),
            Event::Deleted(path) => self.report_deleted(&shown(&path)),
            Event::EndOfTree(_) => Ok(()),
        }
    }

    /// Prints a hint.
    pub(super) fn hint(&self, hint: &str) {
        self.report.hint(hint);
    }

    fn report_deleted(&mut self, name: &str) -> Result<()> {
        self.tally.deleted += 1;
        if self.repeats.prints_all() {
            self.report.line(&format!("{name}: deleted"))?;
        }
        self.report.result(&json!({
            "verb": self.verb, "output": name, "ok": true, "deleted": true,
        }))
    }

    fn report_outcome(&mut self, name: &str, outcome: Outcome) -> Result<()> {
        self.tally.add(&outcome);
        let is_written = !outcome.existing
            && matches!(self.verb, "encrypt" | "decrypt" | "rewrap" | "reencrypt");
        for hint in &outcome.hints {
            self.report.hint(hint);
        }
        if !outcome.text.is_empty() && !self.report.json {
            let gap = if self.tally.files > 1 { "\n" } else { "" };
            self.report.print(&format!("{gap}{}", outcome.text))?;
        }
        if let Some(line) = &outcome.line {
            self.report.line(line)?;
        }
        let mut object = json!({ "verb": self.verb, "input": name, "ok": true });
        if outcome.existing {
            object["existing"] = true.into();
        }
        if let (Value::Object(object), Value::Object(fields)) = (&mut object, outcome.value) {
            object.extend(fields);
        }
        let said = self.report.result(&object);
        // The message fails alone: another run would meet the output of this one.
        said.map_err(|failure| match is_written {
            true => {
                failure.hint(format!("the work on {name} is done, only the message is missing"))
            }
            false => failure,
        })
    }

    fn report_failure(&mut self, name: &str, failure: &Failure) -> Result<()> {
        if self.repeats.admit_failure(failure.class) {
            self.report.failure(failure);
        }
        self.tally.fail(failure);
        self.report.result(&json!({
            "verb": self.verb, "input": name, "ok": false, "error": failure_json(failure),
        }))
    }

    fn report_skipped(&mut self, name: &str, why: SkipReason) -> Result<()> {
        self.tally.skipped += 1;
        if self.repeats.admit_skip(why) {
            self.report.skipped(&format!("{name}: {}", why.text()));
        }
        self.report.result(&json!({
            "verb": self.verb, "input": name, "ok": true, "skipped": why.text(),
        }))
    }
}

fn staged(event: &Event) -> Option<&Staged> {
    match event {
        Event::Finished(_, Ok(outcome)) => outcome.staged.as_ref(),
        _ => None,
    }
}
