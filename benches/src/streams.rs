//! Streams without end to a sink, and a large object read again and again: ours, raw ring, and the
//! streams of age, libsodium and cobblestone.

use std::io::{BufRead, Read, Sink, Write, sink};

use alkali::symmetric::cipher_stream as secretstream;
use keystead::{Context, Decryptor, Encryptor, Keys, MasterKey};

use crate::floor::{CHUNK, Ring, SEALED, TAG, strides_len};
use crate::rivals::Age;

/// Bytes of one write, and of one read: several chunks.
pub const PIECE: usize = 65_536;
/// Bytes of the object that is read: its opening costs a thousandth of it. More than a core's own
/// cache holds.
const OBJECT: usize = 16 << 20;

/// Writing: every writer takes the same piece again and again.
pub struct Writes {
    piece: Vec<u8>,
    ours: Encryptor<Sink>,
    ring: Ring,
    chunk: Vec<u8>,
    age: age::stream::StreamWriter<Sink>,
    cobblestone: cobblestone::EncryptWriter<Sink>,
    sodium: secretstream::EncryptionStream,
    message: Vec<u8>,
}

impl Default for Writes {
    fn default() -> Self {
        let keys = Keys::from(MasterKey::generate().expect("randomness"));
        let key = cobblestone::Key256::generate();
        let sodium = secretstream::Key::generate().expect("randomness");
        Self {
            piece: vec![0x5a; PIECE],
            ours: Encryptor::new(sink(), &keys.recipients(), &Context::new()).expect("a header"),
            ring: Ring::new(&[7; 32]),
            chunk: vec![0x5a; CHUNK + TAG],
            age: Age::default().writer(sink()),
            cobblestone: cobblestone::EncryptWriter::new(&key, b"", sink()),
            sodium: secretstream::EncryptionStream::new(&sodium).expect("a stream"),
            message: vec![0; PIECE + secretstream::OVERHEAD_LENGTH],
        }
    }
}

impl Writes {
    pub fn ours(&mut self) {
        self.ours.write_all(&self.piece).expect("a sink takes all");
    }

    /// One chunk, sealed in place as often as the piece has chunks.
    pub fn ring(&mut self) {
        for index in 0..PIECE / CHUNK {
            let (text, tag) = self.chunk.split_at_mut(CHUNK);
            self.ring.seal(index, text, tag);
        }
    }

    /// One chunk: the hot path and the one copy that `Write` forces.
    pub fn our_chunk(&mut self) {
        self.ours.write_all(&self.piece[..CHUNK]).expect("a sink takes all");
    }

    pub fn ring_chunk(&mut self) {
        let (text, tag) = self.chunk.split_at_mut(CHUNK);
        text.copy_from_slice(&self.piece[..CHUNK]);
        self.ring.seal(0, text, tag);
    }

    pub fn age(&mut self) {
        self.age.write_all(&self.piece).expect("a sink takes all");
    }

    pub fn cobblestone(&mut self) {
        self.cobblestone.write_all(&self.piece).expect("a sink takes all");
    }

    /// One message for the whole piece: fewer would not be a stream.
    pub fn sodium(&mut self) {
        self.sodium.encrypt(&self.piece, None, &mut self.message).expect("it fits");
    }
}

/// Reading: each reader begins again at the end of its object.
pub struct Reads {
    out: Vec<u8>,
    keys: Keys,
    ours: Endless,
    chunks: Option<Decryptor<&'static [u8]>>,
    ring: Ring,
    /// The same chunks sealed by raw ring, and the next of them.
    sealed: Vec<u8>,
    next: usize,
    chunk: Vec<u8>,
    age_keys: Age,
    age: Endless,
    cobblestone_key: cobblestone::Key256,
    cobblestone: Endless,
    sodium_key: secretstream::Key<alkali::mem::FullAccess>,
    sodium_header: secretstream::Header,
    sodium: Vec<u8>,
}

type Endless = (&'static [u8], Option<Box<dyn Read>>);

/// Objects of streams that outlive their bench: the process ends with it.
fn keep(object: Vec<u8>) -> Endless {
    (object.leak(), None)
}

impl Default for Reads {
    fn default() -> Self {
        Self::of(OBJECT)
    }
}

impl Reads {
    /// Objects of so many bytes: a whole number of pieces.
    pub fn of(len: usize) -> Self {
        let plaintext = vec![0x5a; len];
        let keys = Keys::from(MasterKey::generate().expect("randomness"));
        let ours =
            keystead::encrypt(&keys.recipients(), &plaintext, &Context::new()).expect("an object");
        let ring = Ring::new(&[7; 32]);
        let mut sealed = vec![0; strides_len(len)];
        ring.seal_into(&plaintext, &mut sealed);
        let age_keys = Age::default();
        let age = age_keys.encrypt(&plaintext);
        let cobblestone_key = cobblestone::Key256::generate();
        let cobblestone =
            cobblestone::encrypt(&cobblestone_key, b"", &plaintext).expect("an object");
        let sodium_key = secretstream::Key::generate().expect("randomness");
        let mut stream = secretstream::EncryptionStream::new(&sodium_key).expect("a stream");
        let sodium_header = stream.get_header();
        let mut sodium = Vec::new();
        for piece in plaintext.chunks(PIECE) {
            let mut message = vec![0; PIECE + secretstream::OVERHEAD_LENGTH];
            stream.encrypt(piece, None, &mut message).expect("it fits");
            sodium.extend_from_slice(&message);
        }
        Self {
            out: vec![0; PIECE],
            keys,
            ours: keep(ours),
            chunks: None,
            ring,
            chunk: sealed[..SEALED].to_vec(),
            sealed,
            next: 0,
            age_keys,
            age: keep(age),
            cobblestone_key,
            cobblestone: keep(cobblestone),
            sodium_key,
            sodium_header,
            sodium,
        }
    }

    /// One piece.
    pub fn ours(&mut self) {
        let Self { out, keys, ours, .. } = self;
        read_on(ours, out, |object| {
            Box::new(Decryptor::new(object, keys, &Context::new()).expect("it opens"))
        });
    }

    /// One sealed chunk, opened as often as the piece has chunks. The copy that puts it back is
    /// not counted, so it is called by [`prepared`](crate::paired::prepared) for each.
    pub fn ring_chunk(&mut self) {
        let (text, tag) = self.chunk.split_at_mut(CHUNK);
        self.ring.open(0, text, tag);
    }

    pub fn seal_chunk_again(&mut self) {
        self.chunk.copy_from_slice(&self.sealed[..SEALED]);
    }

    /// One chunk of a large object, lent by `BufRead`: the hot path and the one copy that reading
    /// forces.
    pub fn our_chunk(&mut self) {
        let object = self.ours.0;
        let keys = &self.keys;
        let open = || Decryptor::new(object, keys, &Context::new()).expect("it opens");
        let read = self.chunks.get_or_insert_with(open).fill_buf().expect("it opens").len();
        match self.chunks.as_mut() {
            Some(chunks) if read > 0 => chunks.consume(read),
            _ => self.chunks = None,
        }
    }

    /// The same of chunks that raw ring sealed.
    pub fn ring_copied_chunk(&mut self) {
        let count = self.sealed.len() / SEALED;
        let at = self.next * SEALED;
        self.chunk.copy_from_slice(&self.sealed[at..at + SEALED]);
        let (text, tag) = self.chunk.split_at_mut(CHUNK);
        self.ring.open(self.next, text, tag);
        self.next = (self.next + 1) % count;
    }

    pub fn age(&mut self) {
        let Self { out, age_keys, age, .. } = self;
        read_on(age, out, |object| Box::new(age_keys.reader(object)));
    }

    pub fn cobblestone(&mut self) {
        let Self { out, cobblestone_key, cobblestone, .. } = self;
        read_on(cobblestone, out, |object| {
            Box::new(cobblestone::DecryptReader::new(cobblestone_key, b"", object))
        });
    }

    /// The whole object of 16 MiB, message by message: a reader that borrows itself is not worth
    /// it.
    pub fn sodium_object(&mut self) {
        let (key, header) = (&self.sodium_key, &self.sodium_header);
        let mut stream = secretstream::DecryptionStream::new(key, header).expect("a stream");
        for message in self.sodium.chunks(PIECE + secretstream::OVERHEAD_LENGTH) {
            stream.decrypt(message, None, &mut self.out).expect("it opens");
        }
    }
}

/// Pieces of the object.
pub const PIECES: f64 = (OBJECT / PIECE) as f64;
/// Chunks of a piece.
pub const CHUNKS_OF_PIECE: u64 = (PIECE / CHUNK) as u64;

fn read_on(
    (object, reader): &mut Endless,
    out: &mut [u8],
    open: impl Fn(&'static [u8]) -> Box<dyn Read>,
) {
    let mut filled = 0;
    while filled < out.len() {
        let from = reader.get_or_insert_with(|| open(object));
        match from.read(&mut out[filled..]).expect("it opens") {
            0 => *reader = None,
            read => filled += read,
        }
    }
}
