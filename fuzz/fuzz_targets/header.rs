//! Any bytes as a header: the parser and `inspect` answer or refuse, and what they read does not
//! depend on what is behind the header.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(header) = keystead::SealedHeader::parse(data) else { return };
    let seen = keystead::inspect(data, None).expect("what parses can be inspected");
    assert_eq!(seen.header_len, header.len());
    assert!(seen.header_used <= header.len());
    assert_eq!(header.as_bytes(), &data[..header.len()]);
    assert!(keystead::SealedHeader::parse(header.as_bytes()).is_ok());
});
