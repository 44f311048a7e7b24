//! Several threads do what one does: every length around a border, both directions, every way in;
//! and nothing unverified comes out where one of them fails.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::io::{self, Cursor, IoSliceMut, Write as _};
use std::sync::Mutex;

use keystead::{
    Context, Decryptor, EncryptOptions, Encryptor, Error, Expected, Keys, MasterKey, ObjectBuffer,
    PlaintextBuffer, RangeReader, ReadAt, Threads, WriteAt,
};

const CHUNK: usize = 16_384;
const BATCH: usize = 64 * CHUNK;
const LENGTHS: [usize; 14] = [
    0,
    1,
    CHUNK - 1,
    CHUNK,
    CHUNK + 1,
    BATCH - 1,
    BATCH,
    BATCH + 1,
    BATCH + CHUNK,
    4 * BATCH,
    8 * BATCH,
    8 * BATCH + 1,
    12 * BATCH - CHUNK,
    12 * BATCH + 5 * CHUNK + 77,
];

fn keys() -> Keys {
    Keys::from(MasterKey::generate().unwrap())
}

/// No two chunks are equal.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 14)).to_le_bytes()[0]).collect()
}

/// Bytes written at their places.
struct Board(Mutex<Vec<u8>>);

impl Board {
    fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

impl WriteAt for Board {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut board = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        // A short write now and then.
        let bytes = &bytes[..bytes.len().min(700_000)];
        let len = board.len().max(start + bytes.len());
        board.resize(len, 0);
        board[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

fn into(out: &mut Vec<u8>) -> impl FnMut(&[u8]) -> keystead::Result<()> {
    |text| {
        out.extend_from_slice(text);
        Ok(())
    }
}

fn decrypted(keys: &Keys, object: &[u8]) -> Vec<u8> {
    keystead::decrypt(keys, object, Context::unchecked()).unwrap()
}

#[test]
fn every_way_to_encrypt_makes_the_same_object() {
    let (keys, context) = (keys(), Context::new());
    let recipients = keys.recipients();
    for len in LENGTHS {
        let plain = text(len);
        for threads in [1, 2, 5].map(Threads::new) {
            let options = EncryptOptions::new().threads(threads);
            let size = keystead::encrypted_len(&recipients, len, &context, &options).unwrap();
            let mut object = vec![0; size];
            keystead::encrypt_into(&recipients, &plain, &context, &options, &mut object).unwrap();
            assert!(decrypted(&keys, &object) == plain, "encrypt_into, {len}, {threads:?}");

            let object = keystead::encrypt_with(&recipients, &plain, &context, &options).unwrap();
            assert!(decrypted(&keys, &object) == plain, "encrypt_with, {len}, {threads:?}");

            let board = Board::new();
            let source_len = u64::try_from(len).unwrap();
            let made =
                keystead::encrypt_at(&plain, source_len, &recipients, &context, &options, &board);
            let object = board.bytes();
            let keystead::Encrypted { len: made, floor, .. } = made.unwrap();
            assert_eq!((made, object.len()), (u64::try_from(size).unwrap(), size));
            keystead::decrypt(&keys, &object, context.included().not_before(floor)).unwrap();
            assert!(decrypted(&keys, &object) == plain, "encrypt_at, {len}, {threads:?}");

            let mut buffer =
                ObjectBuffer::new(vec![9; 100], len, &recipients, &context, &options).unwrap();
            let mut rest = &plain[..];
            for place in buffer.places() {
                io::Read::read_exact(&mut rest, place).unwrap();
            }
            let object = buffer.encrypt().unwrap();
            assert_eq!((object.len(), rest.len()), (size, 0));
            assert!(decrypted(&keys, &object) == plain, "ObjectBuffer, {len}, {threads:?}");
        }
    }
}

#[test]
fn an_encryptor_takes_readers_and_writes_in_any_mixture() {
    let (keys, context) = (keys(), Context::new());
    for len in LENGTHS {
        let plain = text(len);
        for (before, after) in [(0, 0), (1, 0), (0, 1), (CHUNK, 5), (CHUNK + 5, CHUNK)] {
            if before + after > len {
                continue;
            }
            let options = EncryptOptions::new()
                .plaintext_len(u64::try_from(len).unwrap())
                .threads(Threads::new(3));
            let mut out =
                Encryptor::with_options(Vec::new(), &keys.recipients(), &context, &options)
                    .unwrap();
            out.write_all(&plain[..before]).unwrap();
            let middle = &plain[before..len - after];
            let copied = out.copy_from(middle).unwrap();
            assert_eq!(copied, u64::try_from(middle.len()).unwrap());
            out.write_all(&plain[len - after..]).unwrap();
            let object = out.finish().unwrap().out;
            assert!(decrypted(&keys, &object) == plain, "{before}, {len}, {after}");
        }
    }
}

#[test]
fn every_way_to_decrypt_gives_the_same_text() {
    let (keys, context) = (keys(), Context::new());
    for len in LENGTHS {
        let plain = text(len);
        let object = keystead::encrypt(&keys.recipients(), &plain, &context).unwrap();
        let total = u64::try_from(len).unwrap();
        for threads in [1, 2, 5].map(Threads::new) {
            let expected = Expected::from(&context).threads(threads);
            assert!(
                keystead::decrypt(&keys, &object, expected).unwrap() == plain,
                "decrypt, {len}, {threads:?}"
            );
            let mut out = vec![0; len];
            keystead::decrypt_into(&keys, &object, expected, &mut out).unwrap();
            assert!(out == plain, "decrypt_into, {len}, {threads:?}");

            let opened = PlaintextBuffer::decrypt(&keys, object.clone(), expected);
            let pieces = opened.unwrap().pieces().collect::<Vec<_>>().concat();
            assert!(pieces == plain, "PlaintextBuffer, {len}, {threads:?}");

            let mut out = Vec::new();
            let mut reader = Decryptor::new(&object[..], &keys, expected).unwrap();
            // Some of it by hand, so that a begun chunk is given too.
            let mut start = vec![0; 100.min(len)];
            io::Read::read_exact(&mut reader, &mut start).unwrap();
            let copied = reader.copy_to(into(&mut out)).unwrap();
            assert_eq!(copied, total - u64::try_from(start.len()).unwrap());
            assert!([start, out].concat() == plain, "copy_to, {len}, {threads:?}");

            let board = Board::new();
            let mut reader = RangeReader::new(Cursor::new(&object), &keys, expected).unwrap();
            assert_eq!(reader.copy_at(&board).unwrap(), total);
            assert!(board.bytes() == plain, "copy_at, {len}, {threads:?}");
        }
    }
}

#[test]
fn ranges_give_exactly_what_was_asked_for() {
    let (keys, context) = (keys(), Context::new());
    let len = 9 * BATCH + 1_234;
    let plain = text(len);
    let object = keystead::encrypt(&keys.recipients(), &plain, &context).unwrap();
    let expected = Expected::from(&context).threads(Threads::new(2));
    let mut reader = RangeReader::new(Cursor::new(object), &keys, expected).unwrap();
    let places =
        [0, 1, CHUNK - 1, CHUNK, BATCH - 1, BATCH, BATCH + 1, 9 * BATCH, len - 1, len, len + 9];
    for start in places {
        for end in places {
            let range = u64::try_from(start).unwrap()..u64::try_from(end).unwrap();
            let mut out = Vec::new();
            let copied = reader.copy_range(range, into(&mut out)).unwrap();
            let wanted = plain.get(start..end.min(len)).unwrap_or_default();
            assert_eq!(copied, u64::try_from(wanted.len()).unwrap(), "{start}..{end}");
            assert!(out == wanted, "{start}..{end}");
        }
    }
}

/// Every way to open a changed object fails, and a stream has had exactly the chunks before.
#[test]
fn a_changed_chunk_ends_every_reader() {
    let (keys, context) = (keys(), Context::new());
    let expected = Expected::from(&context).threads(Threads::new(3));
    let plain = text(9 * BATCH + 5);
    let object = keystead::encrypt(&keys.recipients(), &plain, &context).unwrap();
    let front = object.len() - plain.len() - 577 * 16;
    let places =
        [front, front + 16_400 * 63 + 7, front + 16_400 * 64, front + 16_400 * 300 + 16_399];
    for place in places.into_iter().chain([object.len() - 1]) {
        let mut bad = object.clone();
        bad[place] ^= 0x10;
        let mut out = vec![1; plain.len()];
        let ended = keystead::decrypt_into(&keys, &bad, expected, &mut out);
        assert!(matches!(ended, Err(Error::Auth)));
        assert!(out.iter().all(|byte| *byte == 0), "the buffer is wiped");

        let mut out = Vec::new();
        let mut reader = Decryptor::new(&bad[..], &keys, expected).unwrap();
        assert!(matches!(reader.copy_to(into(&mut out)), Err(Error::Auth)));
        assert!(matches!(reader.copy_to(|_| Ok(())), Err(Error::Auth)), "it repeats");
        assert!(out == plain[..(place - front) / 16_400 * CHUNK], "the chunks before it");

        let mut out = Vec::new();
        let mut reader = RangeReader::new(Cursor::new(&bad), &keys, expected).unwrap();
        assert!(matches!(reader.copy_range(0..u64::MAX, into(&mut out)), Err(Error::Auth)));
        assert!(out == plain[..(place - front) / 16_400 * CHUNK], "the chunks before it");
        assert!(matches!(reader.copy_at(&Board::new()), Err(Error::Auth)));

        let opened = PlaintextBuffer::decrypt(&keys, bad.clone(), expected);
        assert!(matches!(opened, Err(Error::Auth)));
        let mut buffer = bad;
        assert!(keystead::decrypt_in_place(&keys, &mut buffer, &context).is_err());
        assert!(buffer.is_empty());
    }
}

#[test]
fn a_cut_object_ends_every_reader() {
    let (keys, context) = (keys(), Context::new());
    let expected = Expected::from(&context).threads(Threads::new(2));
    for options in [EncryptOptions::new(), EncryptOptions::new().plaintext_len(2 * 1_048_576)] {
        let mut writer =
            Encryptor::with_options(Vec::new(), &keys.recipients(), &context, &options).unwrap();
        writer.write_all(&text(2 * BATCH)).unwrap();
        let object = writer.finish().unwrap().out;
        for cut in [1, 15, 16, 17, 16 + 16_400, 16 + 64 * 16_400, 16 + 65 * 16_400 + 1] {
            let cut = &object[..object.len() - cut];
            let mut reader = Decryptor::new(cut, &keys, expected).unwrap();
            assert!(matches!(reader.copy_to(|_| Ok(())), Err(Error::Auth)));
            let ended = RangeReader::new(Cursor::new(cut), &keys, expected)
                .and_then(|mut reader| reader.copy_range(0..u64::MAX, |_| Ok(())));
            assert!(matches!(ended, Err(Error::Auth)));
        }
    }
}

/// A file that says it is longer, or shorter, than it is.
#[test]
fn a_source_of_another_length_makes_no_object() {
    let (keys, context) = (keys(), Context::new());
    let options = EncryptOptions::new().threads(Threads::new(2));
    let plain = text(3 * BATCH);
    for len in [0, 1, 3 * BATCH - 1, 3 * BATCH + 1, 9 * BATCH] {
        let source_len = u64::try_from(len).unwrap();
        let ended = keystead::encrypt_at(
            &plain,
            source_len,
            &keys.recipients(),
            &context,
            &options,
            &Board::new(),
        );
        assert!(matches!(ended, Err(Error::Io(_))), "{len}");

        let stated = options.clone().plaintext_len(source_len);
        let mut out =
            Encryptor::with_options(Vec::new(), &keys.recipients(), &context, &stated).unwrap();
        let ended = out.copy_from(&plain[..]).and_then(|_| out.finish());
        assert!(matches!(ended, Err(Error::Usage(_))), "{len}");
    }
}

/// Fails at one place.
struct Broken(u64);

impl ReadAt for Broken {
    fn read_at(&self, out: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let len = out.iter().map(|slice| slice.len()).sum::<usize>();
        if (offset..offset + u64::try_from(len).unwrap()).contains(&self.0) {
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(len)
    }
}

impl WriteAt for Broken {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut bytes = vec![0; bytes.len()];
        self.read_at(&mut [IoSliceMut::new(&mut bytes)], offset)
    }
}

#[test]
fn an_error_of_the_system_comes_back_whole() {
    let (keys, context, threads) = (keys(), Context::new(), Threads::new(3));
    let options = EncryptOptions::new().threads(threads);
    let expected = Expected::from(&context).threads(threads);
    let plain = text(9 * BATCH);
    let number = |ended: keystead::Result<u64>| match ended {
        Err(Error::Io(error)) => error.raw_os_error(),
        _ => None,
    };
    let len = u64::try_from(plain.len()).unwrap();
    let object = keystead::encrypt(&keys.recipients(), &plain, &context).unwrap();
    for place in [0, 1_000_000, 5_000_000, len - 1] {
        let broken = Broken(place);
        let ended = keystead::encrypt_at(
            &broken,
            len,
            &keys.recipients(),
            &context,
            &options,
            &Board::new(),
        );
        assert_eq!(number(ended.map(|made| made.len)), Some(5));
        let ended =
            keystead::encrypt_at(&plain, len, &keys.recipients(), &context, &options, &broken);
        assert_eq!(number(ended.map(|made| made.len)), Some(5));
        let mut reader = RangeReader::new(Cursor::new(&object), &keys, expected).unwrap();
        assert_eq!(number(reader.copy_at(&broken)), Some(5));
    }
    let mut seen = 0;
    let full = |text: &[u8]| {
        seen += text.len();
        if seen > 3_000_000 { Err(io::Error::from_raw_os_error(28).into()) } else { Ok(()) }
    };
    let mut reader = Decryptor::new(&object[..], &keys, expected).unwrap();
    assert_eq!(number(reader.copy_to(full)), Some(28));
}

/// A thread that panics ends the call in that panic, and nobody waits for it for ever.
#[test]
fn a_panic_of_the_callers_own_does_not_hang() {
    let (keys, context) = (keys(), Context::new());
    let object = keystead::encrypt(&keys.recipients(), &text(9 * BATCH), &context).unwrap();
    let expected = Expected::from(&context).threads(Threads::new(4));
    let ended = std::panic::catch_unwind(|| {
        let mut reader = Decryptor::new(&object[..], &keys, expected).unwrap();
        reader.copy_to(|_| -> keystead::Result<()> { panic!("on purpose") })
    });
    assert!(ended.is_err());
}

#[test]
#[cfg(unix)]
fn files_are_read_and_written_at_their_places() {
    let (keys, context) = (keys(), Context::new());
    let options = EncryptOptions::new().threads(Threads::new(2));
    let expected = Expected::from(&context).threads(Threads::new(2));
    let dir = tempfile::tempdir().unwrap();
    let plain = text(9 * BATCH + 77);
    std::fs::write(dir.path().join("plain"), &plain).unwrap();
    let source = std::fs::File::open(dir.path().join("plain")).unwrap();
    let object = std::fs::File::create_new(dir.path().join("object")).unwrap();
    let len = u64::try_from(plain.len()).unwrap();
    keystead::encrypt_at(&source, len, &keys.recipients(), &context, &options, &object).unwrap();
    let object = std::fs::File::open(dir.path().join("object")).unwrap();
    let back = std::fs::File::create_new(dir.path().join("back")).unwrap();
    let mut reader = RangeReader::new(object, &keys, expected).unwrap();
    assert_eq!(reader.copy_at(&back).unwrap(), len);
    assert!(std::fs::read(dir.path().join("back")).unwrap() == plain);
}

#[test]
fn a_new_object_of_an_old_one() {
    let (keys, context) = (keys(), Context::new());
    for len in LENGTHS {
        let plain = text(len);
        let object = keystead::encrypt(&keys.recipients(), &plain, &context).unwrap();
        for threads in [1, 3].map(Threads::new) {
            let expected = Expected::from(&context).threads(threads);
            let (recipients, options) = (keys.recipients(), EncryptOptions::new());
            let made = keystead::reencrypt(
                &object[..],
                &keys,
                expected,
                &recipients,
                &options,
                Vec::new(),
            );
            let made = made.unwrap();
            assert!(decrypted(&keys, &made.new.out) == plain, "{len}, {threads:?}");
        }
    }
}

/// Gives so many bytes, then an error.
struct Cut(usize);

impl io::Read for Cut {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(self.0);
        if len == 0 {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.0 -= len;
        out[..len].fill(7);
        Ok(len)
    }
}

/// What a reader gave before it failed is lost, so the object is, too.
#[test]
fn an_object_with_a_hole_is_not_finished() {
    let (keys, context) = (keys(), Context::new());
    let options = EncryptOptions::new().threads(Threads::new(2));
    for (before, given) in [(4, 100), (4, CHUNK + 100), (0, 100), (0, 3 * BATCH)] {
        let mut out =
            Encryptor::with_options(Vec::new(), &keys.recipients(), &context, &options).unwrap();
        out.write_all(&vec![7; before]).unwrap();
        assert!(matches!(out.copy_from(Cut(given)), Err(Error::Io(_))));
        assert!(out.copy_from(&[7; 10][..]).is_err(), "{before}, {given}");
        assert!(out.write_all(b"more").is_err());
        assert!(out.finish().is_err());
    }
}

/// A reader gets every batch before the one that fails, however the threads run.
#[test]
fn what_comes_before_a_bad_chunk_is_given() {
    let (keys, context) = (keys(), Context::new());
    let mut object = keystead::encrypt(&keys.recipients(), &text(16 * BATCH), &context).unwrap();
    let place = object.len() - 3 * 64 * 16_400;
    object[place] ^= 1;
    let expected = Expected::from(&context).threads(Threads::new(4));
    for _ in 0..20 {
        let mut given = 0;
        let mut reader = Decryptor::new(&object[..], &keys, expected).unwrap();
        let take = |text: &[u8]| {
            given += text.len();
            Ok(())
        };
        assert!(matches!(reader.copy_to(take), Err(Error::Auth)));
        // Behind the bad batch are two full ones, and the empty last chunk.
        assert_eq!(given, 13 * BATCH);
    }
}
