//! Says why an entry of a directory is not read.

/// Why an entry is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SkipReason {
    Symlink,
    Fifo,
    Socket,
    Device,
    /// Any other kind of entry.
    NoFile,
    /// A file of a run that is not finished, or was killed.
    Private,
    /// Where only objects are read.
    NoObjectName,
}

impl SkipReason {
    /// Returns the reason after the name of one entry.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::NoFile => "neither a file nor a directory",
            Self::Private => "a temporary file of keystead's own",
            Self::NoObjectName => "its name does not end in .ks",
        }
    }

    /// Returns the name of such entries after a number: one, or many.
    pub(crate) const fn counted(self) -> [&'static str; 2] {
        match self {
            Self::Symlink => ["symbolic link", "symbolic links"],
            Self::Fifo => ["FIFO", "FIFOs"],
            Self::Socket => ["socket", "sockets"],
            Self::Device => ["device", "devices"],
            Self::NoFile => {
                ["entry that is neither file nor directory", "entries that are neither"]
            }
            Self::Private => {
                ["temporary file of keystead's own", "temporary files of keystead's own"]
            }
            Self::NoObjectName => {
                ["file whose name does not end in .ks", "files whose names do not end in .ks"]
            }
        }
    }
}
