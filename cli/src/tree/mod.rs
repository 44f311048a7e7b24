//! Folders: walking one without following a link, and mirroring it.

mod folder;
mod mirror;
mod walk;

pub(crate) use mirror::Mirror;
pub(crate) use walk::{Entry, Found, Walk};
