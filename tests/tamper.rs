//! Exhaustive damage to small objects: every bit, every cut, chunks and records moved about.
//! Nothing that was changed opens, and what a
//! stream has released by then is the longest authentic prefix, no more and no less.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Cursor, Read, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use keystead::{
    Context, Decryptor, EncryptOptions, Encryptor, Error, ErrorKind, Expected, Keys, Location,
    MasterKey, Metadata, PassphraseCosts, RangeReader, Recipient, Recipients,
};

const CHUNK: usize = 16_384;
const CHUNK_64: u64 = 16_384;
const SEALED_CHUNK: usize = CHUNK + 16;
/// Salt and commitment.
const PREFIX: usize = 56;

/// An object with what its reader has and expects.
struct Case {
    name: &'static str,
    keys: Keys,
    context: Context,
    object: Vec<u8>,
    text: Vec<u8>,
    /// Whether the statement has the length.
    stated: bool,
    /// All readers look at every change whose number this divides; the stream looks at each.
    thorough: usize,
}

impl Case {
    fn new(name: &'static str, key: MasterKey, len: usize, options: &EncryptOptions) -> Self {
        let recipients = Recipients::from(&key);
        Self::with_context(name, (recipients, key.into()), Context::new(), len, options)
    }

    fn anonymous(name: &'static str, key: MasterKey, options: &EncryptOptions) -> Self {
        let recipients = Recipients::from(Recipient::from(&key).anonymous());
        Self::with_context(name, (recipients, key.into()), Context::new(), 33, options)
    }

    fn with_context(
        name: &'static str,
        (recipients, keys): (Recipients, Keys),
        context: Context,
        len: usize,
        options: &EncryptOptions,
    ) -> Self {
        // No byte is zero, so that a wiped buffer and plaintext cannot be taken for each other.
        let text: Vec<u8> = (0..len).map(|i| u8::try_from(i % 255 + 1).unwrap()).collect();
        let object = encrypt(&recipients, &text, &context, options);
        Self { name, keys, context, stated: object[9 + 16] & 1 == 1, object, text, thorough: 1 }
    }

    fn expected(&self) -> Expected<'_> {
        Expected::from(&self.context)
    }

    fn header_len(&self) -> usize {
        usize::from(u16::from_be_bytes([self.object[7], self.object[8]])) * 8
    }

    fn front(&self) -> usize {
        self.header_len() + PREFIX
    }

    fn chunks(&self) -> Vec<&[u8]> {
        self.object[self.front()..].chunks(SEALED_CHUNK).collect()
    }

    /// Plaintext bytes of the leading chunks of `changed` that stand as the writer left them.
    fn authentic_prefix(&self, changed: &[u8]) -> usize {
        if !changed.starts_with(&self.object[..self.front()]) {
            return 0;
        }
        let pieces = changed[self.front()..].chunks(SEALED_CHUNK);
        let same = pieces.zip(self.chunks()).take_while(|(piece, chunk)| piece == chunk);
        same.map(|(piece, _)| piece.len() - 16).sum()
    }

    /// Where the record count stands, and each record.
    fn records(&self) -> (usize, Vec<Range<usize>>) {
        let object = &self.object;
        let u16_at = |at: usize| usize::from(u16::from_be_bytes([object[at], object[at + 1]]));
        let flags = object[9 + 16];
        let mut at = 9 + 16 + 1 + if flags & 1 == 0 { 0 } else { 8 };
        for field in [2, 4] {
            if flags & field != 0 {
                at += 2 + u16_at(at);
            }
        }
        at += 8;
        at += if object[at] == 0 { 1 } else { 1 + 32 };
        let count_at = at;
        at += 1;
        let mut records = Vec::new();
        for _ in 0..object[count_at] {
            let end = at + 3 + u16_at(at + 1);
            records.push(at..end);
            at = end;
        }
        (count_at, records)
    }

    fn record_bytes(&self) -> Vec<Vec<u8>> {
        self.records().1.into_iter().map(|range| self.object[range].to_vec()).collect()
    }

    /// The object with other records: count, padding and header length fit, the tag is the old one.
    fn with_records(&self, records: &[Vec<u8>]) -> Vec<u8> {
        let (count_at, _) = self.records();
        let mut header = self.object[..count_at].to_vec();
        header.push(u8::try_from(records.len()).unwrap());
        header.extend(records.concat());
        header.resize((header.len() + 32).next_multiple_of(8) - 32, 0);
        let units = u16::try_from((header.len() + 32) / 8).unwrap();
        header[7..9].copy_from_slice(&units.to_be_bytes());
        [&header, &self.object[self.header_len() - 32..]].concat()
    }

    /// The object with other chunks.
    fn with_chunks(&self, chunks: &[&[u8]]) -> Vec<u8> {
        [&self.object[..self.front()], &chunks.concat()].concat()
    }
}

/// As a stream, which states the length only where the options do.
fn encrypt(
    recipients: &Recipients,
    text: &[u8],
    context: &Context,
    options: &EncryptOptions,
) -> Vec<u8> {
    let mut writer = Encryptor::with_options(Vec::new(), recipients, context, options).unwrap();
    writer.write_all(text).unwrap();
    writer.finish().unwrap().out
}

fn symmetric() -> MasterKey {
    MasterKey::generate().unwrap()
}

fn pair() -> MasterKey {
    MasterKey::generate_pair().unwrap()
}

fn passphrase(text: &str) -> MasterKey {
    MasterKey::passphrase(text).unwrap()
}

fn small_cases() -> Vec<Case> {
    let plain = EncryptOptions::new();
    let rich = EncryptOptions::new()
        .metadata(Metadata::new().with(Metadata::NAME, "report.pdf"))
        .location(Location { store: "archive".to_owned(), path: "2026/report.pdf".to_owned() });
    let context = Context::from([("invoice", "42"), ("tenant", "acme")]);
    let (first, second, third) = (symmetric(), pair(), symmetric());
    let many = Recipients::from(&first).and(&second).and(Recipient::from(&third).anonymous());
    let many = (many, Keys::from(first).and(second).and(third));
    let mut cases = vec![
        Case::new("symmetric", symmetric(), 33, &EncryptOptions::new().plaintext_len(33)),
        Case::new("symmetric, empty", symmetric(), 0, &plain),
        Case::new("symmetric, empty, stated", symmetric(), 0, &plain.clone().plaintext_len(0)),
        Case::new("pair", pair(), 33, &plain),
        Case::anonymous("anonymous", symmetric(), &plain),
        Case::anonymous("anonymous pair", pair(), &plain),
        Case::with_context("several records", many, context, 33, &rich),
    ];
    // A private key opens in about a tenth of a millisecond, four readers more in as many.
    let slow = |case: &&mut Case| case.keys.iter().any(|key| key.public().is_some());
    cases.iter_mut().filter(slow).for_each(|case| case.thorough = 3);
    cases
}

/// Three chunks, the last short.
fn long_cases() -> Vec<Case> {
    let plain = EncryptOptions::new();
    let len = 2 * CHUNK + 100;
    let stated = EncryptOptions::new().plaintext_len(2 * CHUNK_64 + 100);
    let mut cases = vec![
        Case::new("chunks, stated", symmetric(), len, &stated),
        Case::new("chunks, not stated", symmetric(), len, &plain),
        Case::new("full chunks", symmetric(), 2 * CHUNK, &plain),
        Case::new(
            "full chunks, stated",
            symmetric(),
            2 * CHUNK,
            &EncryptOptions::new().plaintext_len(2 * CHUNK_64),
        ),
    ];
    cases.iter_mut().for_each(|case| case.thorough = 5);
    cases
}

/// Each change costs an Argon2id.
fn passphrase_case() -> Case {
    let key = passphrase("correct horse");
    let cheap = Recipient::from(&key).with_passphrase_costs(PassphraseCosts::FLOOR);
    let keys = (cheap.into(), key.into());
    let options = EncryptOptions::new();
    let case = Case::with_context("passphrase", keys, Context::new(), 1, &options);
    Case { thorough: 16, ..case }
}

type Change = Box<dyn Fn(&Case) -> Vec<u8> + Send + Sync>;

/// Every bit of header, salt and commitment; of the chunks every bit where they are short,
/// otherwise one in each byte.
fn flips(case: &Case) -> Vec<Change> {
    let all = case.object.len() < SEALED_CHUNK;
    let bits = (0..case.object.len() * 8)
        .filter(|bit| all || bit / 8 < case.front() || bit % 8 == bit / 8 % 8);
    let flip = |bit: usize| -> Change {
        Box::new(move |case| {
            let mut object = case.object.clone();
            object[bit / 8] ^= 1 << (bit % 8);
            object
        })
    };
    bits.map(flip).collect()
}

fn cuts(case: &Case) -> Vec<Change> {
    let cut = |len: usize| -> Change { Box::new(move |case| case.object[..len].to_vec()) };
    (0..case.object.len()).map(cut).collect()
}

fn appended(case: &Case) -> Vec<Change> {
    let chunk = case.chunks()[0].to_vec();
    let pieces = [vec![0], vec![0; 15], vec![0; 16], b"\n".to_vec(), chunk, case.object.clone()];
    let append =
        |piece: Vec<u8>| -> Change { Box::new(move |case| [&case.object[..], &piece].concat()) };
    pieces.into_iter().map(append).collect()
}

/// Chunks swapped, dropped, doubled, taken from another object of the same keys.
fn moved_chunks(case: &Case, twin: &Case) -> Vec<Change> {
    let count = case.chunks().len();
    let mut all: Vec<Change> = Vec::new();
    for i in 0..count {
        for j in i + 1..count {
            all.push(Box::new(move |case| {
                let mut chunks = case.chunks();
                chunks.swap(i, j);
                case.with_chunks(&chunks)
            }));
        }
        all.push(Box::new(move |case| {
            let mut chunks = case.chunks();
            chunks.remove(i);
            case.with_chunks(&chunks)
        }));
        all.push(Box::new(move |case| {
            let mut chunks = case.chunks();
            chunks.insert(i, chunks[i]);
            case.with_chunks(&chunks)
        }));
        let other = twin.chunks()[i].to_vec();
        all.push(Box::new(move |case| {
            let mut chunks = case.chunks();
            chunks[i] = &other;
            case.with_chunks(&chunks)
        }));
    }
    all
}

/// Records dropped, reordered, replaced by those of other objects, and added from them.
fn moved_records(case: &Case, others: &[&Case]) -> Vec<Change> {
    let own = case.record_bytes();
    let mut lists = Vec::new();
    for i in 0..own.len() {
        let mut fewer = own.clone();
        fewer.remove(i);
        lists.push(fewer);
        for j in i + 1..own.len() {
            let mut swapped = own.clone();
            swapped.swap(i, j);
            lists.push(swapped);
        }
    }
    for record in others.iter().flat_map(|other| other.record_bytes()) {
        for i in 0..own.len() {
            let mut replaced = own.clone();
            replaced[i] = record.clone();
            lists.push(replaced);
        }
        lists.push([&own[..], &[record]].concat());
    }
    let change = |records: Vec<Vec<u8>>| -> Change { Box::new(move |c| c.with_records(&records)) };
    lists.into_iter().map(change).collect()
}

/// The twin's header on this body, its body on this header, its salt and commitment between both.
fn crossed(twin: &Case) -> Vec<Change> {
    let (header, front) = (twin.header_len(), twin.front());
    let other = twin.object.clone();
    let prefix = other[header..front].to_vec();
    let (header, body) = (other[..header].to_vec(), other[header..].to_vec());
    vec![
        Box::new(move |case| [&header, &case.object[case.header_len()..]].concat()),
        Box::new(move |case| [&case.object[..case.header_len()], &body].concat()),
        Box::new(move |case| {
            let header = &case.object[..case.header_len()];
            [header, &prefix, &case.object[case.front()..]].concat()
        }),
    ]
}

/// Runs every change through the readers, on all processors.
fn refuse_all(case: &Case, changes: &[Change]) {
    assert!(reads(case), "{} opens before it is changed", case.name);
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(change) = changes.get(number) else { return };
                    let changed = change(case);
                    let what = format!("{}, change {number}", case.name);
                    assert_ne!(changed, case.object, "{what} changes nothing");
                    refuse_stream(case, &changed, &what);
                    if number.is_multiple_of(case.thorough) {
                        refuse_whole(case, &changed, &what);
                    }
                }
            });
        }
    });
}

fn reads(case: &Case) -> bool {
    keystead::decrypt(&case.keys, &case.object, case.expected()).is_ok_and(|t| t == case.text)
}

fn refuse_stream(case: &Case, changed: &[u8], what: &str) {
    let mut released = Vec::new();
    let authentic = &case.text[..case.authentic_prefix(changed)];
    match Decryptor::new(changed, &case.keys, case.expected()) {
        Err(error) => assert_ne!(error.kind(), ErrorKind::Io, "{what}"),
        Ok(mut reader) => {
            let error = reader.read_to_end(&mut released).expect_err(what);
            let class = Error::from_io(error).kind();
            assert_eq!(class, ErrorKind::Auth, "{what}");
            let again = reader.read(&mut [0; 16]).expect_err(what);
            assert_eq!(Error::from_io(again).kind(), class, "{what}: the error repeats");
        }
    }
    assert!(released == authentic, "{what}: {} bytes were released", released.len());
}

fn refuse_whole(case: &Case, changed: &[u8], what: &str) {
    let expected = case.expected();
    assert!(keystead::decrypt(&case.keys, changed, expected).is_err(), "{what}");
    let mut out = vec![0; changed.len()];
    assert!(keystead::decrypt_into(&case.keys, changed, expected, &mut out).is_err(), "{what}");
    assert!(out.iter().all(|byte| *byte == 0), "{what}: the caller's buffer holds plaintext");
    let mut buffer = changed.to_vec();
    assert!(keystead::decrypt_in_place(&case.keys, &mut buffer, expected).is_err(), "{what}");
    // As it was, where nothing of the body was opened; empty and wiped otherwise.
    assert!(
        buffer.is_empty() || buffer == changed,
        "{what}: the buffer in place holds something else"
    );
    let whole = RangeReader::new(Cursor::new(changed), &case.keys, expected);
    let whole = whole.and_then(|mut reader| {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map_err(Error::from_io)?;
        Ok(text)
    });
    assert!(whole.is_err(), "{what}: the range reader read it all");
}

/// Another object with the same keys, context and sizes.
fn twin(case: &Case) -> Case {
    let len = u64::try_from(case.text.len()).unwrap();
    let options =
        if case.stated { EncryptOptions::new().plaintext_len(len) } else { EncryptOptions::new() };
    let object = encrypt(&case.keys.recipients(), &case.text, &case.context, &options);
    let (name, context, text) = (case.name, case.context.clone(), case.text.clone());
    let (keys, stated) = (Keys::new(), case.stated);
    Case { name, keys, context, object, text, stated, thorough: 1 }
}

#[test]
fn every_bit_of_small_objects() {
    small_cases().iter().for_each(|case| refuse_all(case, &flips(case)));
}

#[test]
fn every_length_of_small_objects() {
    small_cases()
        .iter()
        .for_each(|case| refuse_all(case, &[cuts(case), appended(case)].concat_all()));
}

#[test]
fn records_of_other_objects() {
    let cases = small_cases();
    for case in &cases {
        let twin = twin(case);
        let strangers = cases.iter().filter(|other| other.name != case.name);
        let others: Vec<_> = strangers.chain([&twin]).collect();
        refuse_all(case, &[moved_records(case, &others), crossed(&twin)].concat_all());
    }
}

#[test]
fn chunks_moved_about() {
    for case in long_cases() {
        let twin = twin(&case);
        refuse_all(
            &case,
            &[moved_chunks(&case, &twin), appended(&case), crossed(&twin)].concat_all(),
        );
    }
}

#[test]
fn every_byte_of_three_chunks() {
    let cases = long_cases();
    cases[..2].iter().for_each(|case| refuse_all(case, &flips(case)));
}

#[test]
fn every_length_of_three_chunks() {
    long_cases()[1..].iter().for_each(|case| refuse_all(case, &cuts(case)));
}

#[test]
fn every_bit_and_length_of_a_passphrase_object() {
    let case = passphrase_case();
    let twin = twin(&case);
    let others = [&twin];
    let changes =
        [flips(&case), cuts(&case), appended(&case), moved_records(&case, &others), crossed(&twin)];
    refuse_all(&case, &changes.concat_all());
}

/// Lists of changes as one: boxes cannot be copied, so `concat` does not do.
trait ConcatAll {
    fn concat_all(self) -> Vec<Change>;
}

impl<const N: usize> ConcatAll for [Vec<Change>; N] {
    fn concat_all(self) -> Vec<Change> {
        self.into_iter().flatten().collect()
    }
}
