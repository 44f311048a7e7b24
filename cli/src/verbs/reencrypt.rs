//! `reencrypt`: a new object with a new data key takes the old one's place when it is complete.

use keystead::{Error, Evidence, Expected, Inspection, Keys, RecordInspection, Threads};
use serde_json::json;

use super::batch::{Batch, Destination, Outcome, Task, TreeOptions};
use super::change::Change;
use super::expectations::Expectations;
use super::record_summary::{self, HeaderTap, RecordSummary};
use super::replacement::{Replacement, Warnings};
use super::{DRY_RUN, header_options, info_to_json, threads_per_file};
use super::{existing, file_lock, obstacle};
use crate::args::Reencrypt;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys::{self, LoadedKeys};
use crate::object::{Object, explain_open_failure};
use crate::report::Report;
use crate::sidefile;
use crate::times;

/// What reencrypting every input of a run needs.
struct Job<'a> {
    args: &'a Reencrypt,
    /// The keys to open with.
    old: &'a Keys,
    change: &'a Change,
    expected: Expected<'a>,
    warnings: &'a Warnings,
    summary: &'a RecordSummary,
}

pub(crate) fn run(args: &Reencrypt, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list_once(&args.place.inputs)?;
    if inputs.contains(&Input::Stdin) {
        return Err(Failure::usage("reencrypt replaces files, and stdin is not a file")
            .hint("in a pipe: `keystead decrypt … | keystead encrypt …`"));
    }
    let expectations = Expectations::of(&args.expectations, inputs.len(), args.place.recursive)?;
    let obstacle = obstacle::find(&inputs, args.place.recursive);
    let (LoadedKeys { keys: old, recipients }, passphrases) =
        keys::load_to_change(&args.keys, obstacle)?;
    let change = Change::load(&args.access, &args.records, &passphrases, &recipients)?;
    passphrases.check_used()?;
    change.check_me(&old)?;
    change.confirm(&args.safeguards, args.place.recursive, report)?;
    let (warnings, summary) = (Warnings::default(), RecordSummary::default());
    let each = threads_per_file(&inputs, args.place.recursive, threads);
    let job = Job {
        args,
        old: &old,
        change: &change,
        expected: expectations.expected().threads(each),
        warnings: &warnings,
        summary: &summary,
    };
    let destination = Destination::of_changes(args.safeguards.dry_run, !args.place.no_sync);
    let (recursive, listing) = (args.place.recursive, args.place.listing);
    let tree_options = TreeOptions { recursive, listing, objects_only: true, destination };
    let code = Batch { verb: "reencrypt", threads, tree_options, report }
        .run(&inputs, |task| reencrypt_input(&job, task))?;
    summary.report(args.safeguards.dry_run, false, report);
    if args.safeguards.dry_run {
        report.hint(DRY_RUN);
    }
    warnings.report(report);
    Ok(code)
}

fn reencrypt_input(job: &Job<'_>, task: &Task) -> Result<Outcome> {
    let Job { args, old, change, expected, warnings, summary } = *job;
    let input = &task.input;
    let Some(path) = input.path() else { return Err(Failure::usage("stdin is not replaced")) };
    let object = Object::open(input)?;
    object.refuse_key_file()?;
    let (name, prefix, sync) = (object.name.clone(), object.prefix.clone(), !args.place.no_sync);
    if object.armored || !object.is_seekable() {
        return Err(Failure::usage(format!("{name}: only binary objects in files are replaced"))
            .hint("`keystead decrypt` it and `keystead encrypt` it again"));
    }
    // A new data key leaves no mark, so whatever the old keys open is done again, even for the same
    // new keys: a removed holder still has the old data key.
    let is_made = |found: &Inspection| change.is_made(found) && existing::none_opens(found, old);
    if matches!(input, Input::Entry(_)) && existing::is_changed(&object, is_made) {
        let proven = existing::is_proven(&object, [&change.new_keys, old], expected)?;
        return Ok(existing::changed_outcome(&name, proven));
    }
    let (len, id, modified) = (object.len, object.id.clone(), object.modified);
    let Some((_, file)) = object.into_file() else {
        return Err(Failure::usage(format!("{name}: not a file")));
    };
    let file = &file;
    let lock = file_lock::lock(file, path, id.as_ref())?;
    let failed = |error| explain_open_failure(&name, error, &prefix, old);

    // Finds out which header opens before anything is written.
    let ((found, provenance), side) = sidefile::open_object(path, file, &prefix, |overlay| {
        keystead::Decryptor::new(overlay, old, expected)
            .map(|reader| (reader.info().context.clone(), reader.info().opened_by.provenance))
    })
    .map_err(failed)?;
    let modified =
        times::after_change(sidefile::read_time(path, file, side.as_deref()).or(modified));
    // The header that opened describes the old object; its own may be torn.
    let header = side.clone().unwrap_or(prefix.clone());
    let was = keystead::inspect(&header, len).map_err(|error| Failure::at(&name, error))?;
    let new = &change.resolve(&name, old, &was.records, &args.records)?;
    Change::check_vouched(&name, new, provenance, args.safeguards.vouch)?;
    if args.safeguards.dry_run {
        let made = keystead::encrypt(new, b"", &found)?;
        let opens = made_now(&made)?;
        summary.add(&opens);
        return Ok(record_summary::planned_outcome(&name, &was.records, &opens));
    }
    let whole = file.try_clone().and_then(|file| sidefile::HeaderOverlay::new(file, side));
    let whole = whole.map_err(|error| Failure::io(path, error))?;
    // The object's length includes the header, which is close enough to choose the room.
    let options = header_options(new, &found, was.plaintext_len.or(len), &args.records)?;
    let options = if args.safeguards.vouch { options.vouch() } else { options };
    // An object with a side file is not replaced in a batch: the side file is removed after the
    // rename.
    let has_side = sidefile::exists(path);
    let output_path = task.output_path.as_ref().filter(|_| !has_side);
    let replacement = Replacement::of(path, output_path, file, lock, sync)?;
    let out = HeaderTap { out: replacement.open(len, modified)?, header: Vec::new() };
    let made = keystead::reencrypt(whole, old, expected, new, &options, out);
    let made = made.map_err(|error| match error {
        Error::Io(_) => Failure::at(&name, error),
        error => failed(error),
    })?;
    let floor = made.new.floor;
    let HeaderTap { out, header: made_header } = made.new.out;
    let finished = replacement.finish(out, warnings)?;
    if has_side {
        sidefile::remove(path, sync)?;
    }
    let opens = made_now(&made_header).map_err(|error| Failure::at(&name, error))?;
    summary.add(&opens);
    let ids: Vec<_> = new.iter().map(|key| key.id().to_string()).collect();
    // R47: keys that are not named again lose access, which is reported; for the key that was given
    // this is intended.
    let by = made.old.opened_by.key_id.to_string();
    let mut dropped = not_carried_over(was, &ids);
    dropped.retain(|way| *way != by);
    let mut outcome = Outcome::from(info_to_json(&made.old));
    if !dropped.is_empty() {
        outcome.hints.push(format!("{name}: opens no longer with {}", dropped.join(", ")));
    }
    outcome.value["generation"] = floor.generation.into();
    outcome.value["floor"] = floor.to_string().into();
    outcome.value["output"] = json!(name);
    outcome.value["key_ids"] = json!(ids);
    outcome.value["dropped"] = json!(dropped);
    outcome.value["opens"] = record_summary::to_json(&opens);
    finished.describe(&mut outcome.value);
    outcome.staged = finished.staged;
    Ok(outcome)
}

/// Returns the records of a new object.
fn made_now(header: &[u8]) -> keystead::Result<Vec<RecordInspection>> {
    let mut records = keystead::inspect(header, None)?.records;
    records.iter_mut().for_each(|record| record.evidence = Evidence::MadeNow);
    Ok(records)
}

/// Returns the keys of the old object that do not open the new one.
fn not_carried_over(old: Inspection, new: &[String]) -> Vec<String> {
    let old = old.records.into_iter().map(|record| {
        record.key_id.map_or_else(|| format!("its {} record", record.kind), |id| id.to_string())
    });
    old.filter(|way| !new.contains(way)).collect()
}
