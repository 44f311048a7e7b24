//! One header is one data key for many holders: seal, open, rewrap, inspect.

mod inspect;
mod open;
mod payload;
mod rewrap;
mod seal;

pub use inspect::{Inspection, RecordInspection, inspect};
pub(crate) use open::unwrap;
pub use open::{OpenedBy, OpenedHeader, SealedHeader};
pub(crate) use payload::PayloadKey;
#[cfg(feature = "hazmat")]
pub(crate) use rewrap::rewrap_with;
pub use rewrap::{Changes, Rewrapped, rewrap};
pub use seal::Options;
#[cfg(feature = "hazmat")]
pub(crate) use seal::seal_with;
pub(crate) use seal::{Sealed, seal, seal_as_keystead, sealed_header_len};
