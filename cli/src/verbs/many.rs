//! Many inputs: files one by one, folders with all that is in them. Each gets its result, its
//! errors and its JSON object, in order;
//! a failure ends nothing but the exit code is that of the first.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::tally::Tally;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::progress::{self, Progress, Total};
use crate::report::{Report, failure_json, shown};
use crate::tree::{Found, Mirror, Walk};
use crate::workers;

/// One input to work on.
pub(crate) struct Task {
    pub(crate) input: Input,
    /// Where its output goes, if the folder that it was found in says so.
    pub(crate) place: Option<PathBuf>,
}

/// What came of an input.
#[derive(Default)]
pub(crate) struct Told {
    /// A line for people.
    pub(crate) line: Option<String>,
    pub(crate) hint: Option<String>,
    /// Nothing was to be done: its output is there.
    pub(crate) existing: bool,
    /// Fields of its JSON object.
    pub(crate) value: Value,
}

impl From<Value> for Told {
    fn from(value: Value) -> Self {
        Self { value, ..Self::default() }
    }
}

/// How folders are taken.
#[derive(Clone, Copy)]
pub(crate) struct Folders<'a> {
    /// `-r`.
    pub(crate) taken: bool,
    /// Only names that end in `.ks`.
    pub(crate) objects: bool,
    /// Where the outputs go; without, there are none.
    pub(crate) outputs: Option<Outputs<'a>>,
}

/// Outputs in a folder of their own.
#[derive(Clone, Copy)]
pub(crate) struct Outputs<'a> {
    /// `-o`.
    pub(crate) root: Option<&'a Path>,
    /// From the name of an input to that of its output, for files and for the folder that was
    /// named.
    pub(crate) name: fn(&Path) -> Result<PathBuf>,
    pub(crate) sync: bool,
}

/// A verb that works on many inputs.
pub(crate) struct Many<'a> {
    pub(crate) verb: &'static str,
    pub(crate) threads: usize,
    pub(crate) folders: Folders<'a>,
    pub(crate) report: &'a Report,
}

/// What the walk hands to the workers: work, or a result that needs none.
enum Job {
    Work(Task),
    Skipped(PathBuf, &'static str),
    Failed(String, Failure),
}

enum Outcome {
    Told(String, Result<Told>),
    Skipped(PathBuf, &'static str),
}

impl Many<'_> {
    /// Gives the exit code.
    pub(crate) fn run(
        &self,
        inputs: &[Input],
        work: impl Fn(&Task) -> Result<Told> + Sync,
    ) -> Result<u8> {
        let mut tally = Tally::default();
        let jobs = inputs.iter().flat_map(|input| self.jobs(input));
        let outcome = |job| match job {
            Job::Work(task) => Outcome::Told(task.input.shown(), work(&task)),
            Job::Skipped(path, why) => Outcome::Skipped(path, why),
            Job::Failed(name, failure) => Outcome::Told(name, Err(failure)),
        };
        let progress = self.report.has_progress().then(|| Progress::start(self.total(inputs)));
        workers::in_order(self.threads, jobs, outcome, |outcome| {
            progress::add_file();
            self.told(outcome, &mut tally)
        })?;
        drop(progress);
        if self.folders.taken {
            self.report.line(&tally.line(self.verb))?;
            self.report.result(&tally.json(self.verb))?;
        }
        Ok(tally.code)
    }

    /// What there is to do; walks folders once more for it.
    fn total(&self, inputs: &[Input]) -> Total {
        let (mut bytes, mut files) = (Some(0_u64), 0);
        for path in inputs.iter().map(Input::path) {
            match path {
                Some(path) if self.folders.taken && path.is_dir() => {
                    let Ok(walk) = Walk::new(path) else { continue };
                    for found in walk {
                        if let Found::File(entry) = found {
                            files += 1;
                            bytes = bytes.map(|sum| sum.saturating_add(entry.len));
                        }
                    }
                }
                path => {
                    files += 1;
                    let metadata = path.and_then(|path| path.metadata().ok());
                    let len = metadata.filter(Metadata::is_file).map(|metadata| metadata.len());
                    bytes = bytes.zip(len).map(|(sum, len)| sum.saturating_add(len));
                }
            }
        }
        Total { bytes, files: (self.folders.taken || files > 1).then_some(files) }
    }

    fn told(&self, outcome: Outcome, tally: &mut Tally) -> Result<()> {
        match outcome {
            Outcome::Told(name, result) => told(self.verb, &name, result, tally, self.report),
            Outcome::Skipped(path, why) => {
                tally.skipped += 1;
                let name = shown(&path);
                self.report.skipped(&format!("{name}: {why}"));
                self.report.result(&json!({
                    "verb": self.verb, "input": name, "ok": true, "skipped": why,
                }))
            }
        }
    }

    fn jobs<'a>(&'a self, input: &'a Input) -> Box<dyn Iterator<Item = Job> + 'a> {
        match input {
            Input::File(path) if self.folders.taken && path.is_dir() => match self.folder(path) {
                Ok(jobs) => jobs,
                Err(failure) => Box::new(std::iter::once(Job::Failed(shown(path), failure))),
            },
            input => {
                let task = Task { input: input.clone(), place: None };
                Box::new(std::iter::once(Job::Work(task)))
            }
        }
    }

    /// The jobs of a folder. Its mirror is made on the way, each folder before what goes into it.
    fn folder<'a>(&'a self, root: &'a Path) -> Result<Box<dyn Iterator<Item = Job> + 'a>> {
        let outputs = self.folders.outputs;
        let mirror = match outputs {
            Some(outputs) => Some(Mirror::new(root, &outputs.place(root)?, outputs.sync)?),
            None => None,
        };
        let mut walk = Walk::new(root)?;
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                let found = walk.next()?;
                if let Some(job) = self.job(found, mirror.as_ref(), &mut walk) {
                    return Some(job);
                }
            }
        })))
    }

    fn job(&self, found: Found, mirror: Option<&Mirror>, walk: &mut Walk) -> Option<Job> {
        match found {
            Found::Skipped { path, why } => Some(Job::Skipped(path, why)),
            Found::Failed { path, failure } => Some(Job::Failed(shown(&path), failure)),
            Found::Folder { path, below } => {
                let failure = mirror?.folder(&path, &below).err()?;
                walk.leave();
                Some(Job::Failed(shown(&path), failure))
            }
            Found::File(entry) if self.folders.objects && !is_object_name(&entry.path) => {
                Some(Job::Skipped(entry.path, "its name does not end in .ks"))
            }
            Found::File(entry) => {
                let place = match (mirror, self.folders.outputs) {
                    (Some(mirror), Some(outputs)) => match (outputs.name)(&entry.below) {
                        Ok(below) => Some(mirror.place(&below)),
                        Err(failure) => return Some(Job::Failed(shown(&entry.path), failure)),
                    },
                    _ => None,
                };
                Some(Job::Work(Task { input: Input::Entry(entry), place }))
            }
        }
    }
}

impl Outputs<'_> {
    /// `-o`, or the folder's name made into another.
    fn place(&self, root: &Path) -> Result<PathBuf> {
        match self.root {
            Some(stdout) if stdout == Path::new("-") => {
                Err(Failure::usage(format!("{}: a folder does not go to stdout", shown(root)))
                    .hint("-o FOLDER takes it"))
            }
            Some(place) => Ok(place.to_owned()),
            // Without a trailing slash; `.` and `..` have no name to make another of.
            None if root.file_name().is_some() => (self.name)(root.components().as_path()),
            None => Err(Failure::usage(format!("{}: its output has no name", shown(root)))
                .hint("-o FOLDER names it")),
        }
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
            if let Some(hint) = &told.hint {
                report.hint(hint);
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

fn is_object_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ks")
}
