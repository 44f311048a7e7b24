//! SPEC.md's own operations for one small object under one symmetric key, called raw: the floor of
//! everything small. What it makes is a whole valid object, and the benches check that.

use aes::Aes256;
use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::{digest, hkdf};

/// The symmetric key of SPEC.md's worked example, bytes 80, 81 … 9f.
pub const KEY_TEXT: &str =
    "KEYSTEAD-SYMMETRIC-KEY-1SZQC9QUYSKRG0ZYF329CERVW37GFRY5NJJ2ED9UCNXDFH8YAN60SQYJ0LE";

/// Header of an object with a stated length, no context, one symmetric record (R4 to R24).
pub const HEADER: usize = 168;
/// Bytes that an object is larger than its plaintext of less than a chunk.
pub const OVERHEAD: usize = HEADER + 24 + 32 + 16;

// Where the fields of that header stand.
const ID: usize = 9;
const LEN: usize = ID + 16 + 1;
const ACCESS: usize = LEN + 8;
const RECORD: usize = ACCESS + 10;
const NONCE: usize = RECORD + 3 + 16;
const WRAPPED: usize = NONCE + 24;
const HEADER_TAG: usize = HEADER - 32;
const BODY: usize = HEADER + 56;

/// SHA-256 of no bytes: a symmetric key has no parameters (R26).
const NO_PARAMETERS: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// What a holder derives once from a symmetric key (R27, R40).
pub struct Holder {
    key_id: [u8; 16],
    aes: Aes256,
    k1: [u8; 16],
}

impl Default for Holder {
    fn default() -> Self {
        let root: [u8; 32] = std::array::from_fn(|at| 0x80 + at as u8);
        let root = prk(&root);
        let (mut key_id, mut wrapping) = ([0; 16], [0; 32]);
        expand(&root, &[b"keystead/v1/key-id\0"], &mut key_id);
        expand(&root, &[b"keystead/v1/wrap\0"], &mut wrapping);
        let aes = Aes256::new(&wrapping.into());
        let mut l = Block::<Aes256>::default();
        aes.encrypt_block(&mut l);
        let l = u128::from_be_bytes(l.into());
        let k1 = ((l << 1) ^ ((l >> 127) * 0b1000_0111)).to_be_bytes();
        Self { key_id, aes, k1 }
    }
}

impl Holder {
    /// A whole object of less than a chunk, into `out` of exactly its size.
    pub fn encrypt(&self, plaintext: &[u8], out: &mut [u8]) {
        let mut random = [0; 32 + 16 + 24 + 24];
        getrandom::fill(&mut random).expect("randomness");
        let (data_key, random) = random.split_at(32);
        let (id, random) = random.split_at(16);
        let (salt, wrap_nonce) = random.split_at(24);

        let (header, body) = out.split_at_mut(HEADER);
        header[..ID].copy_from_slice(b"\x8bKST\n\x01\x01\x00\x15");
        header[ID..ID + 16].copy_from_slice(id);
        header[LEN - 1] = 1;
        header[LEN..ACCESS].copy_from_slice(&(plaintext.len() as u64).to_be_bytes());
        header[ACCESS..RECORD].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        header[RECORD..RECORD + 3].copy_from_slice(&[1, 0, 88]);
        header[RECORD + 3..NONCE].copy_from_slice(&self.key_id);
        let (hash, binding) = hashes(header);
        header[NONCE..WRAPPED].copy_from_slice(wrap_nonce);
        header[WRAPPED..WRAPPED + 32].copy_from_slice(data_key);
        let (gcm, nonce) = self.derive(wrap_nonce);
        let (text, tag) = header[WRAPPED..WRAPPED + 48].split_at_mut(32);
        seal(&gcm, nonce, &binding, text, tag);
        header[WRAPPED + 48..HEADER_TAG].fill(0);

        let prk = prk(data_key);
        let (tagged, tag) = header.split_at_mut(HEADER_TAG);
        expand(&prk, &[b"keystead/v1/header\0", &sha256(&[tagged])], tag);
        let keys = body_keys(&prk, salt, &hash);
        body[..24].copy_from_slice(salt);
        body[24..56].copy_from_slice(&keys[44..]);
        let (text, tag) = body[56..].split_at_mut(plaintext.len());
        text.copy_from_slice(plaintext);
        seal(&key(&keys[..32]), &keys[32..44], &[], text, tag);
    }

    /// The plaintext of such an object, into `out` of exactly its size.
    pub fn decrypt(&self, object: &[u8], out: &mut [u8]) {
        let (hash, binding) = hashes(object);
        assert_eq!(object[RECORD + 3..NONCE], self.key_id, "the key of the record");
        let (gcm, nonce) = self.derive(&object[NONCE..WRAPPED]);
        let mut data_key = [0; 32];
        data_key.copy_from_slice(&object[WRAPPED..WRAPPED + 32]);
        open(&gcm, nonce, &binding, &mut data_key, &object[WRAPPED + 32..WRAPPED + 48]);

        let prk = prk(&data_key);
        let mut tag = [0; 32];
        let tagged = sha256(&[&object[..HEADER_TAG]]);
        expand(&prk, &[b"keystead/v1/header\0", &tagged], &mut tag);
        assert_eq!(tag, object[HEADER_TAG..HEADER], "the header tag");
        let keys = body_keys(&prk, &object[HEADER..HEADER + 24], &hash);
        assert_eq!(keys[44..], object[HEADER + 24..BODY], "the commitment");
        let (sealed, tag) = object[BODY..].split_at(out.len());
        out.copy_from_slice(sealed);
        open(&key(&keys[..32]), &keys[32..44], &[], out, tag);
    }

    /// XAES-256-GCM, steps 3 to 6: key and nonce of one message.
    fn derive<'n>(&self, nonce: &'n [u8]) -> (LessSafeKey, &'n [u8]) {
        let mut derived = [0; 32];
        for (counter, half) in (1..).zip(derived.chunks_exact_mut(16)) {
            let mut m = Block::<Aes256>::default();
            (m[1], m[2]) = (counter, b'X');
            m[4..].copy_from_slice(&nonce[..12]);
            m.iter_mut().zip(self.k1).for_each(|(m, k)| *m ^= k);
            self.aes.encrypt_block(&mut m);
            half.copy_from_slice(&m);
        }
        (key(&derived), &nonce[12..])
    }
}

/// Statement hash (R17) and binding (R26).
fn hashes(header: &[u8]) -> ([u8; 32], [u8; 32]) {
    let hash = sha256(&[b"\x8bKST\n\x01\x01", &header[ID..ACCESS]]);
    let key_id = &header[RECORD + 3..NONCE];
    let id = &header[ID..ID + 16];
    let binding =
        sha256(&[b"keystead/v1/binding\0", &[1, 1], id, &hash, &[1], key_id, &NO_PARAMETERS]);
    (hash, binding)
}

/// R30: key, base nonce and commitment of a body.
pub fn body_keys(prk: &hkdf::Prk, salt: &[u8], statement_hash: &[u8]) -> [u8; 76] {
    let mut keys = [0; 76];
    let label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
    expand(prk, &[label, salt, statement_hash], &mut keys);
    keys
}

pub fn prk(bytes: &[u8]) -> hkdf::Prk {
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, bytes)
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

pub fn expand(prk: &hkdf::Prk, info: &[&[u8]], out: &mut [u8]) {
    let okm = prk.expand(info, Length(out.len())).expect("a short output");
    okm.fill(out).expect("its length");
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().try_into().expect("32 bytes")
}

pub fn key(bytes: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("a key of 32 bytes"))
}

pub fn seal(key: &LessSafeKey, nonce: &[u8], aad: &[u8], text: &mut [u8], tag: &mut [u8]) {
    let nonce = Nonce::try_assume_unique_for_key(nonce).expect("12 bytes");
    let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(aad), text);
    tag.copy_from_slice(sealed.expect("a short text").as_ref());
}

fn open(key: &LessSafeKey, nonce: &[u8], aad: &[u8], text: &mut [u8], tag: &[u8]) {
    let nonce = Nonce::try_assume_unique_for_key(nonce).expect("12 bytes");
    let tag = Tag::try_from(tag).expect("16 bytes");
    let opened = key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, text, 0..);
    opened.expect("what was sealed opens");
}
