//! Test keys, each made from its name, and their texts (SPEC R40, R41, R43).

use keystead::{MasterKey, PassphraseCosts, Recipient, RecordKind};
use ml_kem::{DecapsulationKey, KeyExport, MlKem768};
use shake::digest::{ExtendableOutput, Update, XofReader};

use super::crypto::{expand, sha256, x25519};

pub const SYMMETRIC_PREFIX: &str = "KEYSTEAD-SYMMETRIC-KEY-";
pub const PRIVATE_PREFIX: &str = "AGE-SECRET-KEY-PQ-";
pub const PUBLIC_PREFIX: &str = "age1pq";

/// A master key as the vectors name it.
#[derive(Clone)]
pub struct Key {
    pub kind: RecordKind,
    pub id: [u8; 16],
    /// Text of R43; of a passphrase, itself.
    pub text: String,
    /// Root, seed or nothing.
    pub secret: [u8; 32],
    /// Public key and X25519 scalar of a pair.
    pub pair: Option<(Vec<u8>, [u8; 32])>,
}

pub fn symmetric(name: &str) -> Key {
    let secret = sha256(&[b"symmetric ", name.as_bytes()]);
    let id = expand(&secret, &[b"keystead/v1/key-id\0"]);
    let text = bech32(SYMMETRIC_PREFIX, &secret);
    Key { kind: RecordKind::Symmetric, id, text, secret, pair: None }
}

pub fn pair(name: &str) -> Key {
    let secret = sha256(&[b"pair ", name.as_bytes()]);
    let mut long = [0; 96];
    let mut shake = shake::Shake256::default();
    shake.update(&secret);
    shake.finalize_xof().read(&mut long);
    let scalar: [u8; 32] = long[64..].try_into().unwrap();
    let seed: [u8; 64] = long[..64].try_into().unwrap();
    let ml_kem = DecapsulationKey::<MlKem768>::from_seed(seed.into());
    let share = x25519(scalar, x25519_dalek::X25519_BASEPOINT_BYTES);
    let public = [&ml_kem.encapsulation_key().to_bytes()[..], &share].concat();
    let id = sha256(&[b"keystead/v1/public-key-id\0\x02", &public])[..16].try_into().unwrap();
    let text = bech32(PRIVATE_PREFIX, &secret);
    Key { kind: RecordKind::Pair, id, text, secret, pair: Some((public, scalar)) }
}

pub fn passphrase(text: &str) -> Key {
    let (kind, text) = (RecordKind::Passphrase, text.to_owned());
    Key { kind, id: [0; 16], text, secret: [0; 32], pair: None }
}

impl Key {
    /// Text of the public half.
    pub fn public_text(&self) -> String {
        bech32(PUBLIC_PREFIX, &self.pair.as_ref().unwrap().0)
    }

    /// The same key in the library.
    pub fn master(&self) -> MasterKey {
        match self.kind {
            RecordKind::Passphrase => MasterKey::passphrase(&self.text).unwrap(),
            _ => MasterKey::from_text(&self.text).unwrap(),
        }
    }

    /// The same key as a recipient in the library.
    pub fn recipient(&self) -> Recipient {
        Recipient::from(&self.master()).with_passphrase_costs(PassphraseCosts::FLOOR)
    }
}

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// BIP 173, in the case of the prefix.
pub fn bech32(prefix: &str, data: &[u8]) -> String {
    bech32_values(prefix, &fives(data, 0), 1)
}

/// Eight bits to five; `padding` stands in the bits behind the data.
pub fn fives(data: &[u8], padding: u8) -> Vec<u8> {
    let mut bits: Vec<u8> =
        data.iter().flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1)).collect();
    let missing = bits.len().next_multiple_of(5) - bits.len();
    bits.extend((0..missing).rev().map(|bit| (padding >> bit) & 1));
    bits.chunks(5).map(|five| five.iter().fold(0, |value, bit| (value << 1) | bit)).collect()
}

/// Bech32 of values of five bits; the constant is 1, or another for what is not Bech32.
pub fn bech32_values(prefix: &str, values: &[u8], constant: u32) -> String {
    let lower = prefix.to_ascii_lowercase();
    let mut state = 1;
    lower.bytes().for_each(|c| step(&mut state, c >> 5));
    step(&mut state, 0);
    lower.bytes().for_each(|c| step(&mut state, c & 31));
    values.iter().for_each(|value| step(&mut state, *value));
    (0..6).for_each(|_| step(&mut state, 0));
    state ^= constant;
    let checksum = (0..6).rev().map(|i| u8::try_from((state >> (5 * i)) & 31).unwrap());
    let digits = values.iter().copied().chain(checksum);
    let data = digits.map(|value| char::from(ALPHABET[usize::from(value)]));
    let text = lower.chars().chain(['1']).chain(data).collect::<String>();
    if lower == prefix { text } else { text.to_ascii_uppercase() }
}

fn step(state: &mut u32, value: u8) {
    let top = *state >> 25;
    *state = ((*state & 0x1ff_ffff) << 5) ^ u32::from(value);
    let generator = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    for (bit, generator) in (0..).zip(generator) {
        *state ^= generator * ((top >> bit) & 1);
    }
}
