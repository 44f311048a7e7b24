//! Looks for what would make a run fail anyway, before a passphrase is asked for.

use std::fs::File;
use std::path::Path;

use super::check_stdout;
use super::outputs::Outputs;
use crate::failure::{Failure, Result};
use crate::input::{self, Input};
use crate::object;
use crate::output::{self, Target};
use crate::report::Report;

/// What is known about the outputs of a run before it begins.
pub(super) struct Planned<'a> {
    pub(super) outputs: &'a Outputs<'a>,
    pub(super) force: bool,
    /// Whether the inputs are objects.
    pub(super) objects: bool,
    /// Whether a terminal may show them.
    pub(super) text: bool,
    pub(super) report: &'a Report,
}

/// Returns the failure of the first object where every object would fail: a run goes on after a
/// failure while there is another input.
pub(super) fn find(inputs: &[Input], recursive: bool) -> Option<Failure> {
    first_failure(inputs, recursive, |input| {
        check_input(input).map_err(|failure| object::suggest_object(input, failure))
    })
}

/// Returns the first failure of `check` where it fails for every input. Directories of -r are not
/// checked.
fn first_failure(
    inputs: &[Input],
    recursive: bool,
    check: impl Fn(&Input) -> Result<()>,
) -> Option<Failure> {
    let mut first = None;
    for input in inputs {
        if recursive && input.path().is_some_and(Path::is_dir) {
            return None;
        }
        first.get_or_insert(check(input).err()?);
    }
    first
}

/// Fails for an input that is missing, unreadable or a directory.
fn check_input(input: &Input) -> Result<()> {
    let Some(path) = input.path() else { return Ok(()) };
    let failed = |error| Failure::io(path, error);
    let found = path.metadata().map_err(failed)?;
    if found.is_dir() {
        return Err(input::is_directory(path));
    }
    // Opening a FIFO would block.
    if found.is_file() { File::open(path).map(drop).map_err(failed) } else { Ok(()) }
}

impl Planned<'_> {
    /// Returns the first failure where every input or its output would fail.
    pub(super) fn find_obstacle(&self, inputs: &[Input], recursive: bool) -> Option<Failure> {
        first_failure(inputs, recursive, |input| {
            check_input(input).map_err(|failure| match self.objects {
                true => object::suggest_object(input, failure),
                false => failure,
            })?;
            self.check(input)
        })
    }

    /// Fails where the output of an input is there already, or cannot be made.
    fn check(&self, input: &Input) -> Result<()> {
        let Self { outputs, force, text, report, .. } = self;
        match outputs.target(input)? {
            Target::Stdout => {
                check_stdout(true, report)?;
                output::check_terminal(*text)
            }
            Target::File(path) => {
                if !force && path.symlink_metadata().is_ok_and(|found| found.is_file()) {
                    return Err(output::exists(&path));
                }
                match outputs.makes_directory() {
                    true => Ok(()),
                    false => output::check_directory(&path),
                }
            }
        }
    }
}
