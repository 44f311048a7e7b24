//! X-Wing and HPKE against their published vectors and the crate `hpke`; bad X25519 keys and
//! shares.

use ::hpke::aead::AesGcm256;
use ::hpke::kdf::HkdfSha256;
use ::hpke::kem::{X25519HkdfSha256, XWing};
use ::hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ::hpke::{single_shot_open, single_shot_seal};
use shake::{ExtendableOutput, Shake128, Update, XofReader};

use super::*;
use crate::primitives::aead::AesGcm;
use crate::primitives::hpke::{self, ENC, PUBLIC, PrivateKey, PublicKey};
use crate::primitives::secret::Secret;

fn private(seed: &[u8]) -> PrivateKey {
    PrivateKey::from_seed(&Secret::copy_of(&array(seed)))
}

fn data() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/hpke.json")).unwrap()
}

/// draft-connolly-cfrg-xwing-kem: seed to public key, encapsulation, decapsulation.
#[test]
fn x_wing() {
    let data: Value =
        serde_json::from_str(include_str!("../../../tests/data/x-wing.json")).unwrap();
    let tests = data["tests"].as_array().unwrap();
    for test in tests {
        let private = private(&hex(&test["seed"]));
        let (_, bytes) = private.public();
        assert_eq!(bytes.to_vec(), hex(&test["pk"]));
        let public = PublicKey::from_bytes(&bytes).ok().unwrap();
        let (enc, shared) = hpke::encap(&public, &array(&hex(&test["eseed"])));
        assert_eq!(enc.to_vec(), hex(&test["ct"]));
        assert_eq!(shared.expose().to_vec(), hex(&test["ss"]));
        let again = hpke::decap(&private, &enc).unwrap();
        assert_eq!(again.expose(), shared.expose());
    }
    println!("X-Wing: {} of 3 vectors", tests.len());
    assert_eq!(tests.len(), 3);
}

/// The published vector of our KEM and KDF has ChaCha20-Poly1305, so that alone comes from
/// elsewhere.
#[cfg(feature = "ring")]
#[test]
fn hpke_pq() {
    use ::ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

    let test = &data()["hpke_pq"];
    let private = private(&hex(&test["skRm"]));
    let (public, bytes) = private.public();
    assert_eq!(bytes.to_vec(), hex(&test["pkRm"]));
    let (enc, shared) = hpke::encap(&public, &array(&hex(&test["ikmE"])));
    assert_eq!(enc.to_vec(), hex(&test["enc"]));
    assert_eq!(hpke::decap(&private, &enc).unwrap().expose(), shared.expose());

    let suite = b"HPKE\x64\x7a\x00\x01\x00\x03";
    let (key, nonce) = hpke::key_schedule(suite, &shared, &hex(&test["info"]));
    let aead = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.expose()).unwrap());
    let encryptions = accumulated(nonce, |nonce, aad, buffer| {
        let nonce = Nonce::assume_unique_for_key(nonce);
        aead.seal_in_place_append_tag(nonce, Aad::from(aad), buffer).unwrap();
    });
    assert_eq!(encryptions, hex(&test["encryptions"]));
    println!("HPKE-PQ: 1 of 1 vector of KEM 0x647a and KDF 0x0001, 1000 messages");
}

/// Our KDF and AEAD, behind the KEM of RFC 9180.
#[test]
fn kdf_1_and_aead_2_of_rfc_9180() {
    let test = &data()["rfc_9180_accumulated"];
    let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&hex(&test["skRm"])).unwrap();
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&hex(&test["enc"])).unwrap();
    let shared = X25519HkdfSha256::decap(&private, None, &enc).unwrap();
    let shared = Secret::copy_of(&shared.0.into());
    let suite = array(&hex(&test["suite"]));
    let (key, nonce) = hpke::key_schedule(&suite, &shared, &hex(&test["info"]));
    let aead = AesGcm::new(key.expose());
    let encryptions = accumulated(nonce, |nonce, aad, buffer| {
        let tag = aead.seal(nonce, aad, buffer).unwrap();
        buffer.extend(tag);
    });
    assert_eq!(encryptions, hex(&test["encryptions"]));
    println!("RFC 9180, KDF 0x0001 and AEAD 0x0002: 1 of 1 vector, 1000 messages");
}

/// What 1,000 messages give: SHAKE128 of nothing draws them, and the ciphertexts go into another.
fn accumulated(base_nonce: [u8; 12], seal: impl Fn([u8; 12], &[u8], &mut Vec<u8>)) -> Vec<u8> {
    let mut source = Shake128::default().finalize_xof();
    let mut sink = Shake128::default();
    for sequence in 0..1_000u64 {
        let aad = xaes::drawn(&mut source);
        let mut buffer = xaes::drawn(&mut source);
        let mut nonce = base_nonce;
        nonce[4..].iter_mut().zip(sequence.to_be_bytes()).for_each(|(n, s)| *n ^= s);
        seal(nonce, &aad, &mut buffer);
        sink.update(&buffer);
    }
    let mut hash = vec![0; 16];
    sink.finalize_xof().read(&mut hash);
    hash
}

#[test]
fn key_schedule_of_rfc_9180() {
    let data = data();
    let tests = data["rfc_9180"]["tests"].as_array().unwrap();
    for test in tests {
        let shared = Secret::copy_of(&array(&hex(&test["shared_secret"])));
        let suite = array(&hex(&test["suite"]));
        let (key, nonce) = hpke::key_schedule(&suite, &shared, &hex(&test["info"]));
        assert_eq!(key.expose().to_vec(), hex(&test["key"]));
        assert_eq!(nonce.to_vec(), hex(&test["base_nonce"]));
    }
    println!("RFC 9180 key schedule: {} of 2 vectors", tests.len());
    assert_eq!(tests.len(), 2);
}

#[test]
fn the_crate_hpke_opens_ours_and_we_open_its() {
    let mut rng = cases();
    for case in 0..50 {
        let seed: [u8; 32] = draw(&mut rng);
        let secret: [u8; 32] = draw(&mut rng);
        let (info, aad) = (draw_vec(&mut rng, 100), draw_vec(&mut rng, 100));
        let ours = private(&seed);
        let (public, bytes) = ours.public();
        let theirs = <XWing as Kem>::PrivateKey::from_bytes(&seed).unwrap();
        let their_public = <XWing as Kem>::PublicKey::from_bytes(&bytes).unwrap();
        assert!(their_public == XWing::sk_to_pk(&theirs), "case {case}");

        let secret = Secret::copy_of(&secret);
        let (enc, sealed) = hpke::seal(&public, &info, &aad, &secret, &draw(&mut rng)).unwrap();
        let opened = single_shot_open::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &theirs,
            &<XWing as Kem>::EncappedKey::from_bytes(&enc).unwrap(),
            &info,
            &sealed,
            &aad,
        );
        assert_eq!(opened.unwrap(), secret.expose(), "case {case}");

        let (enc, sealed) = single_shot_seal::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &their_public,
            &info,
            secret.expose(),
            &aad,
        )
        .unwrap();
        let (enc, sealed) = (array(&enc.to_bytes()), array(&sealed));
        let opened = hpke::open(&ours, &enc, &info, &aad, &sealed).unwrap();
        assert_eq!(opened.expose(), secret.expose(), "case {case}");
        assert!(hpke::open(&ours, &enc, b"another", &aad, &sealed).is_err());
    }
    println!("HPKE: 50 of 50 cases in both directions with the crate hpke");
}

/// The points of small order on the curve and its twist, of which two are not canonical either.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn bad_x25519_keys_and_shares_are_refused() {
    let mut rng = cases();
    let ours = private(&draw::<32>(&mut rng));
    let (public, bytes) = ours.public();
    let (enc, _) = hpke::encap(&public, &draw(&mut rng));
    let with = |u: &[u8; 32]| {
        let (mut key, mut share) = (bytes, enc);
        key[PUBLIC - 32..].copy_from_slice(u);
        share[ENC - 32..].copy_from_slice(u);
        (PublicKey::from_bytes(&key).is_ok(), hpke::decap(&ours, &share).is_ok())
    };

    let mut refused = 0;
    let mut refuse = |mut u: [u8; 32]| {
        for top in [0, 0x80] {
            u[31] = (u[31] & 0x7f) | top;
            assert_eq!(with(&u), (false, false), "{u:02x?}");
            refused += 1;
        }
    };
    LOW_ORDER.iter().for_each(|u| refuse(array(&unhex(u))));
    // The other encodings at or above 2^255 - 19.
    for low in 0xef..=0xff {
        let mut u = [0xff; 32];
        u[0] = low;
        refuse(u);
    }
    assert_eq!(refused, 2 * (7 + 17));

    let mut accepted = 0;
    for _ in 0..100 {
        let (_, honest) = private(&draw::<32>(&mut rng)).public();
        let mut u: [u8; 32] = array(&honest[PUBLIC - 32..]);
        assert_eq!(with(&u), (true, true));
        u[31] |= 0x80;
        assert_eq!(with(&u), (false, false), "an honest one with its top bit set");
        accepted += 1;
    }
    // 2^255 - 21, the largest value that is not of low order.
    let mut u: [u8; 32] = array(&unhex(LOW_ORDER[4]));
    u[0] -= 1;
    assert_eq!(with(&u), (true, true));
    println!("X25519: {refused} of 48 bad values refused, {accepted} of 100 honest ones accepted");
}
