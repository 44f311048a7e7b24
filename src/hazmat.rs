//! What a careful program does not need: data keys in the open, and randomness from the caller. One
//! grep for `hazmat` finds every use.

use zeroize::Zeroizing;

use crate::envelope::{
    Changes, EncryptOptions, OpenedHeader, PayloadKey, Rewrapped, SealedHeader, rewrap_with,
    seal_with,
};
use crate::error::Result;
use crate::format::context::{Context, Expected};
use crate::keys::{DataKey, Keys, Recipients};
use crate::primitives::random::Randomness;
use crate::primitives::secret::Secret;
use crate::stream::encrypt_sealed;

/// Returns the data key of an opened object. Whoever has it can read the object for ever, whatever
/// is revoked.
#[must_use]
pub fn expose_data_key(header: &OpenedHeader) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(*header.data_key.secret().expose())
}

/// The key of one body, chunk by chunk, for who brings their own layout or measures the hot path.
/// Nothing here keeps an index from being sealed twice, which is a disaster, or shows that an end
/// is the end.
pub struct BodyKey(PayloadKey);

impl BodyKey {
    /// Makes it of a header that was unwrapped, and the 56 bytes after the header.
    ///
    /// # Errors
    /// `Auth`, `Rollback` by SPEC R35 and R38.
    pub fn new(header: &OpenedHeader, prefix: &[u8; 56]) -> Result<Self> {
        header.payload(prefix).map(|(key, _)| Self(key))
    }

    /// Seals chunk `index` in place and returns its tag.
    ///
    /// # Errors
    /// `Auth` above what GCM takes, 2^36 - 32 bytes.
    pub fn seal(&self, index: u64, chunk: &mut [u8]) -> Result<[u8; 16]> {
        self.0.seal_chunk(index, chunk)
    }

    /// Opens chunk `index` in place.
    ///
    /// # Errors
    /// `Auth` where the tag is another; then the chunk holds no plaintext.
    pub fn open(&self, index: u64, chunk: &mut [u8], tag: &[u8; 16]) -> Result<()> {
        self.0.open_chunk(index, chunk, 0, tag)
    }
}

impl std::fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BodyKey(..)")
    }
}

/// Does step *unwrap* with a data key that came from elsewhere, for the record at `position`:
/// header tag and `expected` are checked as ever.
///
/// # Errors
/// `Auth` where the header tag is another; `NoKey` where there is no such record; `Context` as
/// [`SealedHeader::unwrap`].
pub fn accept_data_key<'e>(
    header: &SealedHeader,
    data_key: &[u8; 32],
    position: usize,
    expected: impl Into<Expected<'e>>,
) -> Result<OpenedHeader> {
    header.accept(DataKey::new(Secret::copy_of(data_key)), position, expected)
}

/// Encrypts as [`encrypt_with`](crate::encrypt_with), with the caller's randomness: data key (32),
/// object id (16), salt (24), then for each key a new run of a pair (64 + 32) or the salt of a
/// passphrase (16), and a wrap nonce (24). The same bytes twice are a disaster.
///
/// # Errors
/// As [`encrypt`](crate::encrypt); `Usage` where the bytes do not suffice.
pub fn encrypt_with_randomness(
    recipients: &Recipients,
    plaintext: &[u8],
    context: &Context,
    options: &EncryptOptions,
    randomness: &[u8],
) -> Result<Vec<u8>> {
    let sealed = seal_with(recipients, context, options, &mut Randomness::given(randomness))?;
    encrypt_sealed(&sealed, plaintext, options.threads)
}

/// Rewraps as [`rewrap`](crate::rewrap), with the caller's randomness.
///
/// # Errors
/// As [`rewrap`](crate::rewrap); `Usage` where the bytes do not suffice.
pub fn rewrap_with_randomness<'e>(
    prefix: &[u8],
    keys: &Keys,
    expected: impl Into<Expected<'e>>,
    changes: &Changes<'_>,
    randomness: &[u8],
) -> Result<Rewrapped> {
    rewrap_with(prefix, keys, expected.into(), changes, &mut Randomness::given(randomness))
}
