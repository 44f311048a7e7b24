//! `rewrap`: other keys for the same object, in place. Where the header keeps its length, this
//! costs the same for every size.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use keystead::{
    ArmorWriter, Changes, Detail, Error, ErrorClass, Inspection, KeyId, Keyring, MasterKey,
    OpenedBy, RecordInspection, Rewrapped, Threads,
};
use serde_json::json;

use super::demands::Demands;
use super::many::{Destination, Folders, Many, Task, Told};
use super::replacement::{Finished, Remarks, Replacement};
use super::{ROOM, ROOM_FROM, records};
use super::{existing, lock};
use crate::args::Rewrap;
use crate::cancel;
use crate::failure::{Failure, Result};
use crate::filesystem;
use crate::input::Input;
use crate::keys;
use crate::object::{self, Object, explained};
use crate::passphrase::Passphrases;
use crate::platform;
use crate::report::{Report, shown};
use crate::sidefile::{self, Overlay, replace_header, restore, side_path};
use crate::small::SMALL;
use crate::temp;
use crate::times;

/// How `--drop` names the one record that has no id, and what `inspect` calls its kind.
const PASSPHRASE: &str = "passphrase";

/// What is asked for, for every input.
struct Job<'a> {
    old: &'a Keyring,
    new: &'a Keyring,
    demands: &'a Demands,
    add: bool,
    vouch: bool,
    fresh_run: bool,
    drop: &'a Dropped,
    sync: bool,
    remarks: &'a Remarks,
}

/// What is to be taken away.
#[derive(Default)]
struct Dropped {
    ids: Vec<KeyId>,
    /// The one passphrase record: it has no id.
    passphrase: bool,
}

impl Dropped {
    /// Whether one of these ways in is still there.
    fn is_in(&self, found: &Inspection) -> bool {
        let meant = |record: &RecordInspection| match record.key_id {
            Some(id) => self.ids.contains(&id),
            None => self.passphrase && record.kind == PASSPHRASE,
        };
        found.records.iter().any(meant)
    }
}

impl Job<'_> {
    /// Whether an earlier run over the folder did this already.
    fn is_done(&self, object: &Object) -> bool {
        existing::changed(object, self.new, |found| {
            let replaced = self.add || self.new.is_empty();
            !self.drop.is_in(found) && (replaced || existing::none_opens(found, self.old, self.new))
        })
    }
}

pub(crate) fn run(args: &Rewrap, threads: Threads, report: &Report) -> Result<u8> {
    let inputs = Input::list_once(&args.place.inputs)?;
    if inputs.contains(&Input::Stdin) {
        return Err(
            Failure::usage("rewrap changes files in place; stdin is none").hint("name the files")
        );
    }
    if args.to.is_empty() && args.drop.is_empty() {
        return Err(Failure::usage("neither --to nor --drop is given, so there is nothing to change")
            .hint("--to NEW replaces the key that opens, --to NEW --add keeps it, --drop ID takes one away"));
    }
    if args.add && args.to.is_empty() {
        return Err(Failure::usage("--add without a key to add").hint("--to NEW names it"));
    }
    let demands = Demands::of(&args.demands, inputs.len(), args.place.recursive)?;
    let (old, passphrases) = keys::to_open(&args.keys)?;
    let drop = dropped(&args.drop, &passphrases)?;
    let new = records(keys::load(&args.to, &passphrases)?, &args.records);
    let remarks = Remarks::default();
    let job = Job {
        old: &old,
        new: &new,
        demands: &demands,
        add: args.add,
        vouch: args.vouch,
        fresh_run: args.records.fresh_run,
        drop: &drop,
        sync: !args.place.no_sync,
        remarks: &remarks,
    };
    let ended = AtomicBool::new(false);
    let unknown = AtomicBool::new(false);
    let destination = Destination::InPlace { sync: job.sync };
    let folders = Folders { taken: args.place.recursive, objects: true, destination };
    let code = Many { verb: "rewrap", threads, folders, report }.run(&inputs, |task| {
        let told = one(&job, task, report)?;
        if !args.drop.is_empty() || !(job.add || job.new.is_empty()) {
            ended.store(true, Ordering::Relaxed);
        }
        if told.value["unknown_ways_in"].as_u64().is_some_and(|count| count > 0) {
            unknown.store(true, Ordering::Relaxed);
        }
        Ok(told)
    })?;
    remarks.report(report);
    if ended.into_inner() {
        report.hint("who kept an old header still opens this body; `keystead reencrypt` ends that for what is stored from now on, and nothing takes back what was read or copied before");
    }
    if unknown.into_inner() {
        report.hint(
            "a way in that this version does not know is still there; `keystead inspect` shows it",
        );
    }
    Ok(code)
}

/// Key ids, keys by their files and texts, or the passphrase.
fn dropped(names: &[OsString], passphrases: &Passphrases) -> Result<Dropped> {
    let mut dropped = Dropped::default();
    for name in names {
        let id = name.to_str().and_then(|text| text.parse().ok());
        match id {
            _ if name == PASSPHRASE => dropped.passphrase = true,
            Some(id) => dropped.ids.push(id),
            None if Path::new(name).exists() || keys::is_public(name) => {
                let keys = keys::load(std::slice::from_ref(name), passphrases)?;
                dropped.ids.extend(keys.iter().map(MasterKey::id));
            }
            None => {
                let name = shown(Path::new(name));
                return Err(Failure::usage(format!("--drop {name}: neither a key id nor a key"))
                    .hint("`keystead inspect FILE` lists the key ids; a key file, a public key or the word `passphrase` will do"));
            }
        }
    }
    Ok(dropped)
}

fn one(job: &Job<'_>, task: &Task, report: &Report) -> Result<Told> {
    let input = &task.input;
    let Some(path) = input.path() else { return Err(Failure::usage("stdin is not rewrapped")) };
    if task.place.is_none() {
        temp::sweep(path);
    }
    let object = Object::open(input)?;
    object.refuse_key_file()?;
    let name = object.name.clone();
    // A side file is looked into, whoever has done what.
    let side = sidefile::exists(path);
    if matches!(input, Input::Entry(_)) && !side && job.is_done(&object) {
        let proven = existing::proven(&object, [job.new, job.old], job.demands.expected())?;
        return Ok(existing::told_changed(&name, proven));
    }
    if !object.armored && !object.is_seekable() {
        return Err(Failure::usage(format!("{name}: not a regular file, so not changed in place"))
            .hint("rewrap the file that it comes from"));
    }
    let (len, modified) = (object.len, times::after_change(object.modified));
    // Armor is always replaced, so that it may be a file that nobody writes to.
    let opened = match object.armored {
        true => File::open(path).map(|file| (file, false)),
        false => open_to_change(path),
    };
    let (file, writable) = &opened.map_err(|error| Failure::io(path, error))?;
    let lock = lock::lock(file, path, object.id.as_ref())?;
    // An object that needs its side file is not replaced together with others.
    let place = task.place.as_ref().filter(|_| !side);
    let replacement = Replacement::of(path, place, (file, lock), job.sync)?;
    if object.armored {
        let bytes = object.into_memory().unwrap_or_default();
        let rewrapped =
            rewrap(job, &bytes, len).map_err(|error| explained(&name, error, &bytes, job.old))?;
        let body = bytes.get(rewrapped.old_len..).unwrap_or_default();
        let failed = |error| Failure::at(&name, error);
        let mut text = ArmorWriter::new(replacement.open(len, modified)?);
        let written = text.write_all(&rewrapped.header).and_then(|()| text.write_all(body));
        written.map_err(|error| failed(Error::from_io(error)))?;
        let (out, written) = text.finish().map_err(failed)?;
        let finished = replacement.finish(out, job.remarks)?;
        let written = usize::try_from(written).unwrap_or(usize::MAX);
        return Ok(told(&name, &rewrapped, written, Some(finished)));
    }
    if finish_interrupted(job, path, file, report)? {
        return Ok(json!({ "output": name, "finished_earlier": true }).into());
    }
    let prefix = prefix(file).map_err(|error| Failure::io(path, error))?;
    let rewrapped = rewrap(job, &prefix, len)
        .map_err(|error| with_side_hint(path, explained(&name, error, &prefix, job.old)))?;
    // A header is written over the old one where the body is worth it: together with others, a
    // small object is replaced at less cost than two syncs of its own.
    let small = len.and_then(|len| usize::try_from(len).ok()).is_some_and(|len| len < SMALL);
    let in_place = rewrapped.header.len() == rewrapped.old_len
        && *writable
        && side_fits(path)
        && !replacement.has_other_names()
        && !(small && replacement.is_batched());
    if in_place {
        replace_header(path, file, &rewrapped.header, job.sync)?;
        return Ok(told(&name, &rewrapped, rewrapped.header.len(), None));
    }
    let (copied, finished) = copy(job, path, file, &replacement, &rewrapped)?;
    let written = usize::try_from(copied).unwrap_or(usize::MAX);
    Ok(told(&name, &rewrapped, written, Some(finished)))
}

/// Opens an object to be changed; says whether a part of it can be. Some mounts of cloud storage
/// take whole files alone, and read nothing from a file that is open for writing.
fn open_to_change(path: &Path) -> io::Result<(File, bool)> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if filesystem::takes_any_order(&file)
        || platform::read_at(&file, &mut [IoSliceMut::new(&mut [0])], 0).is_ok()
    {
        return Ok((file, true));
    }
    Ok((File::open(path)?, false))
}

/// `finished` is the new file, where the header was not written over the old one.
fn told(name: &str, rewrapped: &Rewrapped, written: usize, finished: Option<Finished>) -> Told {
    let mut value = json!({
        "output": name,
        "in_place": finished.is_none(),
        "bytes_written": written,
        "generation": rewrapped.floor.generation,
        "floor": rewrapped.floor.to_string(),
        "unknown_ways_in": rewrapped.unknown_ways_in,
        "origin_dropped": rewrapped.origin_dropped,
    });
    if let Some(finished) = &finished {
        finished.describe(&mut value);
    }
    Told { staged: finished.and_then(|finished| finished.staged), ..Told::from(value) }
}

/// The library's rewrap; a header that grows in a large object gets room, so that it grows once.
fn rewrap(job: &Job<'_>, prefix: &[u8], len: Option<u64>) -> keystead::Result<Rewrapped> {
    let passphrase = job.drop.passphrase.then(|| passphrase_record(prefix)).transpose()?;
    let changes = || {
        let changes = match (job.new.is_empty(), job.add) {
            (true, _) => Changes::new(),
            (false, true) => Changes::add(job.new),
            (false, false) => Changes::replace_with(job.new),
        };
        let changes = if job.vouch { changes.vouch() } else { changes };
        let changes = if job.fresh_run { changes.fresh_run() } else { changes };
        let changes = passphrase.into_iter().fold(changes, Changes::drop_record);
        job.drop.ids.iter().fold(changes, |changes, id| changes.drop_key(*id))
    };
    let expected = job.demands.expected();
    let rewrapped = keystead::rewrap(prefix, job.old, expected, &changes())?;
    let grew = rewrapped.header.len() > rewrapped.old_len && rewrapped.header.len() < ROOM;
    if grew && len.is_some_and(|len| len >= ROOM_FROM) {
        return keystead::rewrap(prefix, job.old, expected, &changes().header_len(ROOM));
    }
    Ok(rewrapped)
}

/// The place of the passphrase record. The rewrap proves the header that it was found in.
fn passphrase_record(prefix: &[u8]) -> keystead::Result<usize> {
    let found = keystead::inspect(prefix, None)?;
    let position = found.records.iter().position(|record| record.kind == PASSPHRASE);
    position.ok_or_else(|| {
        let detail = Detail::new("no passphrase opens this object");
        Error::Usage(detail.hint("`keystead inspect` lists the ways in"))
    })
}

/// R48: writes a proven side header over, or removes a side file that is not needed. True where
/// that was the very rewrap asked for.
fn finish_interrupted(job: &Job<'_>, path: &Path, file: &File, report: &Report) -> Result<bool> {
    if !sidefile::exists(path) {
        return Ok(false);
    }
    if restore(path, file, job.old, job.demands.expected(), job.sync)?.is_some() {
        report.hint(&format!(
            "{}: an interrupted rewrap was finished or discarded first",
            shown(path)
        ));
        return Ok(false);
    }
    // The interrupted one may have been this one: then the new keys open.
    let opened = restore(path, file, job.new, job.demands.expected(), job.sync)?;
    let Some(OpenedBy { key_id, .. }) = opened else { return Ok(false) };
    let prefix = prefix(file).map_err(|error| Failure::io(path, error))?;
    if !fulfils(job, &prefix) {
        return Ok(false);
    }
    report.hint(&format!("{}: the interrupted rewrap to {key_id} is finished", shown(path)));
    Ok(true)
}

/// Whether the header says what is asked for: every new key is there, none that is to go.
fn fulfils(job: &Job<'_>, prefix: &[u8]) -> bool {
    let Ok(found) = keystead::inspect(prefix, None) else { return false };
    let there = |id: KeyId| found.records.iter().any(|record| record.key_id == Some(id));
    let stays = |id: KeyId| job.add || job.new.iter().any(|key| key.id() == id);
    job.new.iter().all(|key| existing::opens_with(&found, key))
        && !job.drop.is_in(&found)
        && !job.old.iter().any(|key| there(key.id()) && !stays(key.id()))
}

fn with_side_hint(path: &Path, failure: Failure) -> Failure {
    let opens = matches!(failure.class, ErrorClass::NoKey | ErrorClass::Auth | ErrorClass::Format);
    if opens && sidefile::exists(path) {
        return failure.hint("a rewrap was interrupted here: give the new secret key with -k, too; nothing was changed");
    }
    failure
}

/// A name that has no room for the suffix is copied.
fn side_fits(path: &Path) -> bool {
    side_path(path).file_name().is_some_and(|name| name.len() <= 255)
}

fn prefix(file: &File) -> io::Result<Vec<u8>> {
    let mut file = Overlay::new(file.try_clone()?, None)?;
    let mut prefix = object::read_start(&mut file)?;
    object::read_header(&mut file, &mut prefix)?;
    Ok(prefix)
}

/// The whole object with another header, once, in a new file. Returns its length.
fn copy(
    job: &Job<'_>,
    path: &Path,
    file: &File,
    replacement: &Replacement<'_>,
    new: &Rewrapped,
) -> Result<(u64, Finished)> {
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
    let finished = replacement.finish(out, job.remarks)?;
    Ok((copied + u64::try_from(new.header.len()).unwrap_or(0), finished))
}
