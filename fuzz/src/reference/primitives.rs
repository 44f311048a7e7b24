//! The opening half of the primitives of SPEC section 1, without a line of the library.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use ml_kem::kem::Decapsulate;
use ml_kem::{DecapsulationKey, MlKem768};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha3::{Digest, Sha3_256};
use shake::digest::{ExtendableOutput, Update, XofReader};

use crate::crypto::{GcmKey, argon2id, hpke_key, sha256, x25519, xaes};
use crate::keys::Key;

pub fn gcm_open((key, nonce): &GcmKey, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let mut text = sealed.to_vec();
    let len = key.open_in_place(nonce, Aad::from(aad), &mut text).ok()?.len();
    text.truncate(len);
    Some(text)
}

pub fn xaes_open(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    gcm_open(&xaes(key, nonce), aad, sealed)
}

type Known = Mutex<HashMap<[u8; 32], Option<[u8; 32]>>>;

/// One result for each key and question, for all inputs of a process.
fn remembered(
    known: &Known,
    question: [u8; 32],
    answer: impl FnOnce() -> Option<[u8; 32]>,
) -> Option<[u8; 32]> {
    if let Some(known) = known.lock().unwrap().get(&question) {
        return *known;
    }
    let answer = answer();
    let mut known = known.lock().unwrap();
    if known.len() > 20_000 {
        known.clear();
    }
    known.insert(question, answer);
    answer
}

/// R28: the run key in the parameters of a pair record.
pub fn open_run(key: &Key, parameters: &[u8]) -> Option<[u8; 32]> {
    static KNOWN: LazyLock<Known> = LazyLock::new(Known::default);
    remembered(&KNOWN, sha256(&[&key.secret, parameters]), || {
        let (enc, sealed) = parameters.split_at(1_120);
        let shared = decapsulate(key, enc)?;
        gcm_open(&hpke_key(&shared, b"keystead/v1/pair"), b"", sealed)?.try_into().ok()
    })
}

fn decapsulate(key: &Key, enc: &[u8]) -> Option<[u8; 32]> {
    let mut long = [0; 96];
    let mut shake = shake::Shake256::default();
    shake.update(&key.secret);
    shake.finalize_xof().read(&mut long);
    let seed: [u8; 64] = *long.first_chunk().unwrap();
    let (public, scalar) = key.pair.as_ref()?;
    let (ciphertext, share) = enc.split_at(1_088);
    let share: [u8; 32] = share.try_into().unwrap();
    let ml_kem = DecapsulationKey::<MlKem768>::from_seed(seed.into());
    let ml_kem_secret = ml_kem.decapsulate(&ciphertext.try_into().unwrap());
    let secret = x25519(*scalar, share);
    if is_bad(&share) || secret == [0; 32] {
        return None;
    }
    let parts: [&[u8]; 5] = [&ml_kem_secret, &secret, &share, &public[1_184..], b"\\.//^\\"];
    Some(Sha3_256::digest(parts.concat()).as_slice().try_into().unwrap())
}

/// R28: 2^255 - 19 or more, read with the top bit.
fn is_bad(share: &[u8; 32]) -> bool {
    let mut least = [0xff; 32];
    (least[0], least[31]) = (0xed, 0x7f);
    share.iter().rev().ge(least.iter().rev())
}

/// R29, remembered: the loop has no time for more than a few.
pub fn passphrase_key(passphrase: &str, parameters: &[u8]) -> [u8; 32] {
    static KNOWN: LazyLock<Known> = LazyLock::new(Known::default);
    let cost = |at: usize| u32::from_be_bytes(parameters[at..at + 4].try_into().unwrap());
    let key = remembered(&KNOWN, sha256(&[passphrase.as_bytes(), b"\0", parameters]), || {
        let costs = (cost(16), cost(20), cost(24));
        Some(argon2id(passphrase.as_bytes(), &parameters[..16], costs))
    });
    key.unwrap()
}
