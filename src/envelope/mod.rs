//! One header is one data key for many holders: seal, open, rewrap, inspect.
//!
//! A header says who may open an object, and what the object is. Three steps open one, so that a
//! key which is slow or far away fits between them (SPEC section 7):
//!
//! 1. [`SealedHeader::parse`] needs no key and believes nothing; [`inspect()`] shows the claims.
//! 2. [`SealedHeader::unwrap`] finds the record of a held key, verifies the header under its data
//!    key, and compares the context and the place that the caller expects.
//! 3. [`Decryptor::from_header`](crate::Decryptor::from_header) verifies the commitment in front of
//!    the body and then reads chunks.
//!
//! [`rewrap()`] writes another list of records for the same data key, by [`Changes`]; the body is
//! neither read nor changed. [`EncryptOptions`] say what a new object has beside keys and context.

mod changes;
mod inspect;
mod open;
mod payload;
mod rewrap;
mod seal;

pub use changes::Changes;
pub(crate) use changes::check_vouched;
pub use inspect::{Evidence, Inspection, RecordInspection, inspect};
pub use open::{OpenedBy, OpenedHeader, SealedHeader};
pub(crate) use open::{Verified, unwrap};
pub(crate) use payload::PayloadKey;
#[cfg(feature = "hazmat")]
pub(crate) use rewrap::rewrap_with;
pub use rewrap::{Rewrapped, rewrap};
pub use seal::EncryptOptions;
#[cfg(feature = "hazmat")]
pub(crate) use seal::seal_with;
pub(crate) use seal::{Sealed, seal, seal_as_keystead, sealed_header_len};
