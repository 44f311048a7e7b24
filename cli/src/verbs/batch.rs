//! Runs a verb on many inputs: files, and directories with everything in them. Outcomes are
//! reported in order. A failure does not end the run; the exit code is that of the gravest failure.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keystead::Threads;
use serde_json::Value;

use super::outputs::Outputs;
use super::publisher::{Event, Publisher};
use super::repeats::Repeats;
use super::tally::Tally;
use crate::args::Listing;
use crate::demo::format_count;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::progress::{Progress, Total};
use crate::report::{Report, shown};
use crate::small_file::Buffers;
use crate::times;
use crate::tree::{DirStack, Found, LIMITS, OutputPath, OutputTree, SkipReason, Staged, Walk};
use crate::workers;

/// Printed once per run, since it holds for every output on the file system.
const UNKEPT: &str = "this file system does not keep the time that a file is given, so another -r run cannot tell by times what is done; there, --check content compares contents";
/// The same hint for verbs that change objects.
const UNKEPT_BY_CHANGE: &str = "this file system does not keep the time that a file is given, so encrypt -r and decrypt -r cannot tell by times that this was a change of the same object; there, --check content compares contents";

/// One input to work on.
pub(crate) struct Task {
    pub(crate) input: Input,
    /// The path of its output, if it was found in a directory.
    pub(crate) output_path: Option<OutputPath>,
}

/// The outcome of one input.
#[derive(Default)]
pub(crate) struct Outcome {
    /// A line of text for the user.
    pub(crate) line: Option<String>,
    /// Escaped lines that are printed even with `-q`.
    pub(crate) text: String,
    pub(crate) hints: Vec<String>,
    /// Whether the output was there already.
    pub(crate) existing: bool,
    /// Bytes of plaintext.
    pub(crate) bytes: u64,
    /// Fields of its JSON object.
    pub(crate) value: Value,
    /// Its complete output, if that still waits for its name.
    pub(crate) staged: Option<Staged>,
}

impl From<Value> for Outcome {
    fn from(value: Value) -> Self {
        let bytes = value["plaintext_len"].as_u64().unwrap_or(0);
        Self { value, bytes, ..Self::default() }
    }
}

/// How directories are processed.
#[derive(Clone, Copy)]
pub(crate) struct TreeOptions<'a> {
    /// `-r`.
    pub(crate) recursive: bool,
    /// What is reported of a directory.
    pub(crate) listing: Listing,
    /// Only names that end in `.ks`.
    pub(crate) objects_only: bool,
    /// Where the outputs go.
    pub(crate) destination: Destination<'a>,
}

/// Where the outputs of a directory's files go.
#[derive(Clone, Copy)]
pub(crate) enum Destination<'a> {
    /// No outputs.
    Nowhere,
    /// A directory with the same subdirectories.
    Tree(Outputs<'a>),
    /// The inputs are replaced, in batches that are synced together.
    InPlace { sync: bool },
}

impl Destination<'_> {
    /// Returns the destination of a verb that changes objects.
    pub(crate) const fn of_changes(dry_run: bool, sync: bool) -> Self {
        if dry_run { Self::Nowhere } else { Self::InPlace { sync } }
    }
}

/// A verb that works on many inputs.
pub(crate) struct Batch<'a> {
    pub(crate) verb: &'static str,
    pub(crate) threads: Threads,
    pub(crate) tree_options: TreeOptions<'a>,
    pub(crate) report: &'a Report,
}

/// What the walk passes to the workers: work, or an outcome that needs none.
enum Job {
    Work(Task),
    Skipped(PathBuf, SkipReason),
    Failed(String, Failure),
    /// A directory has no more files.
    EndOfTree(Arc<OutputTree>),
}

impl Batch<'_> {
    /// Runs the verb on every input and returns the exit code.
    pub(crate) fn run(
        &self,
        inputs: &[Input],
        work: impl Fn(&Task) -> Result<Outcome> + Sync,
    ) -> Result<u8> {
        self.run_with(inputs, |task, _| work(task))
    }

    /// Works like [`run`](Self::run), with buffers that each thread reuses.
    pub(crate) fn run_with(
        &self,
        inputs: &[Input],
        work: impl Fn(&Task, &mut Buffers) -> Result<Outcome> + Sync,
    ) -> Result<u8> {
        self.run_and_tally(inputs, work).map(|tally| tally.code)
    }

    /// Works like [`run_with`](Self::run_with), but returns the tally.
    pub(super) fn run_and_tally(
        &self,
        inputs: &[Input],
        work: impl Fn(&Task, &mut Buffers) -> Result<Outcome> + Sync,
    ) -> Result<Tally> {
        self.run_and_end(inputs, work, |_| Ok(()))
    }

    /// Works like [`run_and_tally`](Self::run_and_tally), and calls `end` when all inputs are done.
    pub(super) fn run_and_end(
        &self,
        inputs: &[Input],
        work: impl Fn(&Task, &mut Buffers) -> Result<Outcome> + Sync,
        end: impl FnOnce(&mut Publisher<'_>) -> Result<()>,
    ) -> Result<Tally> {
        // The umask is read by changing it, which no other thread may see.
        #[cfg(unix)]
        if self.tree_options.recursive
            && !matches!(self.tree_options.destination, Destination::Nowhere)
        {
            crate::platform::umask();
        }
        let mut publisher = Publisher::new(self.verb, self.report, self.repeats());
        let jobs = inputs.iter().flat_map(|input| self.list_jobs(input));
        let outcome = |buffers: &mut Buffers, job| match job {
            Job::Work(task) => Event::Finished(task.input.shown(), work(&task, buffers)),
            Job::Skipped(path, why) => Event::Skipped(path, why),
            Job::Failed(name, failure) => Event::Finished(name, Err(failure)),
            Job::EndOfTree(tree) => Event::EndOfTree(tree),
        };
        let recursive = self.tree_options.recursive;
        let progress = self.report.has_progress().then(|| {
            let inputs = inputs.to_vec();
            Progress::start(move || measure_total(&inputs, recursive))
        });
        workers::in_order(self.threads, jobs, outcome, |outcome| publisher.take(outcome))?;
        drop(progress);
        if self.tree_options.recursive
            && self.tree_options.objects_only
            && publisher.tally.is_empty()
        {
            for input in inputs {
                publisher.take(Event::Finished(input.shown(), Err(self.no_object(input))))?;
            }
        }
        end(&mut publisher)?;
        if let Some(path) = times::take_unkept() {
            publisher.tally.times_lost = true;
            let changes = matches!(self.tree_options.destination, Destination::InPlace { .. });
            let what = if changes { UNKEPT_BY_CHANGE } else { UNKEPT };
            self.report.hint(&format!("{}: {what}", shown(&path)));
        }
        publisher.repeats.report(self.report);
        self.check_skipped(&mut publisher.tally);
        if self.tree_options.recursive {
            self.report.line(&publisher.tally.line(self.verb))?;
            self.report.result(&publisher.tally.json(self.verb))?;
        }
        Ok(publisher.tally)
    }

    /// Makes skipped entries a finding with `--strict`.
    fn check_skipped(&self, tally: &mut Tally) {
        if self.tree_options.listing.strict && tally.skipped > 0 {
            let entries = if tally.skipped == 1 { "entry was" } else { "entries were" };
            let skipped = format_count(tally.skipped);
            self.report.error(&format!("{skipped} {entries} skipped, and --strict is given"));
            tally.find();
        }
    }

    /// Returns the limit of messages. Every input that was named is reported.
    const fn repeats(&self) -> Repeats {
        Repeats::new(!self.tree_options.recursive || self.tree_options.listing.verbose)
    }

    /// Returns the failure for a directory without objects: success would claim that something was
    /// checked.
    fn no_object(&self, input: &Input) -> Failure {
        let done = match self.verb {
            "key check" => "proved",
            "decrypt" => "decrypted",
            _ => "done",
        };
        let what = format!("{}: no object in it, so nothing was {done}", input.shown());
        let beside = input.path().and_then(|path| with_ks(path.components().as_path()));
        Failure::usage(what).hint(match beside.filter(|beside| beside.exists()) {
            Some(beside) => format!("objects end in .ks: did you mean {}?", shown(&beside)),
            None => "objects end in .ks".to_owned(),
        })
    }

    fn list_jobs<'a>(&'a self, input: &'a Input) -> Box<dyn Iterator<Item = Job> + Send + 'a> {
        match input {
            Input::File(path) if self.tree_options.recursive && path.is_dir() => {
                match self.walk_dir(path) {
                    Ok(jobs) => jobs,
                    Err(failure) => Box::new(std::iter::once(Job::Failed(shown(path), failure))),
                }
            }
            input => {
                let task = Task { input: input.clone(), output_path: None };
                Box::new(std::iter::once(Job::Work(task)))
            }
        }
    }

    /// Returns the mode of an output directory. The provider chose the mode of the objects'
    /// directory; it does not choose who may enter that of the plaintext.
    const fn dir_mode(&self, mode: u32) -> u32 {
        if self.tree_options.objects_only { mode & 0o700 } else { mode }
    }

    /// Returns the jobs of a directory. The output tree is created on the way, each directory
    /// before its files.
    fn walk_dir<'a>(&'a self, root: &'a Path) -> Result<Box<dyn Iterator<Item = Job> + Send + 'a>> {
        let mut walk = Walk::new(root)?;
        let tree = match self.tree_options.destination {
            Destination::Tree(outputs) => {
                let mode = walk.root_mode().map_err(|error| Failure::io(root, error))?;
                let mode = self.dir_mode(mode);
                Some(OutputTree::new(root, mode, &outputs.tree(root)?, outputs.sync, LIMITS)?)
            }
            Destination::InPlace { sync } => Some(OutputTree::in_place(root, sync, LIMITS)?),
            Destination::Nowhere => None,
        };
        let (tree, mut dirs) = tree.unzip();
        let jobs = std::iter::from_fn(move || {
            loop {
                let found = walk.next()?;
                if let Some(job) = self.to_job(found, dirs.as_mut(), &mut walk) {
                    return Some(job);
                }
            }
        });
        Ok(Box::new(jobs.chain(tree.map(Job::EndOfTree))))
    }

    fn to_job(&self, found: Found, dirs: Option<&mut DirStack>, walk: &mut Walk) -> Option<Job> {
        match found {
            Found::Skipped { path, why } => Some(Job::Skipped(path, why)),
            Found::Failed { path, failure } => Some(Job::Failed(shown(&path), failure)),
            Found::Directory { path, below, mode } => {
                let mode = mode.map_err(|error| Failure::io(&path, error));
                let dirs = dirs?;
                let made = mode.and_then(|mode| dirs.dir(&below, self.dir_mode(mode)));
                let failure = made.err()?;
                walk.leave();
                Some(Job::Failed(shown(&path), failure))
            }
            Found::File(entry)
                if self.tree_options.objects_only && !is_object_name(&entry.path) =>
            {
                Some(Job::Skipped(entry.path, SkipReason::NoObjectName))
            }
            Found::File(entry) => {
                let below = match self.tree_options.destination {
                    Destination::Tree(outputs) => (outputs.name)(&entry.below),
                    Destination::InPlace { .. } | Destination::Nowhere => Ok(entry.below.clone()),
                };
                let below = match below {
                    Ok(below) => below,
                    Err(failure) => return Some(Job::Failed(shown(&entry.path), failure)),
                };
                let output_path = dirs.map(|dirs| dirs.output_path(&below));
                Some(Job::Work(Task { input: Input::Entry(entry), output_path }))
            }
        }
    }
}

/// Measures the work, for which it walks directories once more.
fn measure_total(inputs: &[Input], recursive: bool) -> Total {
    let (mut bytes, mut files) = (Some(0_u64), 0);
    for path in inputs.iter().map(Input::path) {
        match path {
            Some(path) if recursive && path.is_dir() => {
                let Ok(walk) = Walk::new(path) else { continue };
                for found in walk {
                    if let Found::File(entry) = found {
                        files += 1;
                        bytes = bytes.map(|sum| sum.saturating_add(entry.len().unwrap_or(0)));
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
    Total { bytes, files: (recursive || files > 1).then_some(files) }
}

fn with_ks(path: &Path) -> Option<PathBuf> {
    let mut name = path.file_name()?.to_owned();
    name.push(".ks");
    Some(path.with_file_name(name))
}

fn is_object_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ks")
}
