//! Both backends do the same, and neither leaves plaintext behind after a failure.

#[cfg(all(feature = "ring", feature = "soft"))]
use rand_chacha::rand_core::Rng;
use serde_json::Value;

use super::*;

#[cfg(all(feature = "ring", feature = "soft"))]
fn agree_on(count: usize) {
    let mut rng = cases();
    for case in 0..count {
        let key: [u8; 32] = draw(&mut rng);
        let nonce: [u8; 12] = draw(&mut rng);
        let aad = draw_vec(&mut rng, 200);
        // Mostly short; every 64th as long as chunks are.
        let text = draw_vec(&mut rng, if case % 64 == 0 { 16_400 } else { 600 });
        let (mut by_ring, mut by_soft) = (text.clone(), text.clone());
        let tag = Ring::seal(&key, nonce, &aad, &mut by_ring);
        assert_eq!(tag, Soft::seal(&key, nonce, &aad, &mut by_soft), "case {case}");
        assert_eq!(by_ring, by_soft, "case {case}");

        let mut bad = tag;
        bad[usize::from(draw::<1>(&mut rng)[0]) % 16] ^= 1 << (rng.next_u32() % 8);
        assert!(Ring::open(&key, nonce, &aad, &mut by_ring.clone(), &bad).is_err());
        assert!(Soft::open(&key, nonce, &aad, &mut by_soft.clone(), &bad).is_err());
        // Crosswise.
        Ring::open(&key, nonce, &aad, &mut by_soft, &tag).unwrap();
        Soft::open(&key, nonce, &aad, &mut by_ring, &tag).unwrap();
        assert_eq!((by_ring, by_soft), (text.clone(), text), "case {case}");
    }
    println!("AES-256-GCM: ring and soft agree on {count} of {count} cases");
}

/// 20,000 cases; a million with `KEYSTEAD_LONG=1`.
#[cfg(all(feature = "ring", feature = "soft"))]
#[test]
fn aes_gcm_agrees() {
    agree_on(if std::env::var_os("KEYSTEAD_LONG").is_some() { 1_000_000 } else { 20_000 });
}

#[cfg(all(feature = "ring", feature = "soft"))]
#[test]
fn hkdf_and_sha256_agree() {
    let mut rng = cases();
    for case in 0..10_000 {
        let (a, b) = (draw_vec(&mut rng, 300), draw_vec(&mut rng, 100));
        let parts: [&[u8]; 3] = [&a, b"", &b];
        assert_eq!(Ring::sha256(&parts), Soft::sha256(&parts), "case {case}");
        let prk = Ring::extract_sha256(&b, &parts);
        assert_eq!(prk, Soft::extract_sha256(&b, &parts), "case {case}");

        let len = usize::try_from(rng.next_u32() % 200).unwrap();
        let mut out = [vec![0; len], vec![0; len], vec![0; len], vec![0; len]];
        Ring::expand_sha256(&prk, &parts, &mut out[0]).unwrap();
        Soft::expand_sha256(&prk, &parts, &mut out[1]).unwrap();
        Ring::expand_sha512(&prk, &parts, &mut out[2]).unwrap();
        Soft::expand_sha512(&prk, &parts, &mut out[3]).unwrap();
        assert_eq!(out[0], out[1], "case {case}");
        assert_eq!(out[2], out[3], "case {case}");
    }
    println!("HKDF and SHA-256: ring and soft agree on 10000 of 10000 cases");
}

each_backend! { a_failed_open_leaves_no_plaintext two_keys_open_one_ciphertext }

mod inner {
    use super::*;

    pub(super) fn a_failed_open_leaves_no_plaintext<B: Backend>() {
        let mut rng = cases();
        for len in [1, 15, 16, 17, 100, 1_024, 16_383, 16_384] {
            let key: [u8; 32] = draw(&mut rng);
            let nonce: [u8; 12] = draw(&mut rng);
            let text = vec![0xa5; len];
            let mut sealed = text.clone();
            let tag = B::seal(&key, nonce, b"aad", &mut sealed);
            let mut damaged = sealed.clone();
            damaged[len - 1] ^= 1;
            for (mut buffer, nonce, aad, tag) in [
                (sealed.clone(), nonce, &b"aad"[..], tag.map(|b| !b)),
                (sealed.clone(), nonce, b"bad", tag),
                (sealed.clone(), nonce.map(|b| !b), b"aad", tag),
                (damaged, nonce, b"aad", tag),
            ] {
                let before = buffer.clone();
                assert!(B::open(&key, nonce, aad, &mut buffer, &tag).is_err());
                // Untouched or wiped, byte by byte.
                assert!(buffer == before || buffer.iter().all(|b| *b == 0), "{} {len}", B::NAME);
            }
        }
    }

    /// GCM alone does not say under which key: what the commitment of the body is for.
    pub(super) fn two_keys_open_one_ciphertext<B: Backend>() {
        let data = include_str!("../../../tests/data/two_keys_one_ciphertext.json");
        let data: Value = serde_json::from_str(data).unwrap();
        let tests = data["tests"].as_array().unwrap();
        for test in tests {
            let nonce = array(&hex(&test["iv"]));
            let sealed = hex(&test["ct"]);
            let (text, tag) = sealed.split_last_chunk::<16>().unwrap();
            for (key, hash) in [("key1", "msg1Sha256"), ("key2", "msg2Sha256")] {
                let mut text = text.to_vec();
                let key = array(&hex(&test[key]));
                B::open(&key, nonce, &hex(&test["aad"]), &mut text, tag).unwrap();
                assert_eq!(B::sha256(&[&text]).to_vec(), hex(&test[hash]));
            }
            assert_ne!(test["msg1Sha256"], test["msg2Sha256"]);
        }
        assert_eq!(tests.len(), 8);
        println!("two keys, one ciphertext ({}): {} of 8 open under both", B::NAME, tests.len());
    }
}

/// Opened to the front from any distance, near enough to overlap or not.
fn opens_to_the_front<B: Backend>() {
    let (key, nonce) = ([5; 32], [6; 12]);
    for len in [0, 1, 15, 16, 17, 255, 4_096, 16_384, 16_383] {
        for from in [0, 1, 15, 16, 17, 64, 1_000, 20_000] {
            let text: Vec<u8> = (0..len).map(|i: usize| (i * 7).to_le_bytes()[0]).collect();
            let mut sealed = vec![0xee; from];
            sealed.extend_from_slice(&text);
            let tag = B::seal(&key, nonce, &[], &mut sealed[from..]);
            let mut bad = sealed.clone();
            B::open_to_front(&key, nonce, &mut sealed, from, &tag).unwrap();
            assert_eq!(sealed[..len], text, "{}: {len} bytes from {from}", B::NAME);

            let mut wrong = tag;
            wrong[9] ^= 1;
            assert!(B::open_to_front(&key, nonce, &mut bad, from, &wrong).is_err());
            let shown = bad.windows(16).any(|at| len >= 255 && *at == text[32..48]);
            assert!(!shown, "{}: plaintext after a failure, {len} from {from}", B::NAME);
        }
    }
}

#[cfg(feature = "ring")]
#[test]
fn ring_opens_to_the_front() {
    opens_to_the_front::<Ring>();
}

#[cfg(feature = "soft")]
#[test]
fn soft_opens_to_the_front() {
    opens_to_the_front::<Soft>();
}
