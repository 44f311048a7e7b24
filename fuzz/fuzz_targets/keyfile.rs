//! Any bytes as a key file, a key text and armor: accepted or refused, and what is accepted comes
//! back the same.
#![no_main]

use keystead::{KeyFile, MasterKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(file) = KeyFile::parse(data) {
        assert!(!file.recipients().is_empty());
        for key in file.keys().iter() {
            let text = key.expose_secret_text().expect("a key from a file has a text");
            assert_eq!(MasterKey::from_text(&text).expect("its own text").id(), key.id());
        }
    }
    if let Ok(object) = keystead::dearmor(data) {
        let again = keystead::dearmor(keystead::armor(&object).as_bytes());
        assert_eq!(again.expect("our own armor"), object);
    }
});
