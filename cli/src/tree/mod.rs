//! Folders: walking one without following a link, and mirroring it.

mod folder;
mod mirror;
mod place;
mod walk;

pub(crate) use folder::Status;
pub(crate) use mirror::{Branch, LIMITS, Mirror};
pub(crate) use place::{Made, Making, Place, Replaced, Staged};
pub(crate) use walk::{Entry, Found, Walk};
