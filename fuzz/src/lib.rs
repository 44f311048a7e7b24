//! What the fuzz targets run: objects forged from the fuzzer's bytes, opened by the library and by
//! a reader written from SPEC.md, which must agree.

pub mod access;
pub mod choices;
pub mod forging;
pub mod pool;
pub mod reference;
pub mod ways;

// The code that makes the vectors: the primitives without the library, and objects field by field.
#[path = "../../tests/vectors_support/crypto.rs"]
pub mod crypto;
#[path = "../../tests/vectors_support/forge.rs"]
pub mod forge;
#[path = "../../tests/vectors_support/keys.rs"]
pub mod keys;

/// Is told what an input has reached.
pub type Note<'n> = &'n mut dyn FnMut(&str);

/// A target that the driver and libFuzzer run alike. It panics where something disagrees.
pub type Target = fn(&[u8], Note<'_>);

/// The targets by name.
pub const TARGETS: [(&str, Target); 2] = [("ways", ways::run), ("access", access::run)];
