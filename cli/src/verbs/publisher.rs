//! What came of many inputs, in their order, held back until it is true: a file that waits for its
//! name is not called done before it has it, and with sync not before that is on disk.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::batch::Told;
use super::tally::Tally;
use crate::failure::{Failure, Result};
use crate::progress;
use crate::report::{Report, failure_json, shown};
use crate::tree::{Mirror, Staged};

pub(super) enum Outcome {
    Told(String, Result<Told>),
    Skipped(PathBuf, &'static str),
    /// A folder has no more files.
    End(Arc<Mirror>),
}

/// Takes outcomes and tells them.
pub(super) struct Settle<'a> {
    pub(super) tally: Tally,
    verb: &'static str,
    report: &'a Report,
    held: Vec<Outcome>,
    /// Of those the first, which have their names: the next sync makes them last.
    named: usize,
    /// Bytes of the others.
    waiting: u64,
}

/// After so many bytes, files get their names at the latest.
const BATCH_BYTES: u64 = 64 << 20;

impl<'a> Settle<'a> {
    pub(super) fn new(verb: &'static str, report: &'a Report) -> Self {
        let tally = Tally::default();
        Self { tally, verb, report, held: Vec::new(), named: 0, waiting: 0 }
    }

    pub(super) fn take(&mut self, mut outcome: Outcome) -> Result<()> {
        if let Outcome::End(mirror) = &outcome {
            return self.end(&Arc::clone(mirror));
        }
        progress::add_file();
        let Some(mirror) = staged(&outcome).map(|staged| Arc::clone(staged.mirror())) else {
            // Only programs read successes, and only they mind the order.
            if self.held.is_empty() || !self.report.json {
                return self.tell(outcome);
            }
            self.held.push(outcome);
            return Ok(());
        };
        if let (Outcome::Told(name, Ok(told)), false) = (&mut outcome, self.report.json) {
            *name = String::new();
            told.value = Value::Null;
        }
        if let Some(Staged::File(file)) = staged(&outcome) {
            self.waiting = self.waiting.saturating_add(file.len);
        }
        self.held.push(outcome);
        if mirror.is_private() {
            return if mirror.is_full() { self.appear(&mirror).map(|_| ()) } else { Ok(()) };
        }
        if self.held.len() - self.named >= mirror.batch() || self.waiting >= BATCH_BYTES {
            return self.settle(&mirror);
        }
        Ok(())
    }

    /// Everything in the folder is made.
    fn end(&mut self, mirror: &Mirror) -> Result<()> {
        if !self.appear(mirror)? {
            mirror.close();
            return Ok(());
        }
        if self.held.len() > self.named {
            self.settle(mirror)?;
        }
        let synced = mirror.sync();
        mirror.close();
        match synced {
            Ok(()) => self.tell_first(self.held.len()),
            Err(failure) => self.fail(mirror, &failure),
        }
    }

    /// The folder gets its name, and with it all that is in it; false where it failed, which is
    /// told.
    fn appear(&mut self, mirror: &Mirror) -> Result<bool> {
        if let Err(failure) = mirror.appear() {
            return self.fail(mirror, &failure).map(|()| false);
        }
        for outcome in &mut self.held {
            if let Outcome::Told(_, Ok(Told { staged, .. })) = outcome {
                staged.take_if(|staged| matches!(staged, Staged::Folder(_)));
            }
        }
        // Names that were given since the last sync are not on disk yet.
        if self.named == 0 {
            let first = self.held.iter().position(|outcome| staged(outcome).is_some());
            self.tell_first(first.unwrap_or(self.held.len()))?;
        }
        Ok(true)
    }

    /// Gives names to those that wait for them, once they are on disk. So are the names of those
    /// before them then, and these are told.
    fn settle(&mut self, mirror: &Mirror) -> Result<()> {
        // Those that came with the folder, and were handed over after it had its name.
        if !self.appear(mirror)? {
            return Ok(());
        }
        if let Err(failure) = mirror.sync() {
            return self.fail(mirror, &failure);
        }
        let named = std::mem::take(&mut self.named);
        self.tell_first(named)?;
        self.waiting = 0;
        for outcome in &mut self.held {
            let Outcome::Told(_, told) = outcome else { continue };
            if let Some(Staged::File(file)) = told.as_mut().ok().and_then(|t| t.staged.take())
                && let Err(failure) = file.settle()
            {
                *told = Err(failure);
            }
        }
        self.named = self.held.len();
        Ok(())
    }

    fn tell_first(&mut self, count: usize) -> Result<()> {
        let rest = self.held.split_off(count);
        self.named = self.named.saturating_sub(count);
        std::mem::replace(&mut self.held, rest).into_iter().try_for_each(|o| self.tell(o))
    }

    /// Whatever waits does so in vain. People are told once.
    fn fail(&mut self, mirror: &Mirror, failure: &Failure) -> Result<()> {
        let mut told = false;
        (self.named, self.waiting) = (0, 0);
        for outcome in std::mem::take(&mut self.held) {
            match outcome {
                Outcome::Told(_, Ok(Told { existing: true, .. })) => self.tell(outcome)?,
                Outcome::Told(name, Ok(_)) if !told || self.report.json => {
                    self.tell(Outcome::Told(name, Err(failure.clone())))?;
                    told = true;
                }
                Outcome::Told(_, Ok(_)) => self.tally.fail(failure),
                outcome => self.tell(outcome)?,
            }
        }
        if told {
            return Ok(());
        }
        self.tell(Outcome::Told(mirror.shown(), Err(failure.clone())))
    }

    fn tell(&mut self, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Told(name, result) => {
                told(self.verb, &name, result, &mut self.tally, self.report)
            }
            Outcome::Skipped(path, why) => self.skipped(&shown(&path), why),
            Outcome::End(_) => Ok(()),
        }
    }

    fn skipped(&mut self, name: &str, why: &str) -> Result<()> {
        self.tally.skipped += 1;
        self.report.skipped(&format!("{name}: {why}"));
        self.report.result(&json!({
            "verb": self.verb, "input": name, "ok": true, "skipped": why,
        }))
    }
}

fn staged(outcome: &Outcome) -> Option<&Staged> {
    match outcome {
        Outcome::Told(_, Ok(told)) => told.staged.as_ref(),
        _ => None,
    }
}

/// One result: to stderr, to stdout and into the tally.
pub(super) fn told(
    verb: &str,
    name: &str,
    result: Result<Told>,
    tally: &mut Tally,
    report: &Report,
) -> Result<()> {
    let mut object = Map::new();
    object.insert("verb".to_owned(), verb.into());
    object.insert("input".to_owned(), name.into());
    match result {
        Ok(told) => {
            tally.add(&told);
            for hint in &told.hints {
                report.hint(hint);
            }
            if !told.text.is_empty() && !report.json {
                let gap = if tally.files > 1 { "\n" } else { "" };
                report.print(&format!("{gap}{}", told.text))?;
            }
            if let Some(line) = &told.line {
                report.line(line)?;
            }
            object.insert("ok".to_owned(), true.into());
            if told.existing {
                object.insert("existing".to_owned(), true.into());
            }
            if let Value::Object(fields) = told.value {
                object.extend(fields);
            }
        }
        Err(failure) if failure.silent => return Err(failure),
        Err(failure) => {
            report.failure(&failure);
            object.insert("ok".to_owned(), false.into());
            object.insert("error".to_owned(), failure_json(&failure));
            tally.fail(&failure);
        }
    }
    report.result(&Value::Object(object))
}
