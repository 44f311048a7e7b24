//! Reading and writing until it is done, from a position or in order.

#[cfg(any(unix, windows))]
mod file;

use std::io::{self, IoSliceMut, Read};

/// Bytes that several threads can read at once, each at its own offset.
pub trait ReadAt: Sync {
    /// Reads from `offset` into `out`, one slice after the other; 0 at the end. Fewer bytes than
    /// there is room for are no error.
    ///
    /// # Errors
    /// Those of reading; `Interrupted` is tried again.
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize>;
}

/// A place that several threads can write to at once, each at its own offset.
pub trait WriteAt: Sync {
    /// Writes at `offset`; returns how many bytes it took.
    ///
    /// # Errors
    /// Those of writing; `Interrupted` is tried again.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
}

/// Fills `out` as far as the input goes.
pub(super) fn read_full(input: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let (filled, end) = read_counted(input, out);
    end.map(|()| filled)
}

/// Reads as [`read_full`]; where reading fails, says how much came before.
pub(super) fn read_counted(input: &mut impl Read, out: &mut [u8]) -> (usize, io::Result<()>) {
    fill_counted(&mut [IoSliceMut::new(out)], |out, _| read_first(input, out), 0)
}

/// Reads into the first slice that has room. Many readers' `read_vectored` does no more.
fn read_first(input: &mut impl Read, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    out.first_mut().map_or(Ok(0), |out| input.read(out))
}

/// Fills the slices of `out` in order, as far as the input goes; `read` gets what is left of them
/// and the offset.
pub(super) fn fill(
    out: &mut [IoSliceMut<'_>],
    read: impl FnMut(&mut [IoSliceMut<'_>], u64) -> io::Result<usize>,
    offset: u64,
) -> io::Result<usize> {
    let (filled, end) = fill_counted(out, read, offset);
    end.map(|()| filled)
}

/// Fills as [`fill`]; where reading fails, says how much came before.
pub(super) fn fill_counted(
    mut out: &mut [IoSliceMut<'_>],
    mut read: impl FnMut(&mut [IoSliceMut<'_>], u64) -> io::Result<usize>,
    offset: u64,
) -> (usize, io::Result<()>) {
    let mut filled = 0;
    let mut place = offset;
    IoSliceMut::advance_slices(&mut out, 0);
    while !out.is_empty() {
        match read(out, place) {
            Ok(0) => break,
            Ok(more) => {
                filled += more;
                place = place.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
                IoSliceMut::advance_slices(&mut out, more);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

/// Writes all of `bytes` from `offset` on.
pub(super) fn write_all_at(
    sink: &impl WriteAt,
    mut bytes: &[u8],
    mut offset: u64,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match sink.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => {
                bytes = &bytes[taken.min(bytes.len())..];
                offset += u64::try_from(taken).map_err(io::Error::other)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        (**self).read_at(out, offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        (**self).read_at(out, offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        self.get(start..).unwrap_or_default().read_vectored(out)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(out, offset)
    }
}

impl<T: AsRef<[u8]> + Sync> ReadAt for io::Cursor<T> {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.get_ref().as_ref().read_at(out, offset)
    }
}
