//! An object changed in its structure and tagged anew: every way of opening it agrees with the reader
//! of SPEC.md.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keystead_fuzz::ways::run(data, &mut |_| ()));
