//! What the benches measure: our calls, the floors under them, and the rivals, each once, for
//! criterion (`benches/`), for the goals (`src/bin/ratios.rs`) and for counts of instructions.

#![forbid(unsafe_code)]

pub mod buffers;
#[cfg(feature = "heavy")]
pub mod esdk;
pub mod floor;
pub mod holes;
pub mod paired;
pub mod rivals;
pub mod small;
pub mod spec;
pub mod streams;
