//! Renames a complete private file to a new output without replacing anything: by an atomic rename,
//! else by a hard link, else by a claim, since cloud mounts have neither.

use std::io;
use std::path::Path;

use crate::failure::Failure;
use crate::platform::At;

#[cfg(not(unix))]
pub(crate) use other::rename_new;
#[cfg(unix)]
pub(crate) use unix::{is_answer, rename_new};

/// Why a complete file did not get its name.
#[derive(Debug)]
pub(crate) struct PublishError {
    /// The step that failed, where the error does not say it.
    step: Option<&'static str>,
    pub(crate) error: io::Error,
}

impl From<io::Error> for PublishError {
    fn from(error: io::Error) -> Self {
        Self { step: None, error }
    }
}

impl PublishError {
    pub(crate) fn new(step: &'static str, error: impl Into<io::Error>) -> Self {
        Self { step: Some(step), error: error.into() }
    }

    /// Converts the error to a failure. The caller handles a name that is taken.
    pub(crate) fn failure(self, path: &Path) -> Failure {
        let Self { step, error } = self;
        match step {
            Some(step) if !explains_itself(&error) => Failure::step(path, step, error),
            _ => Failure::io(path, error),
        }
    }
}

/// Returns whether an error needs no step to be understood.
fn explains_itself(error: &io::Error) -> bool {
    use io::ErrorKind as RecordKind;
    matches!(
        error.kind(),
        RecordKind::StorageFull
            | RecordKind::QuotaExceeded
            | RecordKind::ReadOnlyFilesystem
            | RecordKind::InvalidFilename
    )
}

#[cfg(unix)]
mod unix {
    use rustix::fs::{AtFlags, linkat, unlinkat};
    use rustix::io::Errno;

    use super::*;
    use crate::claim::Claim;

    /// Renames a complete file to its final name, unless that is taken.
    pub(crate) fn rename_new(from: At<'_>, to: At<'_>) -> Result<(), PublishError> {
        match rename_at_once(from, to) {
            Ok(()) => return Ok(()),
            Err(error) if is_answer(error) => return Err(PublishError::new(AT_ONCE, error)),
            Err(_) => {}
        }
        match linkat(from.dir, from.path, to.dir, to.path, AtFlags::empty()) {
            Ok(()) => {
                // The output is complete whether its private name goes now or in the next run.
                let _ = unlinkat(from.dir, from.path, AtFlags::empty());
                return Ok(());
            }
            Err(error) if is_answer(error) => return Err(PublishError::new(BY_LINK, error)),
            Err(_) => {}
        }
        Claim::take(to)?.replace_with(from)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_at_once(from: At<'_>, to: At<'_>) -> Result<(), Errno> {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(from.dir, from.path, to.dir, to.path, flags)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_at_once(_from: At<'_>, _to: At<'_>) -> Result<(), Errno> {
        Err(Errno::NOSYS)
    }

    /// Returns whether an error is final, so that no other method can succeed. File systems report
    /// a missing call by nearly any error: EINVAL, ENOSYS, EPERM and EIO were seen.
    pub(crate) const fn is_answer(error: Errno) -> bool {
        matches!(
            error,
            Errno::EXIST
                | Errno::NOTEMPTY
                | Errno::ISDIR
                | Errno::NOTDIR
                | Errno::NOENT
                | Errno::NOSPC
                | Errno::DQUOT
                | Errno::ROFS
                | Errno::XDEV
                | Errno::NAMETOOLONG
                | Errno::LOOP
        )
    }

    const AT_ONCE: &str = "renaming the finished file";
    const BY_LINK: &str = "linking the finished file to its name";
}

#[cfg(not(unix))]
mod other {
    use super::*;

    /// Renames a complete file to its final name, unless that is taken.
    pub(crate) fn rename_new(from: At<'_>, to: At<'_>) -> Result<(), PublishError> {
        let failed = |error| PublishError::new("renaming the finished file", error);
        let temp = tempfile::TempPath::try_from_path(from.path).map_err(failed)?;
        temp.persist_noclobber(to.path).map_err(|refused| failed(refused.error))
    }
}
