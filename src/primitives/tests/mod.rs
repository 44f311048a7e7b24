//! The primitives against published vectors, other implementations, and each other. Both backends
//! where both are compiled in.

mod backends;
mod hpke;
mod wycheproof;
mod xaes;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;

use super::Unauthentic;

/// What every backend offers, so that one test serves both.
trait Backend {
    const NAME: &'static str;

    fn seal(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], in_out: &mut [u8]) -> [u8; 16];
    fn open(
        key: &[u8; 32],
        nonce: [u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), Unauthentic>;
    fn open_to_front(
        key: &[u8; 32],
        nonce: [u8; 12],
        in_out: &mut [u8],
        from: usize,
        tag: &[u8; 16],
    ) -> Result<(), Unauthentic>;
    fn sha256(parts: &[&[u8]]) -> [u8; 32];
    fn extract_sha256(salt: &[u8], ikm: &[&[u8]]) -> [u8; 32];
    fn expand_sha256(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) -> Result<(), Unauthentic>;
    fn expand_sha512(prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), Unauthentic>;
    /// The library never extracts with SHA-512; the published vectors begin there.
    fn extract_sha512(salt: &[u8], ikm: &[u8]) -> [u8; 64];
}

macro_rules! backend {
    ($feature:literal, $name:ident, $module:ident, $extract_sha512:expr) => {
        #[cfg(feature = $feature)]
        struct $name;

        #[cfg(feature = $feature)]
        impl Backend for $name {
            const NAME: &'static str = $feature;

            fn seal(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], in_out: &mut [u8]) -> [u8; 16] {
                super::$module::AesGcm::new(key).seal(nonce, aad, in_out).unwrap()
            }

            fn open(
                key: &[u8; 32],
                nonce: [u8; 12],
                aad: &[u8],
                in_out: &mut [u8],
                tag: &[u8; 16],
            ) -> Result<(), Unauthentic> {
                super::$module::AesGcm::new(key).open_to_front(nonce, aad, in_out, 0, tag)
            }

            fn open_to_front(
                key: &[u8; 32],
                nonce: [u8; 12],
                in_out: &mut [u8],
                from: usize,
                tag: &[u8; 16],
            ) -> Result<(), Unauthentic> {
                super::$module::AesGcm::new(key).open_to_front(nonce, &[], in_out, from, tag)
            }

            fn sha256(parts: &[&[u8]]) -> [u8; 32] {
                super::$module::sha256(parts)
            }

            fn extract_sha256(salt: &[u8], ikm: &[&[u8]]) -> [u8; 32] {
                super::$module::extract_sha256(salt, ikm)
            }

            fn expand_sha256(
                prk: &[u8; 32],
                info: &[&[u8]],
                out: &mut [u8],
            ) -> Result<(), Unauthentic> {
                super::$module::expand_sha256(prk, info, out)
            }

            fn expand_sha512(
                prk: &[u8],
                info: &[&[u8]],
                out: &mut [u8],
            ) -> Result<(), Unauthentic> {
                super::$module::Prk::new(prk)?.expand(info, out)
            }

            fn extract_sha512(salt: &[u8], ikm: &[u8]) -> [u8; 64] {
                $extract_sha512(salt, ikm)
            }
        }
    };
}

backend!("ring", Ring, ring, |salt: &[u8], ikm: &[u8]| {
    let key = ::ring::hmac::Key::new(::ring::hmac::HMAC_SHA512, salt);
    ::ring::hmac::sign(&key, ikm).as_ref().try_into().unwrap()
});
backend!("soft", Soft, soft, |salt: &[u8], ikm: &[u8]| {
    ::hkdf::Hkdf::<sha2::Sha512>::extract(Some(salt), ikm).0.into()
});

/// Runs a test that is generic over the backend with each that is compiled in.
macro_rules! each_backend {
    ($($test:ident)*) => {$(
        #[test]
        fn $test() {
            #[cfg(feature = "ring")]
            inner::$test::<super::Ring>();
            #[cfg(feature = "soft")]
            inner::$test::<super::Soft>();
        }
    )*};
}
use each_backend;

/// The same cases on every run.
fn cases() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(0x6b65_7973_7465_6164)
}

fn draw<const N: usize>(rng: &mut impl Rng) -> [u8; N] {
    let mut out = [0; N];
    rng.fill_bytes(&mut out);
    out
}

/// Between 0 and `max` bytes.
fn draw_vec(rng: &mut impl Rng, max: usize) -> Vec<u8> {
    let len = usize::try_from(rng.next_u32()).unwrap() % (max + 1);
    let mut out = vec![0; len];
    rng.fill_bytes(&mut out);
    out
}

fn hex(value: &Value) -> Vec<u8> {
    unhex(value.as_str().expect("a text"))
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |c: char| c.to_digit(16).and_then(|d| u8::try_from(d).ok()).expect("a hex digit");
    let digits: Vec<u8> = text.chars().map(digit).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("bytes of the stated length")
}
