//! `encrypt -r --delete`: deletes objects whose input is gone, when everything else is done. In
//! doubt, an object stays.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use keystead::ErrorKind;
use serde_json::json;

use super::file_lock;
use super::outputs::Outputs;
use super::publisher::{Event, Publisher};
use super::{DRY_RUN, question};
use crate::args::DeleteArgs;
use crate::conflicts;
use crate::demo::format_count;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::keys;
use crate::object::Object;
use crate::platform::{self, FileId};
use crate::report::{Report, shown};
use crate::sidefile;
use crate::tree::{self, Entry, Found, Walk};

/// What a run deletes at its end.
pub(super) struct Deletion {
    plans: Vec<Plan>,
    /// Why nothing is deleted: a directory could not be read.
    blocked: Option<Failure>,
}

/// What is deleted in the output directory of one input directory.
struct Plan {
    source: PathBuf,
    source_id: FileId,
    output: PathBuf,
    /// Objects whose input is gone, relative to the output directory.
    objects: BTreeSet<PathBuf>,
}

impl Deletion {
    /// Looks for objects to delete. Fails where someone would have to be asked and cannot be.
    pub(super) fn plan(args: &DeleteArgs, inputs: &[Input], outputs: &Outputs<'_>) -> Result<Self> {
        let mut deletion = Self { plans: Vec::new(), blocked: None };
        if !args.delete {
            return Ok(deletion);
        }
        if !args.yes && !args.dry_run && !question::has_terminal() {
            return Err(Failure::usage(
                "--delete asks before it deletes, and there is no terminal",
            )
            .hint("--yes deletes without asking; --dry-run prints what would be deleted"));
        }
        let dirs = inputs.iter().filter_map(Input::path).filter(|path| path.is_dir());
        let dirs: Vec<_> = dirs.map(|dir| Ok((dir, outputs.tree(dir)?))).collect::<Result<_>>()?;
        check_apart(inputs, &dirs)?;
        for (source, output) in dirs {
            match Plan::new(source, output) {
                Ok(plan) => deletion.plans.push(plan),
                // The other files are encrypted all the same.
                Err(failure) if failure.class == ErrorKind::Io && !args.dry_run => {
                    deletion.blocked = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(deletion)
    }

    /// Prints what would be deleted.
    pub(super) fn print(&self, report: &Report) -> Result<()> {
        for name in self.names() {
            report.line(&format!("{name}: would be deleted"))?;
            report.result(&json!({
                "verb": "encrypt", "output": name, "ok": true, "dry_run": true, "deleted": false,
            }))?;
        }
        report.line(&format!("encrypt: {} would be deleted", count(self.len())))?;
        report.hint(DRY_RUN);
        Ok(())
    }

    /// Asks on the terminal whether to delete these objects, unless there are none.
    pub(super) fn confirm(&self, args: &DeleteArgs, report: &Report) -> Result<()> {
        if args.yes || self.len() == 0 {
            return Ok(());
        }
        self.names().for_each(|name| report.to_delete(&name));
        question::confirm(&format!("delete {} in the end?", count(self.len())), report)
    }

    /// Deletes the objects, unless anything failed.
    pub(super) fn carry_out(self, publisher: &mut Publisher<'_>) -> Result<()> {
        if publisher.tally.has_failures() && (self.blocked.is_some() || self.len() > 0) {
            publisher.hint("nothing was deleted, because not everything else succeeded");
            return Ok(());
        }
        if let Some(failure) = self.blocked {
            return publisher.take(Event::Finished("--delete".to_owned(), Err(failure)));
        }
        self.plans.iter().try_for_each(|plan| plan.carry_out(publisher))
    }

    fn len(&self) -> usize {
        self.plans.iter().map(|plan| plan.objects.len()).sum()
    }

    /// Returns the names of the objects in messages.
    fn names(&self) -> impl Iterator<Item = String> {
        self.plans.iter().flat_map(|plan| plan.objects.iter().map(|below| plan.shown(below)))
    }
}

impl Plan {
    fn new(source: &Path, output: PathBuf) -> Result<Self> {
        let source_id = id_of(source)?;
        let mut objects = if output.is_dir() { orphans(source, &output)? } else { Vec::new() };
        if !objects.is_empty() {
            let kept = outputs_of(source, &output)?;
            if kept.is_empty() {
                return Err(refuse_empty(source, &output, objects.len()));
            }
            objects.retain(|(_, id)| !kept.contains(&Some(id.clone())));
        }
        let objects = objects.into_iter().map(|(below, _)| below).collect();
        Ok(Self { source: source.to_owned(), source_id, output, objects })
    }

    fn shown(&self, below: &Path) -> String {
        shown(&self.output.join(below))
    }

    fn carry_out(&self, publisher: &mut Publisher<'_>) -> Result<()> {
        if self.objects.is_empty() {
            return Ok(());
        }
        let walk = self.check_source().and_then(|()| Walk::new(&self.output));
        let walk = match walk {
            Ok(walk) => walk,
            Err(failure) => {
                return publisher.take(Event::Finished(shown(&self.output), Err(failure)));
            }
        };
        for found in walk {
            let Found::File(entry) = found else { continue };
            if !self.objects.contains(&entry.below) {
                continue;
            }
            match self.delete(&entry) {
                Ok(true) => publisher.take(Event::Deleted(entry.path))?,
                Ok(false) => {}
                Err(failure) => {
                    publisher.take(Event::Finished(shown(&entry.path), Err(failure)))?;
                }
            }
        }
        self.remove_empty_dirs();
        Ok(())
    }

    /// Fails where the input directory is another one by now, or empty: an unmounted disk.
    fn check_source(&self) -> Result<()> {
        let is_file = |found| matches!(found, Found::File(_));
        if id_of(&self.source)? == self.source_id && Walk::new(&self.source)?.any(is_file) {
            return Ok(());
        }
        let what = format!("{}: another directory took its place", shown(&self.source));
        Err(Failure::new(ErrorKind::Io, what).hint("nothing was deleted; run it again"))
    }

    /// Deletes an object. Returns false where it is no longer one whose input is gone.
    fn delete(&self, entry: &Entry) -> Result<bool> {
        let file = entry.open()?;
        let _lock = file_lock::lock(&file, &entry.path, None)?;
        if !is_orphan(&self.source, entry) {
            return Ok(false);
        }
        if sidefile::exists(&entry.path) {
            let what = format!("{}: not deleted, a rewrap was interrupted", shown(&entry.path));
            return Err(Failure::usage(what).hint("finish the rewrap, and run this again"));
        }
        entry.remove().map(|()| true)
    }

    /// Removes directories that are empty now and whose input is gone, the deepest first: they
    /// would come back, too.
    fn remove_empty_dirs(&self) {
        let dirs = self.objects.iter().flat_map(|below| below.ancestors().skip(1));
        let dirs: BTreeSet<_> = dirs.filter(|dir| is_gone(&self.source, dir)).collect();
        for dir in dirs.into_iter().rev() {
            // One that is not empty stays.
            let _ = tree::remove_empty_dir(&self.output, dir);
        }
    }
}

/// Fails where a directory that may be deleted from holds an input, or outputs of another one.
fn check_apart(inputs: &[Input], dirs: &[(&Path, PathBuf)]) -> Result<()> {
    let real: Vec<_> = dirs.iter().map(|(_, output)| output.canonicalize().ok()).collect();
    for (index, (_, output)) in dirs.iter().enumerate() {
        let Some(outer) = &real[index] else { continue };
        let holds = |inner: &Path| inner.starts_with(outer);
        let mut others = real.iter().enumerate().filter(|(other, _)| *other != index);
        if others.any(|(_, inner)| inner.as_deref().is_some_and(holds)) {
            let what = format!("{}: it holds outputs of another input", shown(output));
            return Err(Failure::usage(what).hint("run it once for each input"));
        }
        let mut paths = inputs.iter().filter_map(Input::path);
        if paths.any(|path| path.canonicalize().is_ok_and(|path| holds(&path))) {
            let what = format!("{}: it holds an input, and --delete is given", shown(output));
            return Err(Failure::usage(what).hint("name another output directory with -o"));
        }
    }
    Ok(())
}

/// Returns the objects in the output directory whose input is gone. Links are not followed.
fn orphans(source: &Path, output: &Path) -> Result<Vec<(PathBuf, FileId)>> {
    let mut objects = Vec::new();
    for found in Walk::new(output)? {
        match found {
            Found::File(entry) if is_orphan(source, &entry) => {
                objects.push((entry.below.clone(), id_of(&entry.path)?));
            }
            Found::Failed { failure, .. } => return Err(failure),
            _ => {}
        }
    }
    Ok(objects)
}

/// Returns the identity of the output of each input file, where it exists. A file system may change
/// names, such as their case; what an output's name leads to is never deleted.
fn outputs_of(source: &Path, output: &Path) -> Result<HashSet<Option<FileId>>> {
    let mut outputs = HashSet::new();
    for found in Walk::new(source)? {
        match found {
            Found::File(entry) => {
                let mut name = output.join(&entry.below).into_os_string();
                name.push(".ks");
                outputs.insert(id_of(Path::new(&name)).ok());
            }
            Found::Failed { failure, .. } => return Err(failure),
            _ => {}
        }
    }
    Ok(outputs)
}

fn is_orphan(source: &Path, entry: &Entry) -> bool {
    entry.below.extension().is_some_and(|extension| extension == "ks")
        && is_gone(source, &entry.below.with_extension(""))
        && is_object(entry)
}

/// Returns whether nothing is at a path below a directory. A link may lead to what is not mounted,
/// and an error proves nothing: both count as existing.
fn is_gone(root: &Path, below: &Path) -> bool {
    if root.join(below).symlink_metadata().is_ok() {
        return false;
    }
    let mut path = root.to_owned();
    for part in below {
        path.push(part);
        match path.symlink_metadata() {
            Err(error) => return error.kind() == std::io::ErrorKind::NotFound,
            Ok(found) if found.is_symlink() => return false,
            Ok(found) if !found.is_dir() => return true,
            Ok(_) => {}
        }
    }
    false
}

/// Returns whether it is an object, and no key file.
fn is_object(entry: &Entry) -> bool {
    let Ok(object) = Object::open(&Input::Entry(entry.clone())) else { return false };
    keystead::inspect(&object.prefix, None).is_ok()
        && !keys::is_key_object(&object.prefix)
        && is_unused(entry, object)
}

/// Returns whether this run neither reads nor writes the file otherwise.
fn is_unused(entry: &Entry, object: Object) -> bool {
    let (id, len) = (object.id.clone(), object.len.unwrap_or(0));
    let open = || entry.open_file();
    id.is_some_and(|id| conflicts::check_replaced(&entry.path, &id, len, open).is_ok())
}

fn id_of(path: &Path) -> Result<FileId> {
    let found = path.metadata();
    found
        .and_then(|found| platform::file_id(path, &found))
        .map_err(|error| Failure::io(path, error))
}

fn refuse_empty(source: &Path, output: &Path, objects: usize) -> Failure {
    let (objects, output) = (count(objects), shown(output));
    let what = format!("{}: no file in it, but {objects} in {output}", shown(source));
    Failure::usage(what).hint(format!("is it mounted? if all should go, delete {output} yourself"))
}

/// Returns `1 object` or `12 objects`.
fn count(objects: usize) -> String {
    let noun = if objects == 1 { "object" } else { "objects" };
    format!("{} {noun}", format_count(u64::try_from(objects).unwrap_or(u64::MAX)))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certainly_gone_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("link")).unwrap();
        for there in ["a", "a/b", "file", "link", "link/c", "link/c/d"] {
            assert!(!is_gone(root, Path::new(there)), "{there}");
        }
        let long = "n".repeat(300);
        assert!(!is_gone(root, Path::new(&long)));
        for gone in ["c", "a/c", "a/b/c/d", "file/c", "file/c/d"] {
            assert!(is_gone(root, Path::new(gone)), "{gone}");
        }
    }
}
