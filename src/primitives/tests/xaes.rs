//! The vectors of c2sp.org/XAES-256-GCM.

use shake::{ExtendableOutput, Shake128, Update, XofReader};

use super::*;
use crate::primitives::xaes::Xaes;

#[test]
fn both_vectors() {
    for (key, aad, ciphertext) in [
        ([1; 32], &b""[..], "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (
            [3; 32],
            b"c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ] {
        let nonce = *b"ABCDEFGHIJKLMNOPQRSTUVWX";
        let mut buffer = *b"XAES-256-GCM";
        let tag = Xaes::new(&key).seal(&nonce, aad, &mut buffer).unwrap();
        assert_eq!([&buffer[..], &tag].concat(), unhex(ciphertext));
        Xaes::new(&key).open(&nonce, aad, &mut buffer, &tag).unwrap();
        assert_eq!(&buffer, b"XAES-256-GCM");
    }
}

#[test]
fn accumulated_10_000() {
    let hash = "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939";
    assert_eq!(accumulated(10_000), unhex(hash));
}

#[test]
fn accumulated_1_000_000() {
    let hash = "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15";
    assert_eq!(accumulated(1_000_000), unhex(hash));
}

/// SHAKE128 of nothing draws the cases; the hash is SHAKE128 of all ciphertexts.
fn accumulated(count: usize) -> Vec<u8> {
    let mut source = Shake128::default().finalize_xof();
    let mut sink = Shake128::default();
    for _ in 0..count {
        let (mut key, mut nonce) = ([0; 32], [0; 24]);
        source.read(&mut key);
        source.read(&mut nonce);
        let text = drawn(&mut source);
        let aad = drawn(&mut source);
        let xaes = Xaes::new(&key);
        let mut buffer = text.clone();
        let tag = xaes.seal(&nonce, &aad, &mut buffer).unwrap();
        sink.update(&buffer);
        sink.update(&tag);
        xaes.open(&nonce, &aad, &mut buffer, &tag).unwrap();
        assert_eq!(buffer, text);
    }
    let mut hash = vec![0; 32];
    sink.finalize_xof().read(&mut hash);
    println!("XAES-256-GCM: accumulated {count} of {count}");
    hash
}

pub(super) fn drawn(source: &mut impl XofReader) -> Vec<u8> {
    let mut len = [0];
    source.read(&mut len);
    let mut out = vec![0; usize::from(len[0])];
    source.read(&mut out);
    out
}
