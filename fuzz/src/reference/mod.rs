//! A reader of objects written from SPEC.md, without a line of the library: what every way of
//! opening must agree with. It is slow and plain, and knows the lengths of everything at once.

pub mod body;
pub mod header;
pub mod primitives;
pub mod unwrap;

pub use body::{Opened, open};
pub use header::{Header, Record};
pub use unwrap::{Demand, Pairs, Unwrapped};

/// A result with a class of R52.
pub type Result<T> = std::result::Result<T, keystead::ErrorKind>;
