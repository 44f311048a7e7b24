//! One object of 1 KiB: under a symmetric key, for a public key, its header alone.

use keystead::{Changes, Context, EncryptOptions, Keys, MasterKey, Recipients, SealedHeader};
use x_wing::kem::{Decapsulator, KeyExport, KeyInit, TryDecapsulate, TryKeyInit};
use x_wing::{Ciphertext, DecapsulationKeyRejectNonContrib, EncapsulationKey};

use crate::spec;

pub const LEN: usize = 1_024;

/// Under one symmetric key: ours, and SPEC's operations called raw.
pub struct Symmetric {
    pub keys: Keys,
    recipients: Recipients,
    pub context: Context,
    options: EncryptOptions,
    holder: spec::Holder,
    plaintext: Vec<u8>,
    pub object: Vec<u8>,
    out: Vec<u8>,
}

impl Default for Symmetric {
    fn default() -> Self {
        let keys = Keys::from(MasterKey::from_text(spec::KEY_TEXT).expect("a key"));
        let recipients = keys.recipients();
        let plaintext = vec![0x5a; LEN];
        let object =
            keystead::encrypt(&recipients, &plaintext, &Context::new()).expect("an object");
        let (context, options) = (Context::new(), EncryptOptions::new());
        let holder = spec::Holder::default();
        let out = object.clone();
        let mut new = Self { keys, recipients, context, options, holder, plaintext, object, out };
        new.check();
        new
    }
}

impl Symmetric {
    pub fn encrypt(&mut self) {
        let Self { recipients, plaintext, context, options, out, .. } = self;
        keystead::encrypt_into(recipients, plaintext, context, options, out).expect("it fits");
    }

    pub fn raw_encrypt(&mut self) {
        self.holder.encrypt(&self.plaintext, &mut self.out);
    }

    pub fn decrypt(&mut self) {
        let Self { keys, object, context, out, .. } = self;
        keystead::decrypt_into(keys, object, &*context, out).expect("it opens");
    }

    pub fn raw_decrypt(&mut self) {
        self.holder.decrypt(&self.object, &mut self.out[..LEN]);
    }

    /// The raw operations make what we open, and open what we make.
    fn check(&mut self) {
        assert_eq!(self.object.len(), LEN + spec::OVERHEAD);
        self.raw_encrypt();
        let text = keystead::decrypt(&self.keys, &self.out, &self.context).expect("it opens");
        assert_eq!(text, self.plaintext);
        self.raw_decrypt();
        assert_eq!(self.out[..LEN], self.plaintext);
    }
}

/// For one public key: ours, and the KEM operation itself.
pub struct Public {
    keys: Keys,
    recipients: Recipients,
    context: Context,
    options: EncryptOptions,
    fresh: EncryptOptions,
    encapsulation: EncapsulationKey,
    decapsulation: DecapsulationKeyRejectNonContrib,
    ciphertext: Ciphertext,
    plaintext: Vec<u8>,
    object: Vec<u8>,
    /// Objects of a run each, more than an opening remembers.
    runs: Vec<Vec<u8>>,
    next: usize,
    out: Vec<u8>,
}

impl Default for Public {
    fn default() -> Self {
        let keys = Keys::from(MasterKey::generate_pair().expect("randomness"));
        let recipients = keys.recipients();
        let (context, options) = (Context::new(), EncryptOptions::new());
        let fresh = EncryptOptions::new().unlinkable();
        let plaintext = vec![0x5a; LEN];
        let make = |options| keystead::encrypt_with(&recipients, &plaintext, &context, options);
        let object = make(&options).expect("an object");
        let runs = (0..64).map(|_| make(&fresh).expect("an object")).collect();
        let decapsulation = DecapsulationKeyRejectNonContrib::new(&[7; 32].into());
        let public = decapsulation.encapsulation_key().to_bytes();
        let encapsulation = EncapsulationKey::new(&public).expect("a public key");
        let (ciphertext, _) = encapsulation.encapsulate_deterministic(&[9; 64].into());
        let out = object.clone();
        Self {
            keys,
            recipients,
            context,
            options,
            fresh,
            encapsulation,
            decapsulation,
            ciphertext,
            plaintext,
            object,
            runs,
            next: 0,
            out,
        }
    }
}

impl Public {
    /// The first object of a run.
    pub fn encrypt_first(&mut self) {
        let Self { recipients, plaintext, context, fresh, out, .. } = self;
        keystead::encrypt_into(recipients, plaintext, context, fresh, out).expect("it fits");
    }

    /// Encap of the KEM, its randomness given.
    pub fn encapsulate(&mut self) {
        let made = self.encapsulation.encapsulate_deterministic(&[9; 64].into());
        std::hint::black_box(made);
    }

    /// An object of the run that `recipients` are in.
    pub fn encrypt_following(&mut self) {
        let Self { recipients, plaintext, context, options, out, .. } = self;
        keystead::encrypt_into(recipients, plaintext, context, options, out).expect("it fits");
    }

    /// An object of a run that was not opened lately.
    pub fn decrypt_first(&mut self) {
        self.next = (self.next + 1) % self.runs.len();
        let Self { keys, context, runs, next, out, .. } = self;
        keystead::decrypt_into(keys, &runs[*next], &*context, out).expect("it opens");
    }

    /// Decap of the KEM with a key built before.
    pub fn decapsulate(&mut self) {
        let shared = self.decapsulation.try_decapsulate(&self.ciphertext).expect("a good share");
        std::hint::black_box(shared);
    }

    /// An object of a run that was opened just before.
    pub fn decrypt_following(&mut self) {
        let Self { keys, object, context, out, .. } = self;
        keystead::decrypt_into(keys, object, &*context, out).expect("it opens");
    }
}

/// A header without its body, for parse, unwrap and rewrap.
pub struct Headers {
    pub keys: Keys,
    new: Recipients,
    context: Context,
    /// Header and body prefix.
    prefix: Vec<u8>,
    sealed: SealedHeader,
}

impl Headers {
    /// Of an object that states `plaintext_len` bytes, under a new key of `kind`.
    pub fn new(key: fn() -> keystead::Result<MasterKey>, plaintext_len: u64) -> Self {
        let keys = Keys::from(key().expect("randomness"));
        let new = Recipients::from(&key().expect("randomness"));
        let context = Context::from([("invoice", "42"), ("tenant", "acme")]);
        let prefix = crate::holes::prefix(&keys.recipients(), &context, Some(plaintext_len));
        let sealed = SealedHeader::parse(&prefix).expect("a header");
        Self { keys, new, context, prefix, sealed }
    }

    pub fn parse(&mut self) {
        let parsed = SealedHeader::parse(std::hint::black_box(&self.prefix)).expect("a header");
        std::hint::black_box(parsed);
    }

    pub fn inspect(&mut self) {
        let told = keystead::inspect(std::hint::black_box(&self.prefix), None).expect("a header");
        std::hint::black_box(told);
    }

    /// What parsing cannot do without: the bytes copied to where they are kept.
    pub fn copy(&mut self) {
        let copy = std::hint::black_box(&self.prefix)[..self.sealed.len()].to_vec();
        std::hint::black_box(copy);
    }

    pub fn unwrap(&mut self) {
        let opened = self.sealed.unwrap(&self.keys, &self.context).expect("it opens");
        std::hint::black_box(opened);
    }

    pub fn rewrap(&mut self) {
        let changes = Changes::set(&self.new);
        let rewrapped = keystead::rewrap(&self.prefix, &self.keys, &self.context, &changes);
        std::hint::black_box(rewrapped.expect("it opens"));
    }
}
