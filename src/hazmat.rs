//! What a careful program does not need: data keys in the open, and randomness from the caller. One
//! grep for `hazmat` finds every use.

use zeroize::Zeroizing;

use crate::envelope::{
    Changes, EncryptOptions, OpenedHeader, Rewrapped, SealedHeader, rewrap_with, seal_with,
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
    Zeroizing::new(*header.verified().data_key.secret().expose())
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
