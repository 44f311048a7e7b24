//! The primitives of SPEC section 1, called by the names of their standards and without a line of
//! the library.

use aes::Aes256;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use ml_kem::{EncapsulationKey, MlKem768};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hkdf, hmac};
use sha3::{Digest, Sha3_256};

pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    digest::digest(&digest::SHA256, &parts.concat()).as_ref().try_into().unwrap()
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand with SHA-512.
pub fn expand<const N: usize>(prk: &[u8; 32], info: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, prk);
    prk.expand(info, Length(N)).unwrap().fill(&mut out).unwrap();
    out
}

/// AES-256-GCM: ciphertext and tag.
pub fn gcm_seal(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], text: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut out = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut out).unwrap();
    out
}

pub fn aes(key: &[u8; 32], block: u128) -> u128 {
    let mut block: Block<Aes256> = block.to_be_bytes().into();
    Aes256::new(key.into()).encrypt_block(&mut block);
    u128::from_be_bytes(block.into())
}

/// Key and nonce of AES-256-GCM for one message of XAES-256-GCM.
pub fn xaes(key: &[u8; 32], nonce: &[u8; 24]) -> ([u8; 32], [u8; 12]) {
    let l = aes(key, 0);
    let k1 = (l << 1) ^ ((l >> 127) * 0b1000_0111);
    let half = |counter: u8| {
        let mut m = [0; 16];
        m[..4].copy_from_slice(&[0, counter, b'X', 0]);
        m[4..].copy_from_slice(&nonce[..12]);
        aes(key, u128::from_be_bytes(m) ^ k1).to_be_bytes()
    };
    let derived = [half(1), half(2)].concat();
    (derived.try_into().unwrap(), nonce[12..].try_into().unwrap())
}

pub fn xaes_seal(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], text: &[u8]) -> Vec<u8> {
    let (key, nonce) = xaes(key, nonce);
    gcm_seal(&key, nonce, aad, text)
}

pub fn x25519(scalar: [u8; 32], u: [u8; 32]) -> [u8; 32] {
    x25519_dalek::x25519(scalar, u)
}

/// MLKEM768-X25519 with given randomness (32 for ML-KEM, 32 for the share): enc and shared secret.
/// `share` takes the place of the honest
/// share; its X25519 secret is then what the holder of `scalar` would compute.
pub fn encapsulate(
    public: &[u8],
    randomness: &[u8; 64],
    share: Option<([u8; 32], [u8; 32])>,
) -> (Vec<u8>, [u8; 32]) {
    let (ek, key) = public.split_at(1_184);
    let key: [u8; 32] = key.try_into().unwrap();
    let ek = EncapsulationKey::<MlKem768>::new(&ek.try_into().unwrap()).unwrap();
    let (m, ephemeral) = randomness.split_at(32);
    let (ciphertext, ml_kem_secret) = ek.encapsulate_deterministic(&m.try_into().unwrap());
    let (share, secret) = match share {
        Some((share, scalar)) => (share, x25519(scalar, share)),
        None => {
            let ephemeral = ephemeral.try_into().unwrap();
            (x25519(ephemeral, x25519_dalek::X25519_BASEPOINT_BYTES), x25519(ephemeral, key))
        }
    };
    let parts: [&[u8]; 5] = [&ml_kem_secret, &secret, &share, &key, b"\\.//^\\"];
    (
        [&ciphertext[..], &share].concat(),
        Sha3_256::digest(parts.concat()).as_slice().try_into().unwrap(),
    )
}

/// The AEAD part of HPKE in base mode, for MLKEM768-X25519, HKDF-SHA256 and AES-256-GCM.
pub fn hpke_seal(shared: &[u8; 32], info: &[u8], aad: &[u8], text: &[u8]) -> Vec<u8> {
    let (key, nonce) = hpke_key(shared, info);
    gcm_seal(&key, nonce, aad, text)
}

/// The key schedule of HPKE in base mode (RFC 9180 section 5.1), for the first message.
pub fn hpke_key(shared: &[u8; 32], info: &[u8]) -> GcmKey {
    const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x02";
    let mac = |key: &[u8], parts: &[&[u8]]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, &parts.concat()).as_ref().to_vec()
    };
    let extract =
        |salt: &[u8], label: &[u8], ikm: &[u8]| mac(salt, &[b"HPKE-v1", SUITE, label, ikm]);
    let context =
        [vec![0], extract(b"", b"psk_id_hash", b""), extract(b"", b"info_hash", info)].concat();
    let secret = extract(shared, b"secret", b"");
    // One block of SHA-256 is enough for key and nonce.
    let expand = |label: &[u8], length: u8| {
        mac(&secret, &[&[0, length], b"HPKE-v1", SUITE, label, &context, &[1]])
    };
    let key = expand(b"key", 32).try_into().unwrap();
    (key, expand(b"base_nonce", 12)[..12].try_into().unwrap())
}

pub fn argon2id(passphrase: &[u8], salt: &[u8], (m, t, p): (u32, u32, u32)) -> [u8; 32] {
    let params = argon2::Params::new(m, t, p, Some(32)).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut out = [0; 32];
    argon2.hash_password_into(passphrase, salt, &mut out).unwrap();
    out
}

/// What AES-256-GCM must decrypt: key and nonce.
pub type GcmKey = ([u8; 32], [u8; 12]);

/// A ciphertext of two blocks, the first given, and a tag that are valid under two keys: GCM does
/// not commit to its key. The second
/// block is the solution of one linear equation in GF(2^128).
pub fn two_keys_one_ciphertext(a: &GcmKey, b: &GcmKey, aad: &[u8], first: u128) -> Vec<u8> {
    let (ha, hb) = (aes(&a.0, 0), aes(&b.0, 0));
    // The tag is known(second = 0) + second * h^2; equal under both keys.
    let known = |(key, nonce): &GcmKey, h: u128| {
        let mut blocks: Vec<u128> = aad.chunks(16).map(block).collect();
        blocks.extend([first, 0, (to_u128(aad.len() * 8) << 64) | 256]);
        let hash = blocks.iter().fold(0, |y, x| multiply(y ^ x, h));
        let counter = [&nonce[..], &[0, 0, 0, 1]].concat();
        hash ^ aes(key, block(&counter))
    };
    let (ta, tb) = (known(a, ha), known(b, hb));
    let factor = multiply(ha, ha) ^ multiply(hb, hb);
    let second = multiply(ta ^ tb, invert(factor));
    let tag = ta ^ multiply(second, multiply(ha, ha));
    [first, second, tag].iter().flat_map(|block| block.to_be_bytes()).collect()
}

/// Decrypts two blocks of AES-256-GCM without looking at a tag.
pub fn gcm_keystream((key, nonce): &GcmKey, ciphertext: &[u8]) -> [u8; 32] {
    let text = gcm_seal(key, *nonce, b"", &ciphertext[..32]);
    text[..32].try_into().unwrap()
}

fn block(bytes: &[u8]) -> u128 {
    let mut block = [0; 16];
    block[..bytes.len()].copy_from_slice(bytes);
    u128::from_be_bytes(block)
}

fn to_u128(n: usize) -> u128 {
    u128::try_from(n).unwrap()
}

/// SP 800-38D, algorithm 1.
fn multiply(x: u128, y: u128) -> u128 {
    let (mut z, mut v) = (0, y);
    for bit in (0..128).rev() {
        if (x >> bit) & 1 == 1 {
            z ^= v;
        }
        v = (v >> 1) ^ ((v & 1) * (0b1110_0001 << 120));
    }
    z
}

/// x^(2^128 - 2).
fn invert(x: u128) -> u128 {
    let (mut result, mut square) = (1 << 127, x);
    for _ in 1..128 {
        square = multiply(square, square);
        result = multiply(result, square);
    }
    result
}
