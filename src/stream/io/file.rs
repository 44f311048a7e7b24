//! Files are read and written at any offset.

use std::fs::File;
use std::io::{self, IoSliceMut};
#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)]
use std::os::windows::fs::FileExt;

use super::{ReadAt, WriteAt};

/// One system call for each slice.
impl ReadAt for File {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let slice = out.iter_mut().find(|slice| !slice.is_empty());
        #[cfg(unix)]
        return slice.map_or(Ok(0), |slice| FileExt::read_at(self, slice, offset));
        #[cfg(windows)]
        return slice.map_or(Ok(0), |slice| FileExt::seek_read(self, slice, offset));
    }
}

impl WriteAt for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return FileExt::write_at(self, bytes, offset);
        #[cfg(windows)]
        return FileExt::seek_write(self, bytes, offset);
    }
}
