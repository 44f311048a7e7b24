//! One object in memory: into a reused buffer and in place, ours and raw ring over the same
//! buffers.

use keystead::{Context, Keyring, MasterKey, ObjectBuffer, Options, Threads};

use crate::floor::{Ring, strides_len};

/// Everything that the calls need, touched once, so that no page is fresh.
pub struct Buffers {
    pub keys: Keyring,
    pub context: Context,
    pub options: Options,
    pub ring: Ring,
    pub plaintext: Vec<u8>,
    /// An object of ours.
    object: Vec<u8>,
    /// Chunks sealed by raw ring.
    strides: Vec<u8>,
    /// Where both sides write.
    pub out: Vec<u8>,
    /// Where both sides work in place.
    place: Vec<u8>,
}

impl Buffers {
    pub fn new(len: usize) -> Self {
        let keys = Keyring::new(MasterKey::generate().expect("randomness"));
        let plaintext: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let object = keystead::encrypt(&keys, &plaintext, &Context::new()).expect("an object");
        let ring = Ring::new(&[7; 32]);
        let mut strides = vec![0; strides_len(len)];
        ring.seal_into(&plaintext, &mut strides);
        let (out, place) = (object.clone(), object.clone());
        let (context, options) = (Context::new(), Options::new());
        Self { keys, context, options, ring, plaintext, object, strides, out, place }
    }

    pub fn encrypt_into(&mut self) {
        let Self { keys, plaintext, context, options, out, .. } = self;
        keystead::encrypt_into(keys, plaintext, context, options, out).expect("it fits");
    }

    pub fn ring_seal_into(&mut self) {
        self.ring.seal_into(&self.plaintext, &mut self.out[..self.strides.len()]);
    }

    pub fn encrypt_into_threads(&mut self, threads: usize) {
        let Self { keys, plaintext, context, options, out, .. } = self;
        let threads = Threads::new(threads);
        threads.encrypt_into(keys, plaintext, context, options, out).expect("it fits");
    }

    pub fn ring_seal_into_threads(&mut self, threads: usize) {
        let out = &mut self.out[..self.strides.len()];
        self.ring.seal_into_threads(threads, &self.plaintext, out);
    }

    pub fn decrypt_into(&mut self) {
        let out = &mut self.out[..self.plaintext.len()];
        keystead::decrypt_into(&self.keys, &self.object, &self.context, out).expect("it opens");
    }

    pub fn ring_open_into(&mut self) {
        self.ring.open_into(&self.strides, &mut self.out[..self.plaintext.len()]);
    }

    pub fn decrypt_into_threads(&mut self, threads: usize) {
        let out = &mut self.out[..self.plaintext.len()];
        let threads = Threads::new(threads);
        threads.decrypt_into(&self.keys, &self.object, &self.context, out).expect("it opens");
    }

    pub fn ring_open_into_threads(&mut self, threads: usize) {
        let out = &mut self.out[..self.plaintext.len()];
        self.ring.open_into_threads(threads, &self.strides, out);
    }

    /// Plaintext, before [`encrypt_in_place`](Self::encrypt_in_place).
    pub fn place_plaintext(&mut self) {
        self.place.truncate(0);
        self.place.extend_from_slice(&self.plaintext);
    }

    pub fn encrypt_in_place(&mut self) {
        let Self { keys, place, context, options, .. } = self;
        keystead::encrypt_in_place(keys, place, context, options).expect("an object");
    }

    /// What stands in the places of a prepared buffer.
    pub fn encrypt_prepared(&mut self) {
        let Self { keys, place, context, options, plaintext, .. } = self;
        let buffer = std::mem::take(place);
        let buffer = ObjectBuffer::new(buffer, plaintext.len(), keys, context, options);
        *place = buffer.expect("an object").encrypt(Threads::ONE).expect("an object");
    }

    /// Chunks of any bytes with room for tags, before [`ring_in_place`](Self::ring_in_place).
    pub fn place_room(&mut self) {
        self.place.truncate(0);
        self.place.extend_from_slice(&self.strides);
    }

    pub fn ring_in_place(&mut self) {
        self.ring.seal_in_place(&mut self.place[..self.strides.len()]);
    }

    pub fn place_object(&mut self) {
        self.place.truncate(0);
        self.place.extend_from_slice(&self.object);
    }

    pub fn decrypt_in_place(&mut self) {
        keystead::decrypt_in_place(&self.keys, &mut self.place, &self.context).expect("it opens");
    }

    pub fn ring_open_in_place(&mut self) {
        self.ring.open_in_place(&mut self.place[..self.strides.len()]);
    }

    /// That each call leaves what it should: a bench of nothing is fast.
    pub fn check(&mut self) {
        self.encrypt_into();
        let text = keystead::decrypt(&self.keys, &self.out, &self.context).expect("it opens");
        assert_eq!(text, self.plaintext);
        self.place_plaintext();
        self.encrypt_in_place();
        let text = keystead::decrypt(&self.keys, &self.place, &self.context).expect("it opens");
        assert_eq!(text, self.plaintext);
        self.encrypt_prepared();
        keystead::decrypt(&self.keys, &self.place, &self.context).expect("it opens");
        self.place_object();
        self.decrypt_in_place();
        assert_eq!(self.place, self.plaintext);
        self.encrypt_into_threads(2);
        let text = keystead::decrypt(&self.keys, &self.out, &self.context).expect("it opens");
        assert_eq!(text, self.plaintext);
        self.out.fill(0);
        self.decrypt_into_threads(2);
        assert_eq!(self.out[..self.plaintext.len()], self.plaintext);
        self.out.fill(0);
        self.decrypt_into();
        assert_eq!(self.out[..self.plaintext.len()], self.plaintext);
    }
}
