//! Every function that several threads work on, with every kind of fault at every batch, on threads
//! of the system: nobody waits for ever, a panic comes back, and what is released is what one thread
//! releases. 1,000 runs; 100,000 with `KEYSTEAD_LONG=1`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails where it stands")]

use std::io::{self, Cursor, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use keystead::{
    Context, Decryptor, EncryptOptions, Encryptor, Error, Expected, Keys, MasterKey,
    PlaintextBuffer, RangeReader, ReadAt, Threads, WriteAt,
};

/// The manual says that every type is `Send + Sync`; without it, this does not compile.
const _: () = {
    use keystead::*;

    const fn shared<T: Send + Sync>() {}

    shared::<Keys>();
    shared::<Recipients>();
    shared::<Recipient>();
    shared::<MasterKey>();
    shared::<PublicKey>();
    shared::<KeyFile>();
    shared::<PassphraseCosts>();
    shared::<SealedHeader>();
    shared::<OpenedHeader>();
    shared::<OpenedBy>();
    shared::<EncryptOptions>();
    shared::<Changes<'static>>();
    shared::<Rewrapped>();
    shared::<Inspection>();
    shared::<RecordInspection>();
    shared::<Context>();
    shared::<Metadata>();
    shared::<Location>();
    shared::<Expected<'static>>();
    shared::<Floor>();
    shared::<Layout>();
    shared::<KeyId>();
    shared::<ObjectId>();
    shared::<Provenance>();
    shared::<RecordKind>();
    shared::<Threads>();
    shared::<Error>();
    shared::<ErrorKind>();
    shared::<Detail>();
    shared::<WaysIn>();
    shared::<RangeOpener>();
    shared::<RangeReader<Vec<u8>>>();
    shared::<Encryptor<Vec<u8>>>();
    shared::<Decryptor<Vec<u8>>>();
    shared::<PushEncryptor>();
    shared::<PushDecryptor>();
    shared::<Progress<'static>>();
    shared::<ArmorWriter<Vec<u8>>>();
    shared::<ObjectBuffer<'static>>();
    shared::<PlaintextBuffer>();
    shared::<ObjectInfo>();
    shared::<Opened>();
    shared::<Encrypted>();
    shared::<Reencrypted<Vec<u8>>>();
    #[cfg(feature = "async")]
    {
        shared::<AsyncEncryptor<Vec<u8>>>();
        shared::<AsyncDecryptor<Vec<u8>>>();
    }
};

const CHUNK: usize = 16_384;
const SEALED_CHUNK: usize = CHUNK + 16;
const BATCH: usize = 64 * CHUNK;
/// Batches of a stream, and a chunk more than half of another.
const BATCHES: usize = 6;
/// Files get a thread for each 4 MiB: three.
const FILE_BATCHES: usize = 12;
/// Longer than any run takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// A chunk of the object was changed.
    Damage,
    /// A chunk was changed, and reading fails in the next batch.
    DamageThenSource,
    SourceFails,
    SourcePanics,
    SinkFails,
    SinkPanics,
}

use Fault::*;

/// What is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    CopyTo,
    CopyRange,
    CopyAt,
    DecryptInto,
    OpenBuffer,
    Reencrypt,
    CopyFrom,
    EncryptAt,
}

use Way::*;

impl Way {
    const ALL: [Self; 8] =
        [CopyTo, CopyRange, CopyAt, DecryptInto, OpenBuffer, Reencrypt, CopyFrom, EncryptAt];

    const fn faults(self) -> &'static [Fault] {
        match self {
            CopyTo | Reencrypt | CopyRange | CopyAt => {
                &[Damage, DamageThenSource, SourceFails, SourcePanics, SinkFails, SinkPanics]
            }
            DecryptInto | OpenBuffer => &[Damage],
            CopyFrom | EncryptAt => &[SourceFails, SourcePanics, SinkFails, SinkPanics],
        }
    }

    /// Whether it works on a file or a buffer, which gets fewer threads than a stream.
    const fn is_of_files(self) -> bool {
        matches!(self, CopyRange | CopyAt | DecryptInto | OpenBuffer | EncryptAt)
    }
}

/// One run: a fault in some chunk of some batch, and so many threads.
#[derive(Clone, Copy, Debug)]
struct Run {
    way: Way,
    fault: Fault,
    batch: usize,
    chunk: usize,
    threads: usize,
}

/// What is made once for all runs.
struct Things {
    keys: Keys,
    context: Context,
    /// Plaintext and object of a stream, and of a file.
    sets: [(Vec<u8>, Vec<u8>); 2],
}

/// A panic that no hook prints.
struct OnPurpose;

/// What came of a run: how it ended, and the plaintext, or the length of the object, that it let out.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    end: End,
    released: Vec<u8>,
}

#[derive(PartialEq, Eq, Debug)]
enum End {
    Auth,
    Errno(i32),
    Panic,
    /// Any other, success among them.
    Other(String),
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// Bytes that end in an error or a panic.
struct Faulty<'a> {
    bytes: Cursor<&'a [u8]>,
    at: usize,
    panics: bool,
}

impl Faulty<'_> {
    fn fail(&self) -> io::Result<usize> {
        if self.panics {
            resume_unwind(Box::new(OnPurpose));
        }
        Err(io::Error::from_raw_os_error(EIO))
    }
}

impl Read for Faulty<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let position = usize::try_from(self.bytes.position()).unwrap();
        let room = out.len().min(self.at.saturating_sub(position));
        if room == 0 && self.at < self.bytes.get_ref().len() {
            return self.fail();
        }
        self.bytes.read(&mut out[..room])
    }
}

impl Seek for Faulty<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl ReadAt for Faulty<'_> {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes.get_ref();
        let read = bytes[..self.at.min(bytes.len())].read_at(out, offset)?;
        if read == 0 && self.at < bytes.len() { self.fail() } else { Ok(read) }
    }
}

/// A place for so many bytes.
struct Board {
    bytes: Mutex<Vec<u8>>,
    room: usize,
    panics: bool,
}

impl Board {
    fn new(room: usize, panics: bool) -> Self {
        Self { bytes: Mutex::new(Vec::new()), room, panics }
    }

    fn full(&self) -> io::Result<usize> {
        if self.panics {
            resume_unwind(Box::new(OnPurpose));
        }
        Err(io::Error::from_raw_os_error(ENOSPC))
    }

    fn take(self) -> Vec<u8> {
        self.bytes.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Write for &Board {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut board = self.bytes.lock().unwrap();
        let taken = bytes.len().min(self.room - board.len());
        if taken == 0 {
            return self.full();
        }
        board.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteAt for Board {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let end = usize::try_from(offset).unwrap() + bytes.len();
        if end > self.room { self.full() } else { Ok(bytes.len()) }
    }
}

impl Things {
    fn new() -> Self {
        let keys = Keys::from(MasterKey::generate().unwrap());
        let context = Context::new();
        let sets = [BATCHES, FILE_BATCHES].map(|batches| {
            let len = batches * BATCH + BATCH / 2 + CHUNK + 77;
            let text: Vec<u8> =
                (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 14)).to_le_bytes()[0]).collect();
            let object = keystead::encrypt(&keys.recipients(), &text, &context).unwrap();
            (text, object)
        });
        Self { keys, context, sets }
    }

    fn set(&self, way: Way) -> (&[u8], &[u8]) {
        let (text, object) = &self.sets[usize::from(way.is_of_files())];
        (text, object)
    }
}

/// Bytes before the first chunk.
fn front(text: &[u8], object: &[u8]) -> usize {
    object.len() - text.len() - 16 * (text.len() / CHUNK + 1)
}

impl Run {
    /// The number of the chunk at which it goes wrong.
    const fn place(self) -> usize {
        self.batch * 64 + self.chunk
    }

    /// What one thread would do, and so all must.
    fn expected(self, things: &Things) -> Outcome {
        let (text, object) = things.set(self.way);
        let end = match self.fault {
            Damage | DamageThenSource => End::Auth,
            SourceFails => End::Errno(EIO),
            SinkFails => End::Errno(ENOSPC),
            SourcePanics | SinkPanics => End::Panic,
        };
        // A panic takes the batch with it, and so does an error of encrypting; a failing sink takes
        // a piece as a whole or not at all.
        let chunks = match (self.way, self.fault) {
            (CopyTo | CopyRange, Damage | DamageThenSource | SourceFails) => self.place(),
            (CopyTo | CopyRange | CopyFrom, _) => self.batch * 64,
            _ => 0,
        };
        let released = if self.way == CopyFrom && matches!(self.fault, SinkFails | SinkPanics) {
            vec![0; front(text, object) + self.place() * SEALED_CHUNK]
        } else if self.way == CopyFrom {
            vec![0; front(text, object) + chunks * SEALED_CHUNK]
        } else {
            text[..chunks * CHUNK].to_vec()
        };
        Outcome { end, released }
    }

    fn go(self, things: &Things) -> Outcome {
        match self.way {
            CopyFrom | EncryptAt => self.encrypt(things),
            _ => self.decrypt(things),
        }
    }

    fn decrypt(self, things: &Things) -> Outcome {
        let (text, object) = things.set(self.way);
        let keys = &things.keys;
        let expected = Expected::from(&things.context).threads(Threads::new(self.threads));
        let mut object = object.to_vec();
        let place = front(text, &object) + self.place() * SEALED_CHUNK + 33;
        if matches!(self.fault, Damage | DamageThenSource) {
            object[place] ^= 4;
        }
        let at = match self.fault {
            SourceFails | SourcePanics => place,
            DamageThenSource => place + 64 * SEALED_CHUNK,
            _ => usize::MAX,
        };
        let source = Faulty { bytes: Cursor::new(&object), at, panics: self.fault == SourcePanics };
        let mut released = Vec::new();
        let (breaks, panics) =
            (matches!(self.fault, SinkFails | SinkPanics), self.fault == SinkPanics);
        let take = |text: &[u8]| {
            if breaks && released.len() == self.batch * BATCH {
                if panics {
                    resume_unwind(Box::new(OnPurpose));
                }
                return Err(io::Error::from_raw_os_error(ENOSPC).into());
            }
            released.extend_from_slice(text);
            Ok(())
        };
        let board = Board::new(if breaks { self.place() * CHUNK + 1 } else { usize::MAX }, panics);
        let ended = match self.way {
            CopyTo => {
                let mut reader = Decryptor::new(source, keys, expected).unwrap();
                let ended = caught(|| reader.copy_to(take));
                assert!(reader.copy_to(|_| Ok(())).is_err(), "{self:?}: it goes on");
                assert!(reader.read(&mut [0; 9]).is_err(), "{self:?}: it is read on");
                ended
            }
            CopyRange => {
                let mut reader = RangeReader::new(source, keys, expected).unwrap();
                caught(|| reader.copy_range(0..u64::MAX, take))
            }
            CopyAt => {
                let mut reader = RangeReader::new(source, keys, expected).unwrap();
                caught(|| reader.copy_at(&board))
            }
            DecryptInto => {
                let mut out = vec![1; text.len()];
                let ended = caught(|| keystead::decrypt_into(keys, &object, expected, &mut out));
                assert!(out.iter().all(|byte| *byte == 0), "{self:?}: plaintext is left");
                ended
            }
            OpenBuffer => {
                let object = object.clone();
                caught(|| PlaintextBuffer::decrypt(keys, object, expected))
            }
            _ => caught(|| {
                keystead::reencrypt(
                    source,
                    keys,
                    expected,
                    &keys.recipients(),
                    &EncryptOptions::new(),
                    &board,
                )
            }),
        };
        Outcome { end: ended, released }
    }

    fn encrypt(self, things: &Things) -> Outcome {
        let (text, object) = things.set(self.way);
        let (keys, context, threads) = (&things.keys, &things.context, Threads::new(self.threads));
        let recipients = &keys.recipients();
        let at = match self.fault {
            SourceFails | SourcePanics => self.place() * CHUNK + 33,
            _ => usize::MAX,
        };
        let source = Faulty { bytes: Cursor::new(text), at, panics: self.fault == SourcePanics };
        let room = match self.fault {
            SinkFails | SinkPanics => front(text, object) + self.place() * SEALED_CHUNK,
            _ => usize::MAX,
        };
        let board = Board::new(room, self.fault == SinkPanics);
        let len = u64::try_from(text.len()).unwrap();
        if self.way == EncryptAt {
            let options = EncryptOptions::new().threads(threads);
            let end = caught(|| {
                keystead::encrypt_at(&source, len, recipients, context, &options, &board)
            });
            return Outcome { end, released: Vec::new() };
        }
        let options = EncryptOptions::new().plaintext_len(len).threads(threads);
        let mut out = Encryptor::with_options(&board, recipients, context, &options).unwrap();
        let end = caught(|| out.copy_from(source));
        assert!(out.write_all(b"more").is_err(), "{self:?}: it goes on");
        assert!(out.finish().is_err(), "{self:?}: it is finished");
        // What is there is the beginning of an object.
        let made = board.take();
        let mut reader = Decryptor::new(&made[..], keys, context).unwrap();
        let mut back = Vec::new();
        reader.read_to_end(&mut back).unwrap_err();
        assert!(
            text.starts_with(&back)
                && made.len() - back.len()
                    < front(text, object) + SEALED_CHUNK + 16 * 64 * (BATCHES + 1)
        );
        Outcome { end, released: vec![0; made.len()] }
    }
}

fn caught<T>(work: impl FnOnce() -> keystead::Result<T>) -> End {
    match catch_unwind(AssertUnwindSafe(work)) {
        Err(panic) if panic.is::<OnPurpose>() => End::Panic,
        Err(panic) => resume_unwind(panic),
        Ok(Err(Error::Auth)) => End::Auth,
        Ok(Err(Error::Io(error))) if error.raw_os_error().is_some() => {
            End::Errno(error.raw_os_error().unwrap())
        }
        Ok(Err(error)) => End::Other(error.to_string()),
        Ok(Ok(_)) => End::Other("success".to_owned()),
    }
}

/// All runs, at one chunk of each batch.
fn runs(chunk: usize) -> impl Iterator<Item = Run> {
    let batches = |way: Way| {
        let step = if way.is_of_files() { 2 } else { 1 };
        (0..=BATCHES).map(move |batch| batch * step)
    };
    [3, 4, 8, 64].into_iter().flat_map(move |threads| {
        Way::ALL.into_iter().flat_map(move |way| {
            way.faults().iter().flat_map(move |fault| {
                batches(way).map(move |batch| Run { way, fault: *fault, batch, chunk, threads })
            })
        })
    })
}

/// Fails when `runs` are silent for too long, and leaves the thread that hangs to the end of the process.
fn watch(runs: impl FnOnce(&mpsc::Sender<String>) + Send + 'static) {
    let (tell, told) = mpsc::channel();
    let watched = thread::spawn(move || runs(&tell));
    let mut last = "the start".to_owned();
    let silent = loop {
        match told.recv_timeout(PATIENCE) {
            Ok(place) => last = place,
            Err(error) => break error,
        }
    };
    assert_ne!(silent, mpsc::RecvTimeoutError::Timeout, "hangs: {last}");
    watched.join().unwrap();
}

#[test]
fn nobody_waits_for_ever_and_all_release_the_same() {
    let long = std::env::var_os("KEYSTEAD_LONG").is_some();
    let wanted = if long { 100_000 } else { 1_000 };
    watch(move |tell| {
        let things = Things::new();
        let mut done = 0;
        // The last batch has 33 chunks and a short one.
        let mut all = (0..).flat_map(|round| runs((round * 7 + 3) % 32));
        let ended = all.try_for_each(|run| {
            tell.send(format!("{run:?}")).unwrap();
            let (outcome, expected) = (run.go(&things), run.expected(&things));
            let lens = (outcome.released.len(), expected.released.len());
            assert!(outcome == expected, "{run:?}: {:?}, released {lens:?}", outcome.end);
            done += 1;
            if done == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(ended.is_break());
        println!("{done} runs");
    });
}
