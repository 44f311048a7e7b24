//! Access lists changed and tagged anew: unwrap, inspect and rewrap agree with the reader of SPEC.md.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keystead_fuzz::access::run(data, &mut |_| ()));
