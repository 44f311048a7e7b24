//! Walks a directory without following links, and writes the tree of its outputs.

mod dir_handle;
mod output_file;
mod output_tree;
mod removal;
mod skip_reason;
mod walk;

pub(crate) use dir_handle::Status;
pub(crate) use output_file::{FileOptions, OutputFile, OutputPath, ReplacedFile, Staged};
pub(crate) use output_tree::{DirStack, LIMITS, OutputTree};
pub(crate) use removal::remove_empty_dir;
pub(crate) use skip_reason::SkipReason;
pub(crate) use walk::{Entry, Found, Walk};
