//! Opening ranges of an object whose bytes the caller fetches: no input, no output.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::chunks::{self, Opener};
use super::front::{ObjectInfo, check_stated, open_prefix};
use crate::envelope::OpenedHeader;
use crate::error::{Detail, Error, Result};
use crate::format::floor::Floor;
use crate::format::layout::{BODY_PREFIX, Layout, SEALED_CHUNK, locate};
use crate::primitives::secret::wipe;

/// Opens ranges of one object, whose ciphertext the caller fetches from wherever it is. It works by
/// reference and is `Send + Sync`, so that one serves many requests and threads.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use keystead::{Context, Keys, MasterKey, Recipients, SealedHeader};
/// # let (key, context) = (MasterKey::generate()?, Context::new());
/// # let object = keystead::encrypt(&Recipients::from(&key), &[7; 100_000], &context)?;
/// # let fetch = |range: std::ops::Range<u64>| &object[range.start as usize..range.end as usize];
/// let header = SealedHeader::parse(&object)?.unwrap(&Keys::from(key), &context)?; // once; keep it
/// let prefix = object[header.len()..].first_chunk().ok_or("the object is cut")?;
/// let range = header.opener(prefix, object.len().try_into()?, None)?;
/// if !range.is_end_verified() {
///     range.confirm_end(fetch(range.layout().last_chunk()))?;     // no length was stated: the last chunk shows it
/// }
///
/// let wanted = 50_000..50_010;
/// let sealed = fetch(range.layout().sealed(wanted.clone()));
/// let mut text = [0; 10];
/// range.open(wanted, sealed, &mut text)?;
/// # assert_eq!(text, [7; 10]);
/// # Ok(()) }
/// ```
pub struct RangeOpener {
    opener: Opener,
    info: ObjectInfo,
    layout: Layout,
    /// Where the plaintext ends is verified: by the statement, or by the last chunk.
    end_is_verified: AtomicBool,
}

impl OpenedHeader {
    /// Verifies the 56 bytes between the header and the first chunk, the caller's floor and the
    /// length of the object in bytes, and returns what opens ranges of it. Nothing is read.
    ///
    /// A floor expected when the header was unwrapped is checked here, for it names the commitment
    /// that is in these bytes; then `None` is enough. `floor` is for a header that was kept: since
    /// it was unwrapped, the caller may have seen a newer one of the object, whose floor this one
    /// must reach as well.
    ///
    /// # Errors
    /// `Auth` where prefix or length are not those of the object, `Rollback` where the header is
    /// older than one of the floors, `Limit` above 4 PiB (SPEC R32, R35, R38).
    pub fn opener(
        &self,
        prefix: &[u8; BODY_PREFIX],
        object_len: u64,
        floor: Option<&Floor>,
    ) -> Result<RangeOpener> {
        let (opener, info) = open_prefix(self.verified(), prefix)?;
        floor.map_or(Ok(()), |floor| floor.check(&info.floor))?;
        let layout = Layout::of_object(self.len(), object_len)?;
        check_stated(&info, layout.chunks)?;
        let opener = opener.of(layout.chunks);
        let end_is_verified = AtomicBool::new(info.plaintext_len.is_some());
        Ok(RangeOpener { opener, info, layout, end_is_verified })
    }
}

impl RangeOpener {
    /// Returns what opening told.
    #[must_use]
    pub const fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// Returns where the plaintext is in the object. Its lengths are facts once
    /// [`is_end_verified`](Self::is_end_verified).
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns whether it is verified where the plaintext ends.
    #[must_use]
    pub fn is_end_verified(&self) -> bool {
        self.end_is_verified.load(Ordering::Acquire)
    }

    pub(super) fn set_end_verified(&self) {
        self.end_is_verified.store(true, Ordering::Release);
    }

    /// Verifies where the plaintext ends, by the last chunk: the bytes that
    /// [`Layout::last_chunk`] names (SPEC R33).
    ///
    /// # Errors
    /// `Usage` for another number of bytes, as in [`open`](Self::open); `Auth` where the chunk does
    /// not verify.
    pub fn confirm_end(&self, last_chunk: &[u8]) -> Result<()> {
        let index = self.layout.last_index();
        check_len(last_chunk.len(), self.layout.last_chunk())?;
        let mut buffer = chunks::Buffer::new();
        self.open_chunk(index, last_chunk, &mut buffer)?;
        self.set_end_verified();
        Ok(())
    }

    /// Opens a range of the plaintext into `out`, which has its length. `sealed` is what
    /// [`Layout::sealed`] names for this range. After an error `out` holds no plaintext.
    ///
    /// # Errors
    /// `Auth` where a chunk does not verify. `Usage` where `sealed` or `out` has another length,
    /// the range goes beyond the end, or it reaches an end that is not verified: that takes
    /// [`confirm_end`](Self::confirm_end).
    ///
    /// Another length of `sealed` may be the store's fault and not yours: one that returned fewer
    /// bytes than it was asked for, because it broke off, or because a shorter object is there by
    /// now. So compare the number of bytes with what was asked for before you call this, and fetch
    /// again where some are missing, or open the object anew; if they stay missing, it was cut.
    pub fn open(&self, range: Range<u64>, sealed: &[u8], out: &mut [u8]) -> Result<()> {
        self.check(&range, sealed, out)?;
        let opened = self.open_checked(&range, sealed, out);
        opened.inspect_err(|_| wipe(out))
    }

    fn check(&self, range: &Range<u64>, sealed: &[u8], out: &[u8]) -> Result<()> {
        let end = self.layout.plaintext_len();
        if range.start > range.end || range.end > end {
            let what = format!("the range ends after the plaintext of {end} bytes");
            return Err(Error::usage(what));
        }
        if range.end == end && !self.is_end_verified() {
            let detail = Detail::new("the range reaches the end, which is not verified");
            return Err(Error::usage(detail.hint("call `confirm_end` with the last chunk first")));
        }
        check_len(out.len(), range.clone())?;
        check_len(sealed.len(), self.layout.sealed(range.clone()))
    }

    fn open_checked(&self, range: &Range<u64>, sealed: &[u8], mut out: &mut [u8]) -> Result<()> {
        let (first, mut start) = locate(range.start);
        let mut buffer = chunks::Buffer::new();
        for (index, sealed) in (first..).zip(sealed.chunks(SEALED_CHUNK)) {
            let len = self.open_chunk(index, sealed, &mut buffer)?;
            let text = buffer.get(start..len).ok_or(Error::Auth)?;
            let (piece, rest) = out.split_at_mut(text.len().min(out.len()));
            piece.copy_from_slice(&text[..piece.len()]);
            (out, start) = (rest, 0);
        }
        Ok(())
    }

    /// Opens a chunk in `buffer`; returns the length of its plaintext.
    fn open_chunk(&self, index: u64, sealed: &[u8], buffer: &mut chunks::Buffer) -> Result<usize> {
        let place = buffer.get_mut(..sealed.len()).ok_or(Error::Auth)?;
        place.copy_from_slice(sealed);
        self.open_in_place(index, place)
    }

    /// Opens chunk `index` where it is; returns the length of its plaintext.
    pub(super) fn open_in_place(&self, index: u64, sealed: &mut [u8]) -> Result<usize> {
        self.opener.at(index).open_in_place(sealed)
    }

    /// Returns what opens any chunk of the object.
    pub(super) const fn chunks(&self) -> &Opener {
        &self.opener
    }
}

fn check_len(len: usize, range: Range<u64>) -> Result<()> {
    let wanted = range.end - range.start;
    if u64::try_from(len) == Ok(wanted) {
        return Ok(());
    }
    Err(Error::usage(format!("{len} bytes were given where the range takes {wanted}")))
}

impl std::fmt::Debug for RangeOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RangeOpener").field("layout", &self.layout).finish_non_exhaustive()
    }
}
