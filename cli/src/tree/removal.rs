//! Removes an empty directory without following a link on the way.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::dir_handle::DirHandle;

/// Removes the directory at `below` in `root`. Fails where it is not empty.
pub(crate) fn remove_empty_dir(root: &Path, below: &Path) -> io::Result<()> {
    let name = below.file_name().unwrap_or(OsStr::new(""));
    let mut dir = DirHandle::open(root)?;
    let mut path = root.to_owned();
    for part in below.parent().into_iter().flatten() {
        path.push(part);
        dir = dir.dir(part, &path)?;
    }
    dir.remove_dir(name, &path.join(name))
}
