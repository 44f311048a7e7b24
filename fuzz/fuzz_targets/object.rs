//! A true object with some of its bytes changed: every reader agrees, and nothing is released that
//! did not verify.
#![no_main]

use std::io::{Cursor, Read};
use std::sync::LazyLock;

use keystead::{Context, Decryptor, EncryptOptions, Keys, MasterKey, RangeReader};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let text = "KEYSTEAD-SYMMETRIC-KEY-1S4GG88XHMXV6L285QJ7DEL7WRA60MJE27TENWEP6ZMVAE26QKYUQHMK734";
    Keys::from(MasterKey::from_text(text).expect("a key"))
});

fuzz_target!(|data: (u16, Vec<u8>, Vec<u8>)| {
    // Begin with a true object and let the fuzzer change bytes of it: most of what it finds is
    // behind the header.
    let (at, patch, text) = data;
    let context = Context::new();
    let options = EncryptOptions::new();
    let random: Vec<u8> = (0..=255).collect();
    let recipients = KEYS.recipients();
    let object =
        keystead::hazmat::encrypt_with_randomness(&recipients, &text, &context, &options, &random);
    let Ok(mut object) = object else { return };
    let original = object.clone();
    let start = usize::from(at) % (object.len() + 1);
    for (byte, new) in object[start..].iter_mut().zip(&patch) {
        *byte ^= new;
    }
    let whole = keystead::decrypt(&KEYS, &object, &context);
    let mut streamed = Vec::new();
    let stream = Decryptor::new(&object[..], &KEYS, &context)
        .and_then(|mut r| r.read_to_end(&mut streamed).map_err(keystead::Error::from_io));
    let ranged = RangeReader::new(Cursor::new(&object), &KEYS, &context).and_then(|mut r| {
        let mut out = Vec::new();
        r.read_to_end(&mut out).map_err(keystead::Error::from_io).map(|_| out)
    });
    assert_eq!(whole.is_ok(), object == original);
    assert_eq!(stream.is_ok(), object == original);
    assert_eq!(ranged.is_ok(), object == original);
    assert!(text.starts_with(&streamed));
});
