//! The worked example of SPEC.md section 11: an object written field by field, without the library,
//! from a fixed key and
//! fixed randomness. It is what the library makes of the same, and SPEC.md has exactly this text.
//!
//! `KEYSTEAD_WRITE_EXAMPLE=1 cargo test --all-features --test example` writes it into SPEC.md.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fmt::Write as _;
use std::path::Path;

use aes::Aes256;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use keystead::{Context, EncryptOptions, Keys, MasterKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hkdf};

const KEY_TEXT: &str =
    "KEYSTEAD-SYMMETRIC-KEY-1SZQC9QUYSKRG0ZYF329CERVW37GFRY5NJJ2ED9UCNXDFH8YAN60SQYJ0LE";
/// Of the worked example, by another implementation of Bech32 (R38).
const FLOOR_TEXT: &str = "keystead-floor-17v3nwmr4tm7sx4tmk08ys4p8rfa9wgmsqmkswxdgeqa86uwf6t7qqqqqqqqqqqqqlhn2dd3h7u0teceqef6wuq3f57gdg9f6exjmdfdk8m7endzghksse9tllm";
const PLAINTEXT: &[u8] = b"meet at noon";
const BEGIN: &str = "<!-- example:begin -->\n";
const END: &str = "<!-- example:end -->\n";

#[test]
fn spec_has_the_worked_example() {
    let example = Example::new();
    let keys = Keys::from(MasterKey::from_text(KEY_TEXT).unwrap());
    let context = Context::from([("invoice", "42")]);
    let options = EncryptOptions::new().plaintext_len(12);
    let randomness: Vec<u8> = (0..96).collect();
    let object = keystead::hazmat::encrypt_with_randomness(
        &keys.recipients(),
        PLAINTEXT,
        &context,
        &options,
        &randomness,
    );
    assert_eq!(example.object, object.unwrap(), "the library makes other bytes");
    let opened = keystead::decrypt_with_info(&keys, &example.object, &context).unwrap();
    assert_eq!(opened.plaintext, PLAINTEXT);
    assert_eq!(opened.info.floor.to_string(), FLOOR_TEXT);

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("SPEC.md");
    let spec = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = spec.split_once(BEGIN).expect("SPEC.md has a place for the example");
    let (stands, after) = rest.split_once(END).expect("the place ends");
    if std::env::var_os("KEYSTEAD_WRITE_EXAMPLE").is_some() {
        std::fs::write(&path, [before, BEGIN, &example.text, END, after].concat()).unwrap();
    } else {
        assert!(
            stands == example.text,
            "SPEC.md has another example; KEYSTEAD_WRITE_EXAMPLE=1 writes:\n{}",
            example.text
        );
    }
}

/// The object as it grows, and the text that says what each field is.
struct Example {
    object: Vec<u8>,
    text: String,
}

impl Example {
    fn new() -> Self {
        let mut out = Self { object: Vec::new(), text: String::new() };
        let key: [u8; 32] = std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap());
        let random: [u8; 96] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let (data_key, object_id) = (&random[..32], &random[32..48]);
        let (salt, wrap_nonce) = (&random[48..72], &random[72..]);

        out.say("Not part of the object: a symmetric key, and random bytes `00 01 02 …` in the order in which they are drawn.\n\n```");
        out.note("symmetric key", "R43", KEY_TEXT);
        out.value("its 32 bytes", "", &key);
        let key_id = expand(&key, &[b"keystead/v1/key-id\0"], 16);
        out.value("key id", "R40", &key_id);
        out.value("random: data key", "R25", data_key);
        out.value("random: object id", "R8", object_id);
        out.value("random: salt", "R30", salt);
        out.value("random: wrap nonce", "R25", wrap_nonce);
        out.note("context, plaintext", "R11", "invoice=42, \"meet at noon\" (12 bytes)");
        out.say("```\n\nThe header, 184 bytes:\n\n```");

        out.field("magic", "R4", b"\x8bKST\n");
        out.field("version, suite", "R5", &[1, 1]);
        out.field("header length / 8", "R6", &[0, 23]);
        let statement = out.object.len();
        out.field("object id", "R8", object_id);
        out.field("flags: length, context", "R9", &[3]);
        out.field("plaintext length", "R10", &12_u64.to_be_bytes());
        out.field("context length", "R11", &[0, 12]);
        out.field("name, value lengths", "R12", &[7, 0, 2]);
        out.field("name, value", "R12", b"invoice42");
        let statement_hash = sha256(&[b"\x8bKST\n\x01\x01", &out.object.as_slice()[statement..]]);
        out.field("generation", "R18", &0_u64.to_be_bytes());
        out.field("flags: no location", "R19", &[0]);
        out.field("record count", "R20", &[1]);
        out.field("kind, payload length", "R21 R22", &[1, 0, 88]);
        out.field("key id", "R22", &key_id);
        out.field("wrap nonce", "R22", wrap_nonce);
        let binding = sha256(&[
            b"keystead/v1/binding\0\x01\x01",
            object_id,
            &statement_hash,
            &[1],
            &key_id,
            &sha256(&[]),
        ]);
        let wrapping_key = expand(&key, &[b"keystead/v1/wrap\0"], 32);
        let wrapped = xaes_seal(&wrapping_key, wrap_nonce, &binding, data_key);
        out.field("wrapped data key", "R25", &wrapped[..32]);
        out.field("its tag", "", &wrapped[32..]);
        out.field("padding", "R23", &[0; 3]);
        let tag = expand(data_key, &[b"keystead/v1/header\0", &sha256(&[&out.object])], 32);
        out.field("header tag", "R24", &tag);
        assert_eq!(out.object.len(), 184);
        out.say("```\n\nThe body, 84 bytes:\n\n```");

        let label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
        let body = expand(data_key, &[label, salt, &statement_hash], 76);
        let (body_key, base_nonce, commitment) = (&body[..32], &body[32..44], &body[44..]);
        let chunk = gcm_seal(body_key, base_nonce, b"", PLAINTEXT);
        out.field("salt", "R30", salt);
        out.field("commitment", "R30", commitment);
        out.field("chunk 0, the last", "R31", &chunk[..12]);
        out.field("its tag", "", &chunk[12..]);
        out.say("```\n\nDerived on the way, and in no object:\n\n```");
        out.value("statement hash", "R17", &statement_hash);
        out.value("binding", "R26", &binding);
        out.value("wrapping key", "R27", &wrapping_key);
        out.value("body key", "R30", body_key);
        out.value("base nonce", "R30", base_nonce);
        out.note("floor", "R38", FLOOR_TEXT);
        out.say("```");
        out
    }

    fn say(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn note(&mut self, name: &str, rule: &str, text: &str) {
        writeln!(self.text, "{name:<24}{rule:<9}{text}").unwrap();
    }

    fn value(&mut self, name: &str, rule: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.note(name, rule, &hex);
    }

    fn field(&mut self, name: &str, rule: &str, bytes: &[u8]) {
        self.value(name, rule, bytes);
        self.object.extend_from_slice(bytes);
    }
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(prk: &[u8], info: &[&[u8]], len: usize) -> Vec<u8> {
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, prk);
    let mut out = vec![0; len];
    prk.expand(info, Len(len)).unwrap().fill(&mut out).unwrap();
    out
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    digest::digest(&digest::SHA256, &parts.concat()).as_ref().to_vec()
}

fn gcm_seal(key: &[u8], nonce: &[u8], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut out = plaintext.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut out).unwrap();
    out
}

/// c2sp.org/XAES-256-GCM, steps 1 to 6.
fn xaes_seal(key: &[u8], nonce: &[u8], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let aes = Aes256::new(key.try_into().unwrap());
    let mut l = Block::<Aes256>::default();
    aes.encrypt_block(&mut l);
    let l = u128::from_be_bytes(l.into());
    let k1 = if l >> 127 == 0 { l << 1 } else { (l << 1) ^ 0b1000_0111 };
    let mut derived = Vec::new();
    for counter in [1, 2] {
        let block = [&[0, counter, b'X', 0], &nonce[..12]].concat();
        let block = u128::from_be_bytes(block.try_into().unwrap()) ^ k1;
        let mut block = Block::<Aes256>::from(block.to_be_bytes());
        aes.encrypt_block(&mut block);
        derived.extend_from_slice(&block);
    }
    gcm_seal(&derived, &nonce[12..], aad, plaintext)
}
