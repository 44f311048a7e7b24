//! Reads and writes large files at any offset, from several threads.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use keystead::{ReadAt, WriteAt};

use crate::filesystem;
use crate::platform;
use crate::progress;
use crate::sparse::{self, Holes, Piece};

/// A file to read from.
pub(crate) struct PositionalReader<'a>(pub(crate) &'a File);

impl ReadAt for PositionalReader<'_> {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        platform::read_at(self.0, out, offset)
    }
}

/// A file to write to that nobody else sees yet.
pub(crate) struct PositionalWriter<'a> {
    file: &'a File,
    /// Bytes that will be written.
    len: u64,
    /// Whether it will be synced, so that write-back starts early.
    sync: bool,
    written: AtomicU64,
    /// End of the reserved space, or the maximum once no more is reserved.
    reserved: AtomicU64,
    /// End of the space that was really reserved; locked during a reservation.
    taken: Mutex<u64>,
    holes: Option<Holes>,
    failed: AtomicBool,
}

impl<'a> PositionalWriter<'a> {
    /// Returns nothing where the file system accepts writes only in order.
    pub(crate) fn new(file: &'a File, len: u64, sync: bool) -> Option<Self> {
        if !filesystem::takes_any_order(file) {
            return None;
        }
        let pays = len >= STEP / 16 && platform::room_pays(file);
        let reserved = AtomicU64::new(if pays { 0 } else { u64::MAX });
        let written = AtomicU64::new(0);
        let failed = AtomicBool::new(false);
        let taken = Mutex::new(0);
        Some(Self { file, len, sync, written, reserved, taken, holes: None, failed })
    }

    /// Sets where to leave holes for zeros.
    pub(crate) fn with_holes(mut self, holes: Option<Holes>) -> Self {
        self.holes = holes;
        self
    }

    /// Sets the length of a file that ends in a hole.
    pub(crate) fn finish(&self) -> io::Result<()> {
        if self.holes.is_some() { sparse::set_len(self.file, self.len) } else { Ok(()) }
    }

    /// Returns whether a write failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let piece = self.holes.map_or(Piece::Data(bytes), |holes| holes.first(bytes, offset));
        let written = match piece {
            Piece::Zeros(len) => self.skip(len, offset),
            Piece::Data(data) => {
                self.reserve(offset)?;
                WriteAt::write_at(self.file, data, offset)?
            }
        };
        progress::add_bytes(written);
        let more = u64::try_from(written).unwrap_or(0);
        let before = self.written.fetch_add(more, Ordering::Relaxed);
        let part = before / PART.get();
        if self.sync && (before + more) / PART.get() > part {
            platform::start_writing(self.file, part * PART.get(), PART);
        }
        Ok(written)
    }

    /// Reserves space in steps, since the length is unauthenticated. A file with holes may need
    /// less, so space is reserved only where there is plenty.
    fn reserve(&self, offset: u64) -> io::Result<()> {
        let start = offset / STEP * STEP;
        let end = self.len.min(start + STEP);
        if self.reserved.load(Ordering::Relaxed) >= end {
            return Ok(());
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if self.reserved.fetch_max(end, Ordering::Relaxed) >= end {
            return Ok(());
        }
        if self.holes.is_some() && !platform::has_room(self.file, PLENTY) {
            self.reserved.store(u64::MAX, Ordering::Relaxed);
            return Ok(());
        }
        *taken = end;
        let reserved = platform::reserve(self.file, start, end - start);
        if self.holes.is_some() { Ok(()) } else { reserved }
    }

    /// Leaves a hole. From the first one on, no more space is reserved, and reserved space is
    /// released.
    fn skip(&self, len: usize, offset: u64) -> usize {
        self.reserved.store(u64::MAX, Ordering::Relaxed);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if offset < *taken {
            platform::punch(self.file, offset, u64::try_from(len).unwrap_or(0));
        }
        len
    }
}

impl WriteAt for PositionalWriter<'_> {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let written = self.write(bytes, offset);
        written.inspect_err(|_| self.failed.store(true, Ordering::Relaxed))
    }
}

/// Bytes handed to the disk at a time.
const PART: NonZeroU64 = NonZeroU64::new(8 * 1_048_576).expect("not zero");
/// Bytes reserved at a time.
const STEP: u64 = 64 * 1_048_576;
/// Free space from which reserving does no harm.
const PLENTY: u64 = 16 * STEP;
