//! HPKE single-shot base mode, RFC 9180 section 6.1, for one suite: KEM 0x647a MLKEM768-X25519
//! (draft-ietf-hpke-pq-03),
//! KDF 0x0001 HKDF-SHA256, AEAD 0x0002 AES-256-GCM.

use x_wing::kem::{Decapsulator, KeyExport, KeyInit, TryDecapsulate, TryKeyInit};
use x_wing::{DecapsulationKeyRejectNonContrib, EncapsulationKey};
use zeroize::Zeroize;

use super::Unauthentic;
use super::aead::AesGcm;
use super::hkdf;
use super::secret::Secret;

/// Bytes of an encapsulated key: ML-KEM-768 ciphertext and X25519 share.
pub(crate) const ENC: usize = 1_120;
/// Bytes of a public key.
pub(crate) const PUBLIC: usize = 1_216;
/// Random bytes of one encapsulation.
pub(crate) const RANDOM: usize = 64;

const SUITE_ID: &[u8; 10] = b"HPKE\x64\x7a\x00\x01\x00\x02";

/// A public key that has passed the checks of FIPS 203 section 7.2, and whose X25519 half takes
/// part in the secret. It has several KiB, so it stays in one place.
pub(crate) struct PublicKey(Box<EncapsulationKey>);

impl PublicKey {
    pub(crate) fn from_bytes(bytes: &[u8; PUBLIC]) -> Result<Self, Unauthentic> {
        let key = EncapsulationKey::new(bytes.into()).map_err(|_| Unauthentic)?;
        check_canonical(bytes)?;
        // It would give the all-zero output with every private key (RFC 7748 section 6.1).
        if LOW_ORDER.iter().any(|point| bytes.ends_with(point)) {
            return Err(Unauthentic);
        }
        Ok(Self(Box::new(key)))
    }
}

/// The u-coordinates of small order on Curve25519 and its twist, as far as they are canonical: 0,
/// 1,
/// -1, and the two of order 8.
const LOW_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

/// A private key, built from its 32-byte seed; it wipes itself.
pub(crate) struct PrivateKey(Box<DecapsulationKeyRejectNonContrib>);

impl PrivateKey {
    pub(crate) fn from_seed(seed: &Secret<32>) -> Self {
        Self(Box::new(DecapsulationKeyRejectNonContrib::new(seed.expose().into())))
    }

    pub(crate) fn public(&self) -> (PublicKey, [u8; PUBLIC]) {
        let key = self.0.encapsulation_key();
        (PublicKey(Box::new(key.clone())), key.to_bytes().into())
    }
}

/// Seals 32 bytes (SealBase); returns the encapsulated key and the sealed bytes.
pub(crate) fn seal(
    public: &PublicKey,
    info: &[u8],
    aad: &[u8],
    secret: &Secret<32>,
    randomness: &[u8; RANDOM],
) -> Result<([u8; ENC], [u8; 48]), Unauthentic> {
    let (enc, shared) = encap(public, randomness);
    let (key, nonce) = key_schedule(SUITE_ID, &shared, info);
    let mut sealed = [0; 48];
    sealed[..32].copy_from_slice(secret.expose());
    let (text, tag) = sealed.split_at_mut(32);
    tag.copy_from_slice(&AesGcm::new(key.expose()).seal(nonce, aad, text)?);
    Ok((enc, sealed))
}

/// Opens 32 bytes (OpenBase).
pub(crate) fn open(
    private: &PrivateKey,
    enc: &[u8; ENC],
    info: &[u8],
    aad: &[u8],
    sealed: &[u8; 48],
) -> Result<Secret<32>, Unauthentic> {
    let (key, nonce) = key_schedule(SUITE_ID, &decap(private, enc)?, info);
    let (text, tag) = sealed.split_last_chunk::<16>().ok_or(Unauthentic)?;
    let mut opened = Ok(());
    let secret = Secret::make(|out| {
        out.copy_from_slice(text);
        opened = AesGcm::new(key.expose()).open(nonce, aad, out, tag);
    });
    opened.map(|()| secret)
}

/// Encapsulates; returns the encapsulated key and the shared secret.
pub(super) fn encap(public: &PublicKey, randomness: &[u8; RANDOM]) -> ([u8; ENC], Secret<32>) {
    let (enc, mut shared) = public.0.encapsulate_deterministic(randomness.into());
    let secret = Secret::copy_of(shared.as_ref());
    shared.zeroize();
    (enc.into(), secret)
}

/// Decapsulates. A share with the all-zero output is refused (RFC 9180 section 7.1.4).
pub(super) fn decap(private: &PrivateKey, enc: &[u8; ENC]) -> Result<Secret<32>, Unauthentic> {
    check_canonical(enc)?;
    let mut shared = private.0.try_decapsulate(enc.into()).map_err(|_| Unauthentic)?;
    let secret = Secret::copy_of(shared.as_ref());
    shared.zeroize();
    Ok(secret)
}

/// The X25519 share or key in the last 32 bytes, little-endian with its top bit, is below 2^255 -
/// 19.
fn check_canonical(bytes: &[u8]) -> Result<(), Unauthentic> {
    let Some(share) = bytes.last_chunk::<32>() else { return Err(Unauthentic) };
    let above = share[31] > 0x7f
        || (share[31] == 0x7f && share[1..31].iter().all(|b| *b == 0xff) && share[0] >= 0xed);
    if above { Err(Unauthentic) } else { Ok(()) }
}

/// RFC 9180 section 5.1 in base mode: no psk, so its id and value are empty. Key and base nonce
/// come out.
pub(super) fn key_schedule(
    suite: &[u8; 10],
    shared: &Secret<32>,
    info: &[u8],
) -> (Secret<32>, [u8; 12]) {
    let psk_id_hash = labeled_extract(suite, b"", b"psk_id_hash", b"");
    let info_hash = labeled_extract(suite, b"", b"info_hash", info);
    let context = [&[0][..], psk_id_hash.expose(), info_hash.expose()].concat();
    let secret = labeled_extract(suite, shared.expose(), b"secret", b"");
    let key = Secret::make(|out| labeled_expand(suite, &secret, b"key", &context, out));
    let mut nonce = [0; 12];
    labeled_expand(suite, &secret, b"base_nonce", &context, &mut nonce);
    (key, nonce)
}

fn labeled_extract(suite: &[u8; 10], salt: &[u8], label: &[u8], ikm: &[u8]) -> Secret<32> {
    hkdf::extract_sha256(salt, &[b"HPKE-v1", suite, label, ikm])
}

fn labeled_expand<const N: usize>(
    suite: &[u8; 10],
    prk: &Secret<32>,
    label: &[u8],
    info: &[u8],
    out: &mut [u8; N],
) {
    let len = u16::try_from(N).expect("a key or a nonce").to_be_bytes();
    hkdf::expand_sha256(prk, &[&len, b"HPKE-v1", suite, label, info], out);
}
