//! The sandbox: a customer's directory, a provider's directory and the files of the demo.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cancel::Pending;
use crate::failure::{Failure, Result};
use crate::platform;
use crate::report::shown;

/// A file of the demo.
pub(crate) struct DemoFile {
    /// Below the customer's files.
    pub(crate) path: PathBuf,
    /// The same as text, which is the object's context.
    pub(crate) name: String,
    pub(crate) len: u64,
}

pub(crate) struct Sandbox {
    root: PathBuf,
    temp: Option<(TempDir, Pending)>,
    /// The largest first.
    pub(crate) files: Vec<DemoFile>,
}

impl Sandbox {
    /// Creates a temporary directory, or one that stays.
    pub(crate) fn new(keep: Option<&Path>) -> Result<Self> {
        let (root, temp) = match keep {
            Some(dir) => {
                platform::create_private_dir(dir).map_err(|error| {
                    Failure::io(dir, error).hint("--keep names a directory that does not exist yet")
                })?;
                (dir.to_owned(), None)
            }
            None => {
                let temp = tempfile::Builder::new().prefix("keystead-demo-").tempdir();
                let temp = temp.map_err(|error| Failure::io(&std::env::temp_dir(), error))?;
                let pending = Pending::new(temp.path(), None);
                (temp.path().to_owned(), Some((temp, pending)))
            }
        };
        let stage = Self { root, temp, files: Vec::new() };
        for folder in [stage.keys(), stage.root.join(CLEAR), stage.root.join(PROVIDER)] {
            fs::create_dir_all(&folder).map_err(|error| Failure::io(&folder, error))?;
        }
        Ok(stage)
    }

    /// Returns the directory of the customer's keys.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("customer/keys")
    }

    /// Returns the path of a customer's file.
    pub(crate) fn clear(&self, item: &DemoFile) -> PathBuf {
        self.root.join(CLEAR).join(&item.path)
    }

    /// Returns the directory of the customer's files.
    pub(crate) fn clear_root(&self) -> PathBuf {
        self.root.join(CLEAR)
    }

    /// Returns the path of a file's object at the provider.
    pub(crate) fn object(&self, item: &DemoFile) -> PathBuf {
        let mut name = self.root.join(PROVIDER).join(&item.path).into_os_string();
        name.push(".ks");
        PathBuf::from(name)
    }

    /// Returns the path of a restored file.
    pub(crate) fn restored(&self, item: &DemoFile) -> PathBuf {
        self.root.join("customer/restored").join(&item.path)
    }

    /// Returns the bytes of all files.
    pub(crate) fn total(&self) -> u64 {
        self.files.iter().map(|item| item.len).sum()
    }

    /// Removes the sandbox unless it was asked for.
    pub(crate) fn finish(self) -> Result<Option<PathBuf>> {
        match self.temp {
            Some((temp, _pending)) => {
                let path = temp.path().to_owned();
                temp.close().map_err(|error| Failure::io(&path, error))?;
                Ok(None)
            }
            None => Ok(Some(self.root)),
        }
    }
}

/// Reads a whole file of the demo.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::io(path, error))
}

/// Creates the parent directory of a file of the demo.
pub(crate) fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent)
            .map_err(|error| Failure::at(&shown(parent), keystead::Error::Io(error))),
        None => Ok(()),
    }
}

const CLEAR: &str = "customer/files";
const PROVIDER: &str = "provider";
