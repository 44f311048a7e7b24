//! Bits: header, records, layout arithmetic, text forms. No keys, no input or output, no clock, no
//! randomness.
//!
//! One verb pair: encode and decode (parse, where the result borrows). Everything here follows SPEC
//! sections 2 to 4, 6 and 8, in the conventions of R1 and R2.
//!
//! What users meet of it: a [`Context`] is public and demanded again, [`Metadata`] is private;
//! [`Expected`] and [`Floor`] are what a caller demands of an object before its body is read;
//! [`KeyId`], [`RecordKind`] and [`Provenance`] say which key opened and what that means;
//! [`armor()`] and [`dearmor()`] turn an object into text and back.

pub(crate) mod bytes;
pub(crate) mod context;
pub(crate) mod floor;
pub(crate) mod header;
pub(crate) mod keytext;
pub(crate) mod labels;
pub(crate) mod layout;
pub(crate) mod pairs;
pub(crate) mod pem;
pub(crate) mod record;
#[cfg(test)]
mod tests;

pub use context::{Context, Expected, Location, Metadata};
pub use floor::Floor;
pub use layout::Layout;
pub use pem::{armor, dearmor, is_armored};
pub use record::{KeyId, ObjectId, Provenance, RecordKind};
