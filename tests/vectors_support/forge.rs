//! Objects byte by byte, honest and forged. Every field has its honest value until a scenario sets
//! another.

use keystead::RecordKind;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::crypto::{
    GcmKey, argon2id, encapsulate, expand, gcm_seal, hpke_seal, sha256, xaes, xaes_seal,
};
use super::keys::Key;

pub const MAGIC: [u8; 5] = *b"\x8bKST\n";
pub const CHUNK: usize = 16_384;
pub const SEALED_CHUNK: usize = CHUNK + 16;
pub const PREFIX: usize = 24 + 32;
/// Argon2id at the floor of R29.
pub const FLOOR_COSTS: (u32, u32, u32) = (19_456, 2, 1);

/// One record; `payload` or `length` override what its fields make.
#[derive(Clone)]
pub struct Rec {
    pub kind: u8,
    pub id: [u8; 16],
    pub parameters: Vec<u8>,
    pub wrapping: [u8; 32],
    pub nonce: [u8; 24],
    pub wrapped: Option<Vec<u8>>,
    /// Another data key than the object's.
    pub data_key: Option<[u8; 32]>,
    /// Another object id in the binding than the object's.
    pub bound_to: Option<[u8; 16]>,
    pub label: Vec<u8>,
    pub payload: Option<Vec<u8>>,
    pub length: Option<u16>,
}

impl Rec {
    /// A record of any kind and content.
    pub fn raw(kind: u8, payload: &[u8]) -> Self {
        Self {
            kind,
            id: [0; 16],
            parameters: Vec::new(),
            wrapping: [0; 32],
            nonce: [0; 24],
            wrapped: None,
            data_key: None,
            bound_to: None,
            label: Vec::new(),
            payload: Some(payload.to_vec()),
            length: None,
        }
    }

    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.id = [0; 16];
        self
    }

    #[must_use]
    pub fn label(mut self, label: &[u8]) -> Self {
        self.label = label.to_vec();
        self
    }
}

/// An object to be.
#[derive(Clone)]
pub struct Forge {
    pub rng: ChaCha20Rng,
    pub data_key: [u8; 32],
    pub object_id: [u8; 16],
    pub salt: [u8; 24],
    pub magic: [u8; 5],
    pub version: u8,
    pub suite: u8,
    /// Header length in units of 8 bytes.
    pub units: Option<u16>,
    pub flags: Option<u8>,
    pub length: Option<u64>,
    pub context: Option<Vec<u8>>,
    pub context_len: Option<u16>,
    /// Pairs to be sealed.
    pub metadata: Option<Vec<u8>>,
    /// In place of the sealed pairs.
    pub sealed_metadata: Option<Vec<u8>>,
    pub metadata_len: Option<u16>,
    pub generation: u64,
    pub access_flags: Option<u8>,
    pub location: Option<[u8; 32]>,
    pub count: Option<u8>,
    pub records: Vec<Rec>,
    /// In place of the zeros that fill up to a multiple of 8.
    pub padding: Option<Vec<u8>>,
    /// Where the writer cut the header in front of its tag: for headers too short for their fields.
    pub cut: Option<usize>,
    /// Data key of the header tag, where it is another.
    pub tag_key: Option<[u8; 32]>,
    pub text: Vec<u8>,
}

/// Bytes from a generator that starts from the scenario's name.
pub fn rng(name: &str) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(sha256(&[name.as_bytes()]))
}

pub fn draw<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Bytes that differ from chunk to chunk.
pub fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

/// Pairs in the encoding of R12, in the order given.
pub fn pairs<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(N, V)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        out.push(u8::try_from(name.len()).unwrap());
        out.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(value);
    }
    out
}

impl Forge {
    /// An object of one byte string, its length stated, without a way in.
    pub fn new(name: &str, text: &[u8]) -> Self {
        let mut rng = rng(name);
        Self {
            data_key: draw(&mut rng),
            object_id: draw(&mut rng),
            salt: draw(&mut rng),
            rng,
            magic: MAGIC,
            version: 1,
            suite: 1,
            units: None,
            flags: None,
            length: Some(u64::try_from(text.len()).unwrap()),
            context: None,
            context_len: None,
            metadata: None,
            sealed_metadata: None,
            metadata_len: None,
            generation: 0,
            access_flags: None,
            location: None,
            count: None,
            records: Vec::new(),
            padding: None,
            cut: None,
            tag_key: None,
            text: text.to_vec(),
        }
    }

    /// A small object for one key.
    pub fn small(name: &str, key: &Key) -> Self {
        Self::new(name, b"meet at noon").wrap(key)
    }

    #[must_use]
    pub fn set(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Changes the last record.
    #[must_use]
    pub fn set_record(mut self, change: impl FnOnce(&mut Rec)) -> Self {
        change(self.records.last_mut().unwrap());
        self
    }

    #[must_use]
    pub fn unstated(self) -> Self {
        self.set(|f| f.length = None)
    }

    #[must_use]
    pub fn context(self, list: &[(&str, &str)]) -> Self {
        self.set(|f| f.context = Some(pairs(list)))
    }

    #[must_use]
    pub fn metadata(self, list: &[(&str, &[u8])]) -> Self {
        self.set(|f| f.metadata = Some(pairs(list)))
    }

    #[must_use]
    pub fn at(self, store: &str, path: &str) -> Self {
        let info = [b"keystead/v1/location\0", store.as_bytes(), b"\0", path.as_bytes()];
        let location = expand(&self.data_key, &info);
        self.set(|f| f.location = Some(location))
    }

    /// Adds a record for a key, honest.
    #[must_use]
    pub fn wrap(mut self, key: &Key) -> Self {
        let record = self.record(key);
        self.records.push(record);
        self
    }

    #[must_use]
    pub fn push(mut self, record: Rec) -> Self {
        self.records.push(record);
        self
    }

    /// Zeros up to a header of this length.
    #[must_use]
    pub fn room(self, len: usize) -> Self {
        let padding = len - self.clone().set(|f| f.padding = Some(Vec::new())).header().len();
        self.set(|f| f.padding = Some(vec![0; padding]))
    }

    /// An honest record for a key; the randomness is drawn in the order of the library's `hazmat`.
    pub fn record(&mut self, key: &Key) -> Rec {
        self.record_with(key, FLOOR_COSTS, None)
    }

    /// The same with other costs, or with another X25519 share in place of the honest one.
    pub fn record_with(
        &mut self,
        key: &Key,
        costs: (u32, u32, u32),
        share: Option<[u8; 32]>,
    ) -> Rec {
        let mut record = Rec::raw(0, b"");
        record.payload = None;
        record.id = key.id;
        match key.kind {
            RecordKind::Symmetric => {
                record.kind = 1;
                record.wrapping = expand(&key.secret, &[b"keystead/v1/wrap\0"]);
            }
            RecordKind::Pair => {
                let (public, scalar) = key.pair.as_ref().unwrap();
                let randomness = draw(&mut self.rng);
                let share = share.map(|share| (share, *scalar));
                let (enc, shared) = encapsulate(public, &randomness, share);
                record.kind = 2;
                record.wrapping = draw(&mut self.rng);
                let sealed = hpke_seal(&shared, b"keystead/v1/pair", b"", &record.wrapping);
                record.parameters = [enc, sealed].concat();
            }
            _ => {
                let (m, t, p) = costs;
                let salt: [u8; 16] = draw(&mut self.rng);
                record.kind = 3;
                record.parameters =
                    [&salt[..], &m.to_be_bytes(), &t.to_be_bytes(), &p.to_be_bytes()].concat();
                // Costs that no reader spends are not spent here either.
                if m <= 65_536 && t <= 10 && t * p > 0 && m >= 8 * p {
                    record.wrapping = argon2id(key.text.as_bytes(), &salt, costs);
                }
            }
        }
        record.nonce = draw(&mut self.rng);
        record
    }

    fn identity(&self) -> Vec<u8> {
        [&self.magic[..], &[self.version, self.suite]].concat()
    }

    fn public_statement(&self) -> Vec<u8> {
        let has = |bit, present| if present { bit } else { 0 };
        let has_metadata = self.metadata.is_some() || self.sealed_metadata.is_some();
        let flags =
            has(1, self.length.is_some()) | has(2, self.context.is_some()) | has(4, has_metadata);
        let mut out = self.object_id.to_vec();
        out.push(self.flags.unwrap_or(flags));
        out.extend(self.length.iter().flat_map(|length| length.to_be_bytes()));
        if let Some(context) = &self.context {
            out.extend_from_slice(&field_len(context, self.context_len));
            out.extend_from_slice(context);
        }
        out
    }

    pub fn sealed_pairs(&self) -> Option<Vec<u8>> {
        let made = self.metadata.as_ref().map(|pairs| {
            let key = expand(&self.data_key, &[b"keystead/v1/metadata\0"]);
            let aad = [self.identity(), self.public_statement()].concat();
            gcm_seal(&key, [0; 12], &aad, pairs)
        });
        self.sealed_metadata.clone().or(made)
    }

    pub fn statement(&self) -> Vec<u8> {
        let mut out = self.public_statement();
        if let Some(sealed) = self.sealed_pairs() {
            out.extend_from_slice(&field_len(&sealed, self.metadata_len));
            out.extend_from_slice(&sealed);
        }
        out
    }

    pub fn statement_hash(&self) -> [u8; 32] {
        sha256(&[&self.identity(), &self.statement()])
    }

    pub fn binding(&self, record: &Rec) -> [u8; 32] {
        sha256(&[
            b"keystead/v1/binding\0",
            &[self.version, self.suite],
            record.bound_to.as_ref().unwrap_or(&self.object_id),
            &self.statement_hash(),
            &[record.kind],
            &record.id,
            &sha256(&[&record.parameters]),
        ])
    }

    /// Key and nonce of a record's wrap.
    pub fn wrap_key(record: &Rec) -> GcmKey {
        xaes(&record.wrapping, &record.nonce)
    }

    /// A record as it stands in the object.
    pub fn record_bytes(&self, record: &Rec) -> Vec<u8> {
        let payload = record.payload.clone().unwrap_or_else(|| {
            let data_key = record.data_key.as_ref().unwrap_or(&self.data_key);
            let wrapped = record.wrapped.clone().unwrap_or_else(|| {
                xaes_seal(&record.wrapping, &record.nonce, &self.binding(record), data_key)
            });
            [&record.id[..], &record.parameters, &record.nonce, &wrapped, &record.label].concat()
        });
        [&[record.kind], &field_len(&payload, record.length)[..], &payload].concat()
    }

    pub fn header(&self) -> Vec<u8> {
        let mut fields = self.statement();
        fields.extend_from_slice(&self.generation.to_be_bytes());
        let has_location = u8::from(self.location.is_some());
        fields.push(self.access_flags.unwrap_or(has_location));
        fields.extend(self.location.iter().flatten());
        fields.push(self.count.unwrap_or_else(|| u8::try_from(self.records.len()).unwrap()));
        fields.extend(self.records.iter().flat_map(|record| self.record_bytes(record)));
        fields.truncate(self.cut.unwrap_or(fields.len()));
        let used = 9 + fields.len() + 32;
        let zeros = vec![0; used.next_multiple_of(8) - used];
        fields.extend_from_slice(self.padding.as_ref().unwrap_or(&zeros));
        let units = u16::try_from((9 + fields.len() + 32) / 8).unwrap();
        let units = self.units.unwrap_or(units).to_be_bytes();
        let mut header = [self.identity(), units.to_vec(), fields].concat();
        header.extend_from_slice(&self.tag_of(&header));
        header
    }

    pub fn tag_of(&self, header: &[u8]) -> [u8; 32] {
        expand(
            self.tag_key.as_ref().unwrap_or(&self.data_key),
            &[b"keystead/v1/header\0", &sha256(&[header])],
        )
    }

    /// The header tag of the object as it stands.
    pub fn tag(&self) -> [u8; 32] {
        *self.header().last_chunk().unwrap()
    }

    /// Key and base nonce of the chunks, and the commitment.
    pub fn body_keys(&self) -> (GcmKey, [u8; 32]) {
        let label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
        let keys: [u8; 76] = expand(&self.data_key, &[label, &self.salt, &self.statement_hash()]);
        let key = (keys[..32].try_into().unwrap(), keys[32..44].try_into().unwrap());
        (key, keys[44..].try_into().unwrap())
    }

    /// Salt and commitment.
    pub fn prefix(&self) -> Vec<u8> {
        [&self.salt[..], &self.body_keys().1].concat()
    }

    /// One chunk of any bytes, at any number.
    pub fn chunk(&self, number: u64, text: &[u8]) -> Vec<u8> {
        let ((key, mut nonce), _) = self.body_keys();
        nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(n, i)| *n ^= i);
        gcm_seal(&key, nonce, b"", text)
    }

    pub fn chunks(&self) -> Vec<Vec<u8>> {
        (0..=self.text.len() / CHUNK)
            .map(|number| {
                let end = self.text.len().min((number + 1) * CHUNK);
                self.chunk(u64::try_from(number).unwrap(), &self.text[number * CHUNK..end])
            })
            .collect()
    }

    pub fn object(&self) -> Vec<u8> {
        self.with_chunks(&self.chunks())
    }

    /// The object with other chunks.
    pub fn with_chunks(&self, chunks: &[Vec<u8>]) -> Vec<u8> {
        [self.header(), self.prefix(), chunks.concat()].concat()
    }
}

/// A field's two bytes of length, or the scenario's own.
fn field_len(field: &[u8], given: Option<u16>) -> [u8; 2] {
    given.unwrap_or_else(|| u16::try_from(field.len() % 65_536).unwrap()).to_be_bytes()
}
