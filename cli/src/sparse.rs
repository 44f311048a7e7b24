//! Writes holes where plaintext is zero, so that a sparse file stays sparse after decryption.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};

use keystead::WriteAt as _;

use crate::args::Sparse;
use crate::filesystem;
use crate::output::Output;
use crate::platform;

/// Where a file may have holes: in place of whole blocks of zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holes {
    block: usize,
}

/// What bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Blocks of zeros, with their length in bytes.
    Zeros(usize),
    Data(&'a [u8]),
}

impl Holes {
    /// Returns where `file` may have holes. FUSE file systems may accept writes only in order:
    /// there holes are left only on request.
    pub(crate) fn of(asked: Sparse, file: &File) -> Option<Self> {
        let holes = Self::wanted(asked)?;
        (asked == Sparse::Always || filesystem::takes_any_order(file)).then_some(holes)
    }

    /// Returns where a file may have holes if its file system takes them.
    fn wanted(asked: Sparse) -> Option<Self> {
        match asked {
            Sparse::Auto => Some(Self { block: WORTH }),
            Sparse::Always => Some(Self { block: SMALLEST }),
            Sparse::Never => None,
        }
    }

    /// Returns the first piece of bytes that go to `offset`.
    pub(crate) fn first(self, bytes: &[u8], offset: u64) -> Piece<'_> {
        // Less than a block, so it fits.
        let within = usize::try_from(offset % wide(self.block)).unwrap_or(0);
        let before = if within == 0 { 0 } else { self.block - within };
        let Some(blocks) = bytes.get(before..) else { return Piece::Data(bytes) };
        let is_zero = |block: &&[u8]| block.len() == self.block && **block == ZEROS[..self.block];
        let zeros = blocks.chunks(self.block).take_while(is_zero).count() * self.block;
        if before == 0 && zeros > 0 {
            return Piece::Zeros(zeros);
        }
        let dense = blocks.chunks(self.block).take_while(|block| !is_zero(block)).map(<[u8]>::len);
        Piece::Data(&bytes[..before + dense.sum::<usize>()])
    }
}

/// Writes plaintext to an output in order, and leaves holes.
pub(crate) struct Writer<'a> {
    out: &'a mut Output,
    asked: Sparse,
    holes: Option<Holes>,
    /// Whether the file system was asked. Most files have no zeros, so it never is.
    is_asked: bool,
    position: u64,
    /// Whether the last byte is in a hole.
    ends_in_hole: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Output, asked: Sparse) -> Self {
        let holes = out.file().and_then(|_| Holes::wanted(asked));
        Self { out, asked, holes, is_asked: false, position: 0, ends_in_hole: false }
    }

    /// Returns the first piece of bytes, one of zeros only where they may be a hole.
    fn first<'b>(&mut self, bytes: &'b [u8]) -> Piece<'b> {
        let Some(holes) = self.holes else { return Piece::Data(bytes) };
        let piece = holes.first(bytes, self.position);
        if self.is_asked || matches!(piece, Piece::Data(_)) {
            return piece;
        }
        self.is_asked = true;
        self.holes = self.out.file().and_then(|file| Holes::of(self.asked, file));
        if self.holes.is_some() { piece } else { Piece::Data(bytes) }
    }

    /// Sets the length of a file that ends in a hole.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self.out.file() {
            Some(file) if self.ends_in_hole => set_len(file, self.position),
            _ => Ok(()),
        }
    }
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = self.first(bytes);
        self.ends_in_hole = matches!(piece, Piece::Zeros(_));
        let taken = match piece {
            Piece::Zeros(len) => self.out.skip(len)?,
            Piece::Data(data) => self.out.write(data)?,
        };
        self.position += wide(taken);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Extends a file that ends in a hole to its length.
pub(crate) fn set_len(file: &File, len: u64) -> io::Result<()> {
    if file.metadata()?.len() == len {
        return Ok(());
    }
    let set = file.set_len(len);
    if file.metadata()?.len() == len {
        return Ok(());
    }
    match set {
        // Some file systems extend a file only by a write, even if they report success.
        Ok(()) => {}
        Err(error) if is_unable(error.kind()) => {}
        Err(error) => return Err(error),
    }
    loop {
        match file.write_at(&[0], len.saturating_sub(1)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

const fn is_unable(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(kind, InvalidInput | PermissionDenied | Unsupported)
}

/// Copies all of a file to an empty one, holes as holes.
pub(crate) fn copy(from: &mut File, to: &mut File) -> io::Result<()> {
    let len = from.metadata()?.len();
    if !filesystem::takes_any_order(to) {
        return io::copy(from, to).map(drop);
    }
    let mut end = 0;
    while let Some(data) = platform::next_data(from, end, len)? {
        end = data.end;
        from.seek(SeekFrom::Start(data.start))?;
        to.seek(SeekFrom::Start(data.start))?;
        io::copy(&mut from.take(data.end - data.start), to)?;
    }
    set_len(to, len)
}

fn wide(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Smallest hole by default. A hole fragments the file and costs a system call.
const WORTH: usize = 65_536;
/// The block of most file systems.
const SMALLEST: usize = 4_096;
static ZEROS: [u8; WORTH] = [0; WORTH];

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pieces of bytes at an offset: lengths, zeros below zero.
    fn pieces(holes: Holes, mut bytes: &[u8], mut offset: u64) -> Vec<i64> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let (len, sign) = match holes.first(bytes, offset) {
                Piece::Zeros(len) => (len, -1),
                Piece::Data(data) => (data.len(), 1),
            };
            found.push(sign * i64::try_from(len).unwrap());
            (bytes, offset) = (&bytes[len..], offset + wide(len));
        }
        found
    }

    #[test]
    fn whole_blocks_of_zeros_at_their_places_are_holes() {
        let holes = Holes { block: 8 };
        let mut bytes = [1; 64];
        assert_eq!(pieces(holes, &bytes, 0), [64]);
        bytes[8..24].fill(0);
        assert_eq!(pieces(holes, &bytes, 0), [8, -16, 40]);
        assert_eq!(pieces(holes, &bytes, 16), [8, -16, 40]);
        // Not at the places of blocks: one fits.
        assert_eq!(pieces(holes, &bytes, 3), [13, -8, 43]);
        assert_eq!(pieces(holes, &[0; 64], 0), [-64]);
        assert_eq!(pieces(holes, &[0; 60], 0), [-56, 4]);
        assert_eq!(pieces(holes, &[0; 7], 0), [7]);
        assert_eq!(pieces(holes, &[0; 7], 5), [7]);
        assert_eq!(pieces(holes, &[0; 20], 5), [3, -16, 1]);
        assert_eq!(pieces(holes, &[0; 3], 5), [3]);
        assert_eq!(pieces(holes, &[], 0), [0; 0]);
    }

    #[test]
    fn a_copy_has_the_same_bytes_and_length() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        for (len, places) in [(0, &[][..]), (1 << 20, &[]), (1 << 20, &[0]), (3 << 20, &[1 << 20])]
        {
            std::fs::write(&one, "").unwrap();
            let mut from = File::options().read(true).write(true).open(&one).unwrap();
            let mut to = File::create(&two).unwrap();
            from.set_len(len).unwrap();
            for place in places {
                from.write_at(b"data", *place).unwrap();
            }
            copy(&mut from, &mut to).unwrap();
            assert!(std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap());
            #[cfg(target_os = "linux")]
            {
                use std::os::unix::fs::MetadataExt as _;
                assert!(two.metadata().unwrap().blocks() <= 8 * wide(places.len()));
            }
        }
    }
}
