//! Secrets do not show: not in Debug, not in a buffer after a failure.

use keystead::{Context, EncryptOptions, Keys, MasterKey, Recipients};

#[test]
fn debug_shows_no_key() {
    let keys = [MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap()];
    for key in keys {
        let text = key.expose_secret_text().unwrap();
        let (_, secret) = text.rsplit_once('1').unwrap();
        let bytes: Vec<u8> = bech32::decode(&text).unwrap().1;
        assert_eq!(bytes.len(), 32);
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();

        let mut shown = format!("{key:?} {key:#?}");
        let ring = Keys::from(key);
        shown += &format!(" {ring:?} {ring:#?}");
        let shown = shown.to_lowercase();
        // No eight characters of the text, no four bytes in hex or as a list of numbers.
        let secret = secret.to_lowercase();
        assert!((0..=secret.len() - 8).all(|i| !shown.contains(&secret[i..i + 8])), "{shown}");
        for four in bytes.windows(4) {
            assert!(!shown.contains(&hex(four)), "{shown}");
            let list = format!("{four:?}");
            assert!(!shown.contains(list.trim_matches(['[', ']'])), "{shown}");
        }
    }
    let passphrase = MasterKey::passphrase("correct horse").unwrap();
    assert!(!format!("{passphrase:?} {passphrase:#?}").contains("horse"));
}

#[test]
fn a_failed_decryption_leaves_no_plaintext() {
    let keys = Keys::from(MasterKey::generate().unwrap());
    let context = Context::new();
    for len in [16, 1_000, 16_384, 50_000] {
        let object = keystead::encrypt(&keys.recipients(), &vec![0xa5; len], &context).unwrap();
        for at in [object.len() - 1, object.len() - 20] {
            let mut object = object.clone();
            object[at] ^= 1;

            let mut out = vec![0xee; len + 5];
            assert!(keystead::decrypt_into(&keys, &object, &context, &mut out).is_err());
            assert!(out[..len].iter().all(|b| *b == 0), "{len}");
            assert_eq!(out[len..], [0xee; 5]);

            keystead::decrypt_in_place(&keys, &mut object, &context).unwrap_err();
            assert!(object.is_empty(), "{len}");
        }
    }
    // Without a key nothing is encrypted, and the only copy stays.
    let mut buffer = vec![0xa5; 100];
    assert!(
        keystead::encrypt_in_place(
            &Recipients::new(),
            &mut buffer,
            &context,
            &EncryptOptions::new()
        )
        .is_err()
    );
    assert_eq!(buffer, [0xa5; 100]);
}
