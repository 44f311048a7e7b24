//! The body is C2SP chunked encryption and nothing else (SPEC R30): the independent crate
//! `cobblestone` opens ours, and we
//! open its, given data key and statement hash.

use cobblestone::Key256;
use keystead::{Context, Keys, MasterKey, SealedHeader, hazmat};

const SIZES: [usize; 6] = [0, 1, 16_383, 16_384, 16_385, 100_000];

#[test]
fn cobblestone_opens_our_body_and_we_open_its() {
    let keys = Keys::from(MasterKey::generate().unwrap());
    let context = Context::from([("tenant", "acme")]);
    for size in SIZES {
        let text = plaintext(size, 251);
        let object = keystead::encrypt(&keys.recipients(), &text, &context).unwrap();
        let sealed = SealedHeader::parse(&object).unwrap();
        let (header, body) = object.split_at(sealed.len());
        let opened = sealed.unwrap(&keys, &context).unwrap();
        let key = Key256::from_bytes(&hazmat::expose_data_key(&opened));
        let statement_hash = opened.statement_hash();
        assert_eq!(cobblestone::decrypt(&key, statement_hash, body).unwrap(), text, "{size}");
        assert!(cobblestone::decrypt(&key, &[0; 32], body).is_err());

        // The statement says how long the plaintext is, so theirs is as long.
        let other = plaintext(size, 241);
        let body = cobblestone::encrypt(&key, statement_hash, &other).unwrap();
        let theirs = [header, &body].concat();
        assert_eq!(keystead::decrypt(&keys, &theirs, &context).unwrap(), other, "{size}");

        let elsewhere = cobblestone::encrypt(&key, b"another statement", &other).unwrap();
        let moved = [header, &elsewhere].concat();
        assert!(keystead::decrypt(&keys, &moved, &context).is_err(), "{size}");
    }
    println!("cobblestone: {} of 6 sizes in both directions", SIZES.len());
}

fn plaintext(len: usize, period: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % period).expect("below 256")).collect()
}
