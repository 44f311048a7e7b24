//! `rewrap`: other keys for the same object, in place. Where the header keeps its length, this
//! costs the same for every size.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use keystead::{
    ArmorWriter, Changes, Error, ErrorKind, Keys, OpenedBy, RecordInspection, Rewrapped,
    SealedHeader, Threads,
};
use serde_json::json;

use super::batch::{Batch, Destination, Outcome, Task, TreeOptions};
use super::change::{Change, Removed};
use super::expectations::Expectations;
use super::record_summary::{self, RecordSummary};
use super::replacement::{FinishedReplacement, Replacement, Warnings};
use super::{DRY_RUN, ROOM, ROOM_FROM};
use super::{existing, file_lock, obstacle};
use crate::args::Rewrap;
use crate::cancel;
use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::input::Input;
use crate::keys::{self, LoadedKeys};
use crate::object::{self, Object, explain_open_failure};
use crate::platform;
use crate::report::{Report, shown};
use crate::sidefile::{self, HeaderOverlay, replace_header, restore, side_path};
use crate::small_file::SMALL;
use crate::staging;
use crate::times;

/// What rewrapping every input of a run needs.
struct Job<'a> {
    old: &'a Keys,
    change: &'a Change,
    expectations: &'a Expectations,
    vouch: bool,
    dry_run: bool,
    unlinkable: bool,
    /// Whether the run has one object.
    is_alone: bool,
    sync: bool,
    warnings: &'a Warnings,
    summary: &'a RecordSummary,
    removed: &'a Mutex<Removed>,
}

impl Job<'_> {
    /// Counts what became of the records of an object.
    fn count(&self, rewrapped: &Rewrapped) {
        self.summary.add(rewrapped.who_opens());
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).add(&rewrapped.removed);
    }

    /// Returns what there is to say of an object that the given keys do not open, where that is
    /// because an earlier run made the change: the new keys prove that.
    fn made_earlier(&self, object: &Object) -> Result<Option<Outcome>> {
        if !existing::is_changed(object, |found| self.change.is_made(found)) {
            return Ok(None);
        }
        let expected = self.expectations.expected();
        let proven = existing::is_proven(object, [&self.change.new_keys, self.old], expected)?;
        self.summary.add(&self.made_records(&object.prefix));
        *self.removed.lock().unwrap_or_else(PoisonError::into_inner) = self.change.removals();
        Ok(Some(existing::changed_outcome(&object.name, proven)))
    }

    /// Returns the records of an object that the change was made for, as the new keys know them.
    fn made_records(&self, prefix: &[u8]) -> Vec<RecordInspection> {
        let (keys, expected) = (&self.change.new_keys, self.expectations.expected());
        match keystead::rewrap(prefix, keys, expected, &Changes::new()) {
            Ok(known) => known.who_opens().to_vec(),
            Err(_) => keystead::inspect(prefix, None).map_or_else(|_| Vec::new(), |it| it.records),
        }
    }
}

pub(crate) fn run(args: &Rewrap, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list_once(&args.place.inputs)?;
    if inputs.contains(&Input::Stdin) {
        return Err(Failure::usage("rewrap changes files in place, and stdin is not a file")
            .hint("name the files"));
    }
    if args.access.is_empty() {
        return Err(Failure::usage(
            "none of --add, --remove and --set is given, so there is nothing to change",
        )
        .hint("--add KEY lets a key open, --remove KEY ends that, --set KEY removes all others"));
    }
    let expectations = Expectations::of(&args.expectations, inputs.len(), args.place.recursive)?;
    let obstacle = obstacle::find(&inputs, args.place.recursive);
    let (LoadedKeys { keys: old, recipients }, passphrases) =
        keys::load_to_change(&args.keys, obstacle)?;
    let change = Change::load(&args.access, &args.records, &passphrases, &recipients)?;
    passphrases.check_used()?;
    change.check_me(&old)?;
    change.confirm(&args.safeguards, args.place.recursive, report)?;
    let (warnings, summary, removed) =
        (Warnings::default(), RecordSummary::default(), Mutex::default());
    let job = Job {
        old: &old,
        change: &change,
        expectations: &expectations,
        vouch: args.safeguards.vouch,
        dry_run: args.safeguards.dry_run,
        unlinkable: args.records.unlinkable,
        is_alone: inputs.len() == 1 && !args.place.recursive,
        sync: !args.place.no_sync,
        warnings: &warnings,
        summary: &summary,
        removed: &removed,
    };
    let destination = Destination::of_changes(job.dry_run, job.sync);
    let (recursive, listing) = (args.place.recursive, args.place.listing);
    let tree_options = TreeOptions { recursive, listing, objects_only: true, destination };
    let tally = Batch { verb: "rewrap", threads, tree_options, report }
        .run_and_tally(&inputs, |task, _| rewrap_input(&job, task, report))?;
    let removes = change.removes();
    summary.report(args.safeguards.dry_run, removes, report);
    warnings.report(report);
    if tally.code == 0 {
        let removed = removed.lock().unwrap_or_else(PoisonError::into_inner);
        change.check_removed(&removed, &tally)?;
    }
    if args.safeguards.dry_run {
        report.hint(DRY_RUN);
    } else if tally.has_success() && removes {
        report.hint("a removed key still opens copies of the old header with this body; `keystead reencrypt` ends that for what is stored from now on, and nothing takes back what was read or copied before");
    }
    Ok(tally.code)
}

fn rewrap_input(job: &Job<'_>, task: &Task, report: &Report) -> Result<Outcome> {
    let input = &task.input;
    let Some(path) = input.path() else { return Err(Failure::usage("stdin is not rewrapped")) };
    if task.output_path.is_none() && !job.dry_run {
        staging::remove_leftovers(path);
    }
    let object = Object::open(input)?;
    object.refuse_key_file()?;
    let name = object.name.clone();
    let side = sidefile::exists(path);
    if !object.armored && !object.is_seekable() {
        return Err(Failure::usage(format!("{name}: not a regular file, so not changed in place"))
            .hint("rewrap the file that it comes from"));
    }
    if job.dry_run {
        return plan(job, object);
    }
    let (len, modified) = (object.len, times::after_change(object.modified));
    // Armor is always replaced, so the file need not be writable.
    let opened = match object.armored {
        true => File::open(path).map(|file| (file, false)),
        false => open_to_change(path),
    };
    let (file, writable) = &opened.map_err(|error| Failure::io(path, error))?;
    let lock = file_lock::lock(file, path, object.id.as_ref())?;
    // An object with a side file is not replaced in a batch.
    let output_path = task.output_path.as_ref().filter(|_| !side);
    let replacement = Replacement::of(path, output_path, file, lock, job.sync)?;
    if object.armored {
        let rewrapped = match rewrap(job, &object.prefix, len) {
            Ok(rewrapped) => rewrapped,
            Err(error) => return made_earlier_or(job, &object, error),
        };
        let bytes = object.into_memory().unwrap_or_default();
        job.change.check_rewrapped(&name, job.old, &rewrapped)?;
        if !rewrapped.changed {
            return Ok(unchanged_outcome(job, &name, &rewrapped));
        }
        let body = bytes.get(rewrapped.old_len..).unwrap_or_default();
        let failed = |error| Failure::at(&name, error);
        let mut text = ArmorWriter::new(replacement.open(len, modified)?);
        let written = text.write_all(&rewrapped.header).and_then(|()| text.write_all(body));
        written.map_err(|error| failed(Error::from_io(error)))?;
        let (out, written) = text.finish().map_err(failed)?;
        let finished = replacement.finish(out, job.warnings)?;
        let written = usize::try_from(written).unwrap_or(usize::MAX);
        return Ok(describe_outcome(job, &name, &rewrapped, written, Some(finished)));
    }
    if let Some(found) = finish_interrupted(job, path, file, report)? {
        job.summary.add(&found);
        let opens = record_summary::to_json(&found);
        return Ok(json!({ "output": name, "finished_earlier": true, "opens": opens }).into());
    }
    let prefix = prefix(file).map_err(|error| Failure::io(path, error))?;
    let rewrapped = match rewrap(job, &prefix, len) {
        Ok(rewrapped) => rewrapped,
        Err(error) if side => {
            return Err(with_side_hint(path, explain_open_failure(&name, error, &prefix, job.old)));
        }
        Err(error) => return made_earlier_or(job, &object, error),
    };
    job.change.check_rewrapped(&name, job.old, &rewrapped)?;
    if !rewrapped.changed {
        return Ok(unchanged_outcome(job, &name, &rewrapped));
    }
    // A header is overwritten in place only if that is cheaper: in a batch, replacing a small
    // object costs less than two syncs.
    let small = len.and_then(|len| usize::try_from(len).ok()).is_some_and(|len| len < SMALL);
    let in_place = rewrapped.header.len() == rewrapped.old_len
        && *writable
        && side_fits(path)
        && !replacement.has_other_names()
        && !(small && replacement.is_batched());
    if in_place {
        replace_header(path, file, &rewrapped.header, job.sync)?;
        return Ok(describe_outcome(job, &name, &rewrapped, rewrapped.header.len(), None));
    }
    let (copied, finished) = copy(job, path, file, &replacement, &rewrapped)?;
    let written = usize::try_from(copied).unwrap_or(usize::MAX);
    Ok(describe_outcome(job, &name, &rewrapped, written, Some(finished)))
}

/// Returns what a rewrap would change. Writes nothing; a side file is only read.
fn plan(job: &Job<'_>, object: Object) -> Result<Outcome> {
    let (name, len, mut prefix) = (object.name.clone(), object.len, object.prefix.clone());
    let failed = |error, prefix: &[u8]| explain_open_failure(&name, error, prefix, job.old);
    if object.armored {
        prefix = object.into_memory().unwrap_or_default();
    } else if let Some((path, file)) = object.into_file().filter(|(path, _)| sidefile::exists(path))
    {
        let (_, side) = sidefile::open_object(&path, &file, &prefix, |overlay| {
            SealedHeader::parse(overlay.head())?.unwrap(job.old, job.expectations.expected())
        })
        .map_err(|error| with_side_hint(&path, failed(error, &prefix)))?;
        if let Some(side) = side {
            prefix = [&*side, prefix.get(side.len()..).unwrap_or_default()].concat();
        }
    }
    let rewrapped = rewrap(job, &prefix, len).map_err(|error| failed(error, &prefix))?;
    job.change.check_rewrapped(&name, job.old, &rewrapped)?;
    job.count(&rewrapped);
    let was = keystead::inspect(&prefix, None).map_err(|error| Failure::at(&name, error))?;
    Ok(record_summary::planned_outcome(&name, &was.records, rewrapped.who_opens()))
}

/// Returns what an earlier run did, where that is why the given keys do not open the object.
fn made_earlier_or(job: &Job<'_>, object: &Object, error: Error) -> Result<Outcome> {
    if matches!(error, Error::NoKey(_))
        && let Some(outcome) = job.made_earlier(object)?
    {
        return Ok(outcome);
    }
    Err(explain_open_failure(&object.name, error, &object.prefix, job.old))
}

/// Describes an object in which there was nothing to change.
fn unchanged_outcome(job: &Job<'_>, name: &str, rewrapped: &Rewrapped) -> Outcome {
    job.count(rewrapped);
    let value = json!({
        "output": name, "proven": true, "generation": rewrapped.floor.generation,
        "floor": rewrapped.floor.to_string(),
        "opens": record_summary::to_json(rewrapped.who_opens()),
    });
    Outcome { existing: true, ..Outcome::from(value) }
}

/// Opens an object for a change. Returns whether a part of it can be overwritten: some cloud mounts
/// accept only whole files, and cannot read from a file that is open for writing.
fn open_to_change(path: &Path) -> io::Result<(File, bool)> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if filesystem::takes_any_order(&file)
        || platform::read_at(&file, &mut [IoSliceMut::new(&mut [0])], 0).is_ok()
    {
        return Ok((file, true));
    }
    Ok((File::open(path)?, false))
}

/// Describes a finished rewrap. `finished` is the new file, unless the header was overwritten in
/// place.
fn describe_outcome(
    job: &Job<'_>,
    name: &str,
    rewrapped: &Rewrapped,
    written: usize,
    finished: Option<FinishedReplacement>,
) -> Outcome {
    job.count(rewrapped);
    let mut value = json!({
        "output": name,
        "in_place": finished.is_none(),
        "bytes_written": written,
        "generation": rewrapped.floor.generation,
        "floor": rewrapped.floor.to_string(),
        "removed": record_summary::to_json(&rewrapped.removed),
        "opens": record_summary::to_json(rewrapped.who_opens()),
    });
    if let Some(finished) = &finished {
        finished.describe(&mut value);
    }
    Outcome { staged: finished.and_then(|finished| finished.staged), ..Outcome::from(value) }
}

/// Rewraps through the library. A header that grows in a large object gets spare room, so that it
/// grows only once.
fn rewrap(job: &Job<'_>, prefix: &[u8], len: Option<u64>) -> keystead::Result<Rewrapped> {
    let found = keystead::inspect(prefix, None)?;
    let changes = || {
        let changes = job.change.to_library(&found, job.is_alone);
        let changes = if job.vouch { changes.vouch() } else { changes };
        if job.unlinkable { changes.unlinkable() } else { changes }
    };
    let expected = job.expectations.expected();
    let rewrapped = keystead::rewrap(prefix, job.old, expected, &changes())?;
    let grew = rewrapped.header.len() > rewrapped.old_len && rewrapped.header.len() < ROOM;
    if grew && len.is_some_and(|len| len >= ROOM_FROM) {
        return keystead::rewrap(prefix, job.old, expected, &changes().header_len(ROOM));
    }
    Ok(rewrapped)
}

/// Finishes or discards an interrupted rewrap (R48). Returns what the header says if it was the
/// requested rewrap.
fn finish_interrupted(
    job: &Job<'_>,
    path: &Path,
    file: &File,
    report: &Report,
) -> Result<Option<Vec<RecordInspection>>> {
    if !sidefile::exists(path) {
        return Ok(None);
    }
    if restore(path, file, job.old, job.expectations.expected(), job.sync)?.is_some() {
        report.hint(&format!(
            "{}: an interrupted rewrap was finished or discarded first",
            shown(path)
        ));
        return Ok(None);
    }
    // The interrupted rewrap may have been the same one: then the new keys open.
    let opened = restore(path, file, &job.change.new_keys, job.expectations.expected(), job.sync)?;
    let Some(OpenedBy { key_id, .. }) = opened else { return Ok(None) };
    let prefix = prefix(file).map_err(|error| Failure::io(path, error))?;
    let found = keystead::inspect(&prefix, None).ok();
    if found.filter(|found| job.change.is_made(found)).is_none() {
        return Ok(None);
    }
    report.hint(&format!("{}: the interrupted rewrap to {key_id} is finished", shown(path)));
    Ok(Some(job.made_records(&prefix)))
}

fn with_side_hint(path: &Path, failure: Failure) -> Failure {
    let opens = matches!(failure.class, ErrorKind::NoKey | ErrorKind::Auth | ErrorKind::Format);
    if opens && sidefile::exists(path) {
        return failure.hint("a rewrap was interrupted here: give the new secret key with -k, too; nothing was changed");
    }
    failure
}

/// Returns whether the name has room for the suffix of the side file.
fn side_fits(path: &Path) -> bool {
    side_path(path).file_name().is_some_and(|name| name.len() <= 255)
}

fn prefix(file: &File) -> io::Result<Vec<u8>> {
    let mut file = HeaderOverlay::new(file.try_clone()?, None)?;
    let mut prefix = object::read_start(&mut file)?;
    object::read_header(&mut file, &mut prefix)?;
    Ok(prefix)
}

/// Copies the object with another header to a new file. Returns its length.
fn copy(
    job: &Job<'_>,
    path: &Path,
    file: &File,
    replacement: &Replacement<'_>,
    new: &Rewrapped,
) -> Result<(u64, FinishedReplacement)> {
    let failed = |error| Failure::io(path, error);
    let mut body = file.try_clone().map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let modified = times::after_change(platform::modified(&metadata));
    if !replacement.is_batched() {
        cancel::listen()?;
    }
    let old_len = u64::try_from(new.old_len).unwrap_or(u64::MAX);
    body.seek(SeekFrom::Start(old_len)).map_err(failed)?;
    let mut out = replacement.open(Some(metadata.len()), modified)?;
    out.write_all(&new.header).map_err(failed)?;
    let copied = io::copy(&mut body, &mut out).map_err(failed)?;
    let finished = replacement.finish(out, job.warnings)?;
    Ok((copied + u64::try_from(new.header.len()).unwrap_or(0), finished))
}
