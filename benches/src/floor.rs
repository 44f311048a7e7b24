//! The floor of everything large: raw ring, chunk by chunk.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};

pub const CHUNK: usize = 16_384;
pub const TAG: usize = 16;
pub const SEALED: usize = CHUNK + TAG;

/// One AES-256-GCM key of ring, and a nonce that counts.
pub struct Ring(LessSafeKey);

impl Ring {
    pub fn new(key: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("a key of 32 bytes")))
    }

    /// A nonce as a body has it: base nonce XOR number, here with a base of zero.
    fn nonce(index: usize) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&(index as u64).to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    pub fn seal(&self, index: usize, text: &mut [u8], tag: &mut [u8]) {
        let sealed = self.0.seal_in_place_separate_tag(Self::nonce(index), Aad::empty(), text);
        tag.copy_from_slice(sealed.expect("a short text").as_ref());
    }

    pub fn open(&self, index: usize, text: &mut [u8], tag: &[u8]) {
        let tag = Tag::try_from(tag).expect("16 bytes");
        let nonce = Self::nonce(index);
        let opened = self.0.open_in_place_separate_tag(nonce, Aad::empty(), tag, text, 0..);
        opened.expect("what was sealed opens");
    }

    /// Seals chunks where they stand, each in front of room for its tag.
    pub fn seal_in_place(&self, strides: &mut [u8]) {
        self.seal_strides(0, strides);
    }

    fn seal_strides(&self, first: usize, strides: &mut [u8]) {
        for (index, stride) in (first..).zip(strides.chunks_mut(SEALED)) {
            let (text, tag) = stride.split_at_mut(stride.len() - TAG);
            self.seal(index, text, tag);
        }
    }

    pub fn open_in_place(&self, strides: &mut [u8]) {
        for (index, stride) in strides.chunks_mut(SEALED).enumerate() {
            let (text, tag) = stride.split_at_mut(stride.len() - TAG);
            self.open(index, text, tag);
        }
    }

    /// The first `len` bytes become chunks with their tags: each is moved, the last first, and sealed
    /// there.
    pub fn move_and_seal(&self, len: usize, strides: &mut [u8]) {
        for index in (0..len.div_ceil(CHUNK)).rev() {
            let text = index * CHUNK..len.min((index + 1) * CHUNK);
            let (place, text_len) = (index * SEALED, text.len());
            strides.copy_within(text, place);
            let (text, tag) = strides[place..].split_at_mut(text_len);
            self.seal(index, text, &mut tag[..TAG]);
        }
    }

    /// Opens each chunk to where the one before it ends, which ring does as it opens.
    pub fn open_to_front(&self, strides: &mut [u8]) {
        for index in 0..strides.len().div_ceil(SEALED) {
            let (end, place) = (index * CHUNK, index * SEALED);
            let text_len = SEALED.min(strides.len() - place) - TAG;
            let (text, tag) = strides[end..].split_at_mut(place - end + text_len);
            let tag = Tag::try_from(&tag[..TAG]).expect("16 bytes");
            let (nonce, from) = (Self::nonce(index), place - end..);
            let opened = self.0.open_in_place_separate_tag(nonce, Aad::empty(), tag, text, from);
            opened.expect("what was sealed opens");
        }
    }

    /// Copies each chunk and seals it there.
    pub fn seal_into(&self, plaintext: &[u8], strides: &mut [u8]) {
        self.copy_and_seal(0, plaintext, strides);
    }

    fn copy_and_seal(&self, first: usize, plaintext: &[u8], strides: &mut [u8]) {
        let chunks = plaintext.chunks(CHUNK).zip(strides.chunks_mut(SEALED));
        for (index, (chunk, stride)) in (first..).zip(chunks) {
            let (text, tag) = stride.split_at_mut(chunk.len());
            text.copy_from_slice(chunk);
            self.seal(index, text, &mut tag[..TAG]);
        }
    }

    /// Copies each chunk and opens it there.
    pub fn open_into(&self, strides: &[u8], out: &mut [u8]) {
        self.copy_and_open(0, strides, out);
    }

    fn copy_and_open(&self, first: usize, strides: &[u8], out: &mut [u8]) {
        let chunks = strides.chunks(SEALED).zip(out.chunks_mut(CHUNK));
        for (index, (stride, text)) in (first..).zip(chunks) {
            let (sealed, tag) = stride.split_at(text.len());
            text.copy_from_slice(sealed);
            self.open(index, text, &tag[..TAG]);
        }
    }

    /// [`seal_into`](Self::seal_into) with equal parts for `threads` threads, the caller's one of
    /// them.
    pub fn seal_into_threads(&self, threads: usize, plaintext: &[u8], strides: &mut [u8]) {
        let each = plaintext.len().div_ceil(CHUNK).div_ceil(threads).max(1);
        let parts = plaintext.chunks(each * CHUNK).zip(strides.chunks_mut(each * SEALED));
        in_threads((0..).step_by(each).zip(parts), |(first, (plaintext, strides))| {
            self.copy_and_seal(first, plaintext, strides);
        });
    }

    /// [`open_into`](Self::open_into) with equal parts for `threads` threads.
    pub fn open_into_threads(&self, threads: usize, strides: &[u8], out: &mut [u8]) {
        let each = out.len().div_ceil(CHUNK).div_ceil(threads).max(1);
        let parts = strides.chunks(each * SEALED).zip(out.chunks_mut(each * CHUNK));
        in_threads((0..).step_by(each).zip(parts), |(first, (strides, out))| {
            self.copy_and_open(first, strides, out);
        });
    }
}

/// Runs `work` on each part, the first on this thread and each other on one of its own.
fn in_threads<T: Send>(mut parts: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
    let Some(first) = parts.next() else { return };
    std::thread::scope(|scope| {
        for part in parts {
            let work = &work;
            scope.spawn(move || work(part));
        }
        work(first);
    });
}

/// Bytes of the chunks and tags of `len` bytes of plaintext. Ours have an empty last chunk more where
/// the others are full; the floor leaves even that out.
pub const fn strides_len(len: usize) -> usize {
    len + len.div_ceil(CHUNK) * TAG
}
