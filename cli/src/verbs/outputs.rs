//! Names outputs: next to their inputs, in a directory, or by `-o`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::args::OutputArgs;
use crate::failure::{Failure, Result};
use crate::input::Input;
use crate::output::Target;
use crate::report::shown;

/// The outputs of a run.
#[derive(Clone, Copy)]
pub(crate) struct Outputs<'a> {
    /// `-o`.
    pub(super) root: Option<&'a Path>,
    /// Whether each output goes into the root under its own name.
    into: bool,
    /// Returns the name of an output for that of an input, a file or a directory.
    pub(super) name: fn(&Path) -> Result<PathBuf>,
    pub(super) sync: bool,
}

impl<'a> Outputs<'a> {
    /// Fails where the outputs of two inputs would have one name.
    pub(super) fn of(
        args: &'a OutputArgs,
        inputs: &[Input],
        name: fn(&Path) -> Result<PathBuf>,
    ) -> Result<Self> {
        let (root, sync) = (args.output.as_deref(), !args.no_sync);
        let is_tree =
            |input: &Input| args.recursive && matches!(input, Input::File(path) if path.is_dir());
        let into = match inputs {
            // A directory is what the output of one directory is.
            [only] if is_tree(only) => false,
            _ => root.is_some_and(is_directory),
        };
        let outputs = Self { root, into, name, sync };
        if into {
            outputs.check_names(inputs)?;
        } else if root.is_some() && inputs.len() > 1 {
            return Err(Failure::usage(format!(
                "-o names one output, but {} inputs are given",
                inputs.len()
            ))
            .hint("-o DIRECTORY/ takes many outputs; without -o, each is named after its input"));
        }
        Ok(outputs)
    }

    /// Fails where two outputs would have the same name.
    fn check_names(&self, inputs: &[Input]) -> Result<()> {
        let mut seen: HashMap<PathBuf, &Input> = HashMap::new();
        for input in inputs {
            let Some(path) = input.path() else {
                return Err(Failure::usage(
                    "stdin has no name, so its output has none in a directory",
                )
                .hint("-o FILE names the output"));
            };
            // An input without an output name is an error that is reported in its turn.
            let Ok(output) = self.inside(path) else { continue };
            if let Some(other) = seen.insert(output.clone(), input) {
                return Err(Failure::usage(format!(
                    "{} and {} would both become {}",
                    other.shown(),
                    input.shown(),
                    shown(&output)
                ))
                .hint("run it once for each, with another -o"));
            }
        }
        Ok(())
    }

    /// Creates the output directory, if it is named and does not exist.
    pub(super) fn prepare(&self) -> Result<NewDirectory<'a>> {
        let Some(root) = self.root.filter(|_| self.into) else { return Ok(NewDirectory(None)) };
        match fs::create_dir(root) {
            Ok(()) => Ok(NewDirectory(Some(root))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(NewDirectory(None)),
            Err(error) => Err(Failure::io(root, error)),
        }
    }

    /// Returns the path of a file's output, where `-o` is given.
    pub(super) fn file(&self, input: &Input) -> Result<Option<PathBuf>> {
        match (self.root, input.path()) {
            (Some(_), Some(path)) if self.into => self.inside(path).map(Some),
            (root, _) => Ok(root.map(Path::to_owned)),
        }
    }

    /// Returns the output of a file.
    pub(super) fn target(&self, input: &Input) -> Result<Target> {
        Target::of(self.file(input)?.as_deref(), input, self.name)
    }

    /// Returns whether the outputs go into a directory, which is made if it is missing.
    pub(super) const fn makes_directory(&self) -> bool {
        self.into
    }

    /// Returns the path of the output of a directory.
    pub(super) fn tree(&self, root: &Path) -> Result<PathBuf> {
        match self.root {
            Some(stdout) if stdout == Path::new("-") => {
                Err(Failure::usage(format!("{}: a directory does not go to stdout", shown(root)))
                    .hint("-o DIRECTORY takes it"))
            }
            Some(_) if self.into => self.inside(root),
            Some(place) => Ok(place.to_owned()),
            // Without a trailing slash; `.` and `..` have no name to make another of.
            None if root.file_name().is_some() => (self.name)(root.components().as_path()),
            None => Err(Failure::usage(format!("{}: its output has no name", shown(root)))
                .hint("-o DIRECTORY names it")),
        }
    }

    /// Returns the path of an output in the directory of `-o`.
    fn inside(&self, input: &Path) -> Result<PathBuf> {
        let Some(name) = input.file_name() else {
            return Err(Failure::usage(format!("{}: its output has no name", shown(input)))
                .hint("name the directory, and not `.` or `..`"));
        };
        (self.name)(Path::new(name)).map(|name| self.root.unwrap_or(Path::new("")).join(name))
    }
}

/// A new output directory, removed on drop if it stayed empty.
pub(super) struct NewDirectory<'a>(Option<&'a Path>);

impl Drop for NewDirectory<'_> {
    fn drop(&mut self) {
        if let Some(made) = self.0 {
            // A directory that is not empty stays.
            let _ = fs::remove_dir(made);
        }
    }
}

/// Returns whether `-o` names a directory: one that is there, or by its last character.
fn is_directory(path: &Path) -> bool {
    let last = path.as_os_str().as_encoded_bytes().last();
    let slash = last.is_some_and(|last| std::path::is_separator(char::from(*last)));
    slash || path.is_dir()
}
