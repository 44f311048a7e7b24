//! Other envelopes and other AEADs, each called as its own documentation does.

use std::io::{Read, Write};

use age::x25519::{Identity, Recipient};

use crate::floor::{CHUNK, Ring, TAG};

/// age with one X25519 key, its fastest kind of recipient.
pub struct Age {
    identity: Identity,
    recipient: Recipient,
}

impl Default for Age {
    fn default() -> Self {
        let identity = Identity::generate();
        let recipient = identity.to_public();
        Self { identity, recipient }
    }
}

impl Age {
    pub fn writer<W: Write>(&self, out: W) -> age::stream::StreamWriter<W> {
        let recipients = std::iter::once(&self.recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).expect("a recipient");
        encryptor.wrap_output(out).expect("a header")
    }

    pub fn reader<R: std::io::BufRead>(&self, object: R) -> age::stream::StreamReader<R> {
        let decryptor = age::Decryptor::new_buffered(object).expect("a header");
        let identities = std::iter::once(&self.identity as &dyn age::Identity);
        decryptor.decrypt(identities).expect("it opens")
    }

    pub fn encrypt(&self, plaintext: &[u8]) -> Vec<u8> {
        self.encrypt_to(plaintext, Vec::new())
    }

    /// Into the space of `out`, so that no page is fresh.
    pub fn encrypt_to(&self, plaintext: &[u8], mut out: Vec<u8>) -> Vec<u8> {
        out.clear();
        let mut writer = self.writer(out);
        writer.write_all(plaintext).expect("memory takes all");
        writer.finish().expect("memory takes all")
    }

    pub fn decrypt_to(&self, object: &[u8], out: &mut [u8]) {
        self.reader(object).read_exact(out).expect("it opens");
    }
}

/// libsodium's secretstream over a whole buffer, in messages of 64 KiB.
pub struct Sodium(alkali::symmetric::cipher_stream::Key<alkali::mem::FullAccess>);

impl Default for Sodium {
    fn default() -> Self {
        Self(alkali::symmetric::cipher_stream::Key::generate().expect("randomness"))
    }
}

impl Sodium {
    const MESSAGE: usize = 65_536;

    /// Bytes of the messages that `len` bytes become.
    pub const fn sealed_len(len: usize) -> usize {
        let messages = if len == 0 { 1 } else { len.div_ceil(Self::MESSAGE) };
        len + messages * alkali::symmetric::cipher_stream::OVERHEAD_LENGTH
    }

    pub fn encrypt_to(&self, plaintext: &[u8], out: &mut [u8]) {
        use alkali::symmetric::cipher_stream::{EncryptionStream, OVERHEAD_LENGTH};
        let mut stream = EncryptionStream::new(&self.0).expect("a stream");
        let places = out.chunks_mut(Self::MESSAGE + OVERHEAD_LENGTH);
        for (message, place) in plaintext.chunks(Self::MESSAGE).zip(places) {
            stream.encrypt(message, None, place).expect("it fits");
        }
    }
}

/// AES-256-GCM of the crate `aes-gcm`, chunk by chunk.
pub struct Soft(aes_gcm::Aes256Gcm);

impl Default for Soft {
    fn default() -> Self {
        use aes_gcm::KeyInit;
        Self(aes_gcm::Aes256Gcm::new(&[7; 32].into()))
    }
}

impl Soft {
    pub fn seal(&self, index: usize, text: &mut [u8]) {
        use aes_gcm::aead::AeadInOut;
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
        let sealed = self.0.encrypt_inout_detached(&nonce.into(), &[], text.into());
        let _tag = std::hint::black_box(sealed.expect("a short text"));
    }
}

/// AES-256-GCM of aws-lc-rs.
pub struct AwsLc(aws_lc_rs::aead::LessSafeKey);

impl Default for AwsLc {
    fn default() -> Self {
        use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a key")))
    }
}

impl AwsLc {
    pub fn seal(&self, index: usize, text: &mut [u8]) {
        use aws_lc_rs::aead::{Aad, Nonce};
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self.0.seal_in_place_separate_tag(nonce, Aad::empty(), text);
        let _tag = std::hint::black_box(sealed.expect("a short text"));
    }
}

/// One buffer of up to 64 KiB for each AEAD in turn.
pub struct Aeads {
    ring: Ring,
    aws_lc: AwsLc,
    soft: Soft,
    buffer: Vec<u8>,
}

impl Default for Aeads {
    fn default() -> Self {
        Self::of(CHUNK)
    }
}

impl Aeads {
    pub fn of(len: usize) -> Self {
        let ring = Ring::new(&[7; 32]);
        let buffer = vec![0x5a; len];
        Self { ring, aws_lc: AwsLc::default(), soft: Soft::default(), buffer }
    }

    pub fn ring(&mut self) {
        let mut tag = [0; TAG];
        self.ring.seal(0, &mut self.buffer, &mut tag);
        std::hint::black_box(tag);
    }

    pub fn aws_lc(&mut self) {
        self.aws_lc.seal(0, &mut self.buffer);
    }

    pub fn soft(&mut self) {
        self.soft.seal(0, &mut self.buffer);
    }
}
