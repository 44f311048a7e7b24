//! Any bytes as a key file, a key text and armor: accepted or refused, and what is accepted comes
//! back the same.
#![no_main]

use keystead::{Keyring, MasterKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(keys) = Keyring::from_file_text(data) {
        assert!(!keys.is_empty());
        for key in keys.iter().filter(|key| key.opens()) {
            let text = key.expose_secret_text().expect("a key from a file has a text");
            assert_eq!(MasterKey::from_text(&text).expect("its own text").id(), key.id());
        }
    }
    if let Ok(object) = keystead::dearmor(data) {
        let again = keystead::dearmor(keystead::armor(&object).as_bytes());
        assert_eq!(again.expect("our own armor"), object);
    }
});
