//! R7, R53: an accepted header encodes to itself, whatever bytes it came from.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::context::Context;
use super::header::{self, HEADER_TAG, Header};

/// Builds the header once more from what the parser says of it.
fn encode_again(header: &Header<'_>) -> Vec<u8> {
    let context = header.context().unwrap();
    let mut out = header::begin(header.bytes().len()).unwrap();
    header::push_statement(
        header.object_id,
        header.plaintext_len,
        &context,
        header.metadata.is_some(),
        &mut out,
    )
    .unwrap();
    if let Some(sealed) = header.metadata {
        header::push_metadata(sealed, &mut out).unwrap();
    }
    assert_eq!(&out[header::PREAMBLE..], header.statement());
    let count = header.records().count();
    header::push_access(header.generation, header.location, count, &mut out).unwrap();
    header.records().for_each(|record| out.extend_from_slice(record.raw()));
    header::pad(&mut out).unwrap();
    out.extend_from_slice(&header.tag());
    out
}

/// The inputs of all vectors.
fn vectors() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let vectors = files.filter(|path| path.extension().is_some_and(|e| e == "txt"));
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let (_, body) = text.split_once("\n\n").unwrap();
        STANDARD.decode(body.replace('\n', "")).unwrap()
    };
    vectors.map(read).collect()
}

#[test]
fn an_accepted_header_encodes_to_itself() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let (mut accepted, mut mutated) = (0, 0);
    for input in vectors() {
        if let Ok(header) = Header::parse(&input) {
            assert_eq!(encode_again(&header), header.bytes());
            accepted += 1;
        }
        // Other bytes at random places: what the parser still accepts must come back too.
        for _ in 0..200 {
            let mut input = input.clone();
            let front = input.len().min(400);
            for _ in 0..=rng.next_u32() % 3 {
                if front > 0 {
                    let at = usize::try_from(rng.next_u32()).unwrap() % front;
                    input[at] = rng.next_u32().to_be_bytes()[3];
                }
            }
            if let Ok(header) = Header::parse(&input) {
                assert_eq!(encode_again(&header), header.bytes());
                mutated += 1;
            }
        }
    }
    println!("{accepted} headers of vectors and {mutated} changed ones encode to themselves");
    assert!(accepted > 50 && mutated > 1_000);
}

#[test]
fn every_cut_header_is_refused() {
    let mut bytes = header::begin(80).unwrap();
    header::push_statement(&[1; 16], None, &Context::new(), false, &mut bytes).unwrap();
    header::push_access(0, None, 1, &mut bytes).unwrap();
    bytes.extend_from_slice(&[9, 0, 4]);
    bytes.extend_from_slice(b"some");
    header::pad(&mut bytes).unwrap();
    bytes.extend_from_slice(&[0; HEADER_TAG]);
    assert!(Header::parse(&bytes).is_ok());
    for len in 0..bytes.len() {
        assert!(matches!(Header::parse(&bytes[..len]), Err(crate::Error::Format(_))), "{len}");
    }
}
