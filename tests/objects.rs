//! Objects as users see them: every way in and out of the library agrees.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{Cursor, Read, Write};

use keystead::{
    Context, Decryptor, EncryptOptions, Encryptor, Keys, MasterKey, PassphraseCosts, RangeReader,
    Recipient, Recipients,
};

const SIZES: [usize; 10] =
    [0, 1, 1_024, 16_383, 16_384, 16_385, 32_767, 32_768, 50_000, 256 * 16_384 + 1];

/// Each kind of key, as a recipient and as what opens.
fn kinds() -> Vec<(&'static str, Recipients, Keys)> {
    let (symmetric, pair) = (MasterKey::generate().unwrap(), MasterKey::generate_pair().unwrap());
    let passphrase = MasterKey::passphrase("correct horse").unwrap();
    let cheap = Recipient::from(&passphrase).with_passphrase_costs(PassphraseCosts::FLOOR);
    let hidden = |key: &MasterKey| Recipient::from(key).anonymous().into();
    vec![
        ("symmetric", (&symmetric).into(), (&symmetric).into()),
        ("pair", (&pair).into(), (&pair).into()),
        ("passphrase", cheap.into(), passphrase.into()),
        ("anonymous", hidden(&symmetric), symmetric.into()),
        ("anonymous pair", hidden(&pair), pair.into()),
    ]
}

fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

#[test]
fn every_way_agrees() {
    let context = Context::from([("tenant", "acme"), ("invoice", "42")]);
    for (name, recipients, keys) in kinds() {
        for len in SIZES {
            let text = plaintext(len);
            let object = keystead::encrypt(&recipients, &text, &context).unwrap();
            assert_eq!(keystead::decrypt(&keys, &object, &context).unwrap(), text, "{name} {len}");

            let options = EncryptOptions::new();
            let size = keystead::encrypted_len(&recipients, len, &context, &options).unwrap();
            assert_eq!(size, object.len());
            let mut out = vec![0; size + 3];
            let used =
                keystead::encrypt_into(&recipients, &text, &context, &options, &mut out).unwrap();
            let mut plain = vec![0; len + 1];
            let got = keystead::decrypt_into(&keys, &out[..used], &context, &mut plain).unwrap();
            assert_eq!(&plain[..got], &text);

            let mut buffer = text.clone();
            keystead::encrypt_in_place(&recipients, &mut buffer, &context, &options).unwrap();
            assert_eq!(buffer.len(), size);
            keystead::decrypt_in_place(&keys, &mut buffer, &context).unwrap();
            assert_eq!(buffer, text);

            let mut writer = Encryptor::new(Vec::new(), &recipients, &context).unwrap();
            for piece in text.chunks(7_001) {
                writer.write_all(piece).unwrap();
            }
            let streamed = writer.finish().unwrap().out;
            let mut read = Vec::new();
            let mut reader = Decryptor::new(&streamed[..], &keys, &context).unwrap();
            reader.read_to_end(&mut read).unwrap();
            assert_eq!(read, text);

            let mut ranges = RangeReader::new(Cursor::new(&streamed), &keys, &context).unwrap();
            assert_eq!(ranges.verified_len().unwrap(), u64::try_from(len).unwrap());
            let mut read = Vec::new();
            ranges.read_to_end(&mut read).unwrap();
            assert_eq!(read, text);
        }
    }
}

#[test]
fn a_kibibyte_under_one_symmetric_key_grows_by_240() {
    let keys = Keys::from(MasterKey::generate().unwrap());
    let object = keystead::encrypt(&keys.recipients(), &[0; 1_024], &Context::new()).unwrap();
    assert_eq!(object.len(), 1_024 + 240);
}
