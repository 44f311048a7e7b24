//! One object in memory: into a reused buffer and in place, ours and raw ring over the same
//! buffers.

use keystead::{
    Context, EncryptOptions, Expected, Keys, MasterKey, ObjectBuffer, PlaintextBuffer, Recipients,
    Threads,
};

use crate::floor::{CHUNK, Ring, TAG, strides_len};

/// Everything that the calls need, touched once, so that no page is fresh.
pub struct Buffers {
    pub keys: Keys,
    pub recipients: Recipients,
    pub context: Context,
    pub options: EncryptOptions,
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
        let keys = Keys::from(MasterKey::generate().expect("randomness"));
        let recipients = keys.recipients();
        let plaintext: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let object =
            keystead::encrypt(&recipients, &plaintext, &Context::new()).expect("an object");
        let ring = Ring::new(&[7; 32]);
        let mut strides = vec![0; strides_len(len)];
        ring.seal_into(&plaintext, &mut strides);
        let (out, place) = (object.clone(), object.clone());
        let (context, options) = (Context::new(), EncryptOptions::new());
        Self { keys, recipients, context, options, ring, plaintext, object, strides, out, place }
    }

    pub fn encrypt_into(&mut self) {
        let Self { recipients, plaintext, context, options, out, .. } = self;
        keystead::encrypt_into(recipients, plaintext, context, options, out).expect("it fits");
    }

    pub fn ring_seal_into(&mut self) {
        self.ring.seal_into(&self.plaintext, &mut self.out[..self.strides.len()]);
    }

    pub fn encrypt_into_threads(&mut self, threads: usize) {
        let Self { recipients, plaintext, context, options, out, .. } = self;
        let options = options.clone().threads(Threads::new(threads));
        keystead::encrypt_into(recipients, plaintext, context, &options, out).expect("it fits");
    }

    pub fn ring_seal_into_threads(&mut self, threads: usize) {
        let out = &mut self.out[..self.strides.len()];
        self.ring.seal_into_threads(threads, &self.plaintext, out);
    }

    /// Out of [`place_object`](Self::place_object), so that both sides read the same memory.
    pub fn decrypt_into(&mut self) {
        let out = &mut self.out[..self.plaintext.len()];
        keystead::decrypt_into(&self.keys, &self.place, &self.context, out).expect("it opens");
    }

    /// Out of [`place_room`](Self::place_room).
    pub fn ring_open_into(&mut self) {
        self.ring.open_into(&self.place, &mut self.out[..self.plaintext.len()]);
    }

    pub fn decrypt_into_threads(&mut self, threads: usize) {
        let out = &mut self.out[..self.plaintext.len()];
        let expected = Expected::from(&self.context).threads(Threads::new(threads));
        keystead::decrypt_into(&self.keys, &self.place, expected, out).expect("it opens");
    }

    pub fn ring_open_into_threads(&mut self, threads: usize) {
        let out = &mut self.out[..self.plaintext.len()];
        self.ring.open_into_threads(threads, &self.place, out);
    }

    /// Plaintext, before [`encrypt_in_place`](Self::encrypt_in_place).
    pub fn place_plaintext(&mut self) {
        self.place.truncate(0);
        self.place.extend_from_slice(&self.plaintext);
    }

    pub fn encrypt_in_place(&mut self) {
        let Self { recipients, place, context, options, .. } = self;
        keystead::encrypt_in_place(recipients, place, context, options).expect("an object");
    }

    /// What stands in the places of a prepared buffer.
    pub fn encrypt_prepared(&mut self) {
        let Self { recipients, place, context, options, plaintext, .. } = self;
        let buffer = std::mem::take(place);
        let buffer = ObjectBuffer::new(buffer, plaintext.len(), recipients, context, options);
        *place = buffer.expect("an object").encrypt().expect("an object");
    }

    /// Chunks of any bytes with room for tags, before [`ring_in_place`](Self::ring_in_place).
    pub fn place_room(&mut self) {
        self.place.truncate(0);
        self.place.extend_from_slice(&self.strides);
    }

    pub fn ring_in_place(&mut self) {
        self.ring.seal_in_place(&mut self.place[..self.strides.len()]);
    }

    pub fn ring_move_and_seal(&mut self) {
        self.ring.move_and_seal(self.plaintext.len(), &mut self.place[..self.strides.len()]);
    }

    pub fn ring_open_to_front(&mut self) {
        self.ring.open_to_front(&mut self.place[..self.strides.len()]);
    }

    pub fn place_object(&mut self) {
        self.place.truncate(0);
        self.place.extend_from_slice(&self.object);
    }

    pub fn decrypt_in_place(&mut self) {
        keystead::decrypt_in_place(&self.keys, &mut self.place, &self.context).expect("it opens");
    }

    /// The plaintext stays where its chunks are.
    pub fn decrypt_prepared(&mut self) {
        let Self { keys, place, context, .. } = self;
        let object = std::mem::take(place);
        let opened = PlaintextBuffer::decrypt(keys, object, &*context);
        *place = opened.expect("it opens").into_buffer();
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
        self.decrypt_prepared();
        let first = self.plaintext.len().min(CHUNK);
        let front = self.place.len() - self.strides.len() - TAG;
        assert_eq!(self.place[front..front + first], self.plaintext[..first]);
        self.place_object();
        self.decrypt_in_place();
        assert_eq!(self.place, self.plaintext);
        self.place.resize(self.strides.len(), 0);
        self.ring_move_and_seal();
        assert_eq!(self.place, self.strides);
        self.ring_open_to_front();
        assert_eq!(self.place[..self.plaintext.len()], self.plaintext);
        self.encrypt_into_threads(2);
        let text = keystead::decrypt(&self.keys, &self.out, &self.context).expect("it opens");
        assert_eq!(text, self.plaintext);
        self.out.fill(0);
        self.place_object();
        self.decrypt_into_threads(2);
        assert_eq!(self.out[..self.plaintext.len()], self.plaintext);
        self.out.fill(0);
        self.decrypt_into();
        assert_eq!(self.out[..self.plaintext.len()], self.plaintext);
    }
}
